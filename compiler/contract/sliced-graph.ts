import { formatEquation, parseEquation } from '../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { lowPeakOrder } from './pareto.ts';
import { type ContractionTree, createProblem, keptLetters } from './problem.ts';
import {
  type Slice,
  type SliceOperation,
  sliceProgram,
  type TreedEinsum,
} from './slice-program.ts';
import { findSlices } from './slicing.ts';

// A group is a tree of pairwise contractions of which each but the root is read by the next alone: its intermediates need
// never exist as a whole. After differentiation, what the backward pass reads has a second reader and bounds the groups.

/** A tree of contractions as one einsum over letters of its own. */
interface Group extends TreedEinsum {
  readonly root: ValueId;
  /** The values that the tree starts from. */
  readonly leaves: readonly ValueId[];
}

/** Letters of a group; one that needs more stays as it is. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * Runs groups of contractions whose intermediates take more than `most` elements at once in slices of an index, the batch
 * or another, so that only a slice of each intermediate exists at a time. The multiply-adds stay what they are.
 */
export function sliceContractions(graph: Graph, most: number): Graph {
  const slices = new Map<ValueId, readonly [Group, readonly Slice[]]>();
  for (const group of findGroups(graph)) {
    const found = findSlices(group, most + sizeOfResult(group)).slices;
    if (found.length > 0) slices.set(group.root, [group, found]);
  }
  if (slices.size === 0) return graph;
  return rewriteGraph(graph, (_, value, rewriter) => {
    const sliced = slices.get(value);
    return sliced ? emitSlices(graph, rewriter, ...sliced) : null;
  });
}

const sizeOfResult = ({ output, extents }: Group) =>
  elementCount([...output].map((letter) => extents.get(letter)!));

function findGroups({ nodes, outputs, updates }: Graph): Group[] {
  const uses = new Int32Array(nodes.length);
  const user = new Int32Array(nodes.length).fill(-1);
  nodes.forEach(({ operands }, value) => {
    for (const operand of operands) {
      uses[operand]++;
      user[operand] = value;
    }
  });
  for (const { value } of [...outputs, ...updates]) uses[value] += 2;
  const isPairwise = (value: ValueId) =>
    nodes[value].op === 'contract' && nodes[value].operands.length === 2;
  const isInner = (value: ValueId) =>
    isPairwise(value) && uses[value] === 1 && isPairwise(user[value]);
  return nodes.flatMap((_, root) => {
    if (!isPairwise(root) || isInner(root) || !nodes[root].operands.some(isInner)) return [];
    const group = groupAt(nodes as Graph['nodes'], root, isInner);
    return group ? [group] : [];
  });
}

/** Null where letters run out, or where a letter is summed that one operand alone carries. */
function groupAt(
  nodes: Graph['nodes'],
  root: ValueId,
  isInner: (value: ValueId) => boolean,
): Group | null {
  let next = 0;
  const extents = new Map<string, number>();
  const fresh = (extent: number) => {
    const letter = LETTERS[next++] ?? '';
    extents.set(letter, extent);
    return letter;
  };
  const output = nodes[root].type.shape.map(fresh).join('');
  const terms = new Map<ValueId, string>([[root, output]]);
  const inner: ValueId[] = [];
  const leaves: ValueId[] = [];
  const operands: string[] = [];
  const leafNumbers = new Map<string, number>();
  // From the root down: each contraction's letters are those of its result, and new ones for what it sums.
  for (const pending = [root]; pending.length > 0; ) {
    const value = pending.pop()!;
    inner.push(value);
    const node = nodes[value] as NodeOf<'contract'>;
    const equation = parseEquation(node.attributes.equation);
    if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
    const image = new Map([...equation.output].map((letter, k) => [letter, terms.get(value)![k]]));
    node.operands.forEach((operand, k) => {
      const { shape } = nodes[operand].type;
      const term = [...equation.operands[k]].map((letter, axis) => {
        if (!image.has(letter)) image.set(letter, fresh(shape[axis]));
        return image.get(letter)!;
      });
      if (isInner(operand)) {
        terms.set(operand, term.join(''));
        pending.push(operand);
      } else {
        leafNumbers.set(`${value}:${k}`, operands.push(term.join('')) - 1);
        leaves.push(operand);
      }
    });
  }
  if (next > LETTERS.length || keptLetters(operands, output).join() !== operands.join())
    return null;
  const trees = new Map<ValueId, ContractionTree>();
  for (const value of inner.reverse()) {
    const [left, right] = nodes[value].operands.map(
      (operand, k) => leafNumbers.get(`${value}:${k}`) ?? trees.get(operand)!,
    );
    trees.set(value, [left, right]);
  }
  const wanted = operands.map(() => false);
  const tree = lowPeakOrder(createProblem(operands, output, extents), trees.get(root)!);
  return { root, leaves, operands, output, extents, wanted, tree };
}

/** Appends the operations of one group in slices; returns the group's result. */
function emitSlices(
  { nodes }: Graph,
  { image, append }: Rewriter,
  group: Group,
  slices: readonly Slice[],
): ValueId {
  const { source } = nodes[group.root];
  const values: ValueId[] = [];
  const emit = (operation: SliceOperation): ValueId => {
    switch (operation.kind) {
      case 'operand': {
        const { operand, ranges } = operation;
        const value = image[group.leaves[operand]];
        if (ranges.size === 0) return value;
        const spans = [...group.operands[operand]].map(
          (letter) => ranges.get(letter) ?? ([0, group.extents.get(letter)!] as const),
        );
        const starts = spans.map(([start]) => start);
        const sizes = spans.map(([start, end]) => end - start);
        return append('slice', [value], { starts, sizes }, source);
      }
      case 'contract': {
        const { terms, result } = operation.step;
        const equation = formatEquation({ operands: terms, output: result });
        const sides = [values[operation.left], values[operation.right]];
        return append('contract', sides, { equation }, source);
      }
      case 'add':
        return append('add', [values[operation.sum], values[operation.part]], {}, source);
      case 'concat': {
        const parts = operation.parts.map((part) => values[part]);
        return append('concat', parts, { axis: operation.axis }, source);
      }
    }
  };
  for (const operation of sliceProgram(group, slices).operations) values.push(emit(operation));
  return values[values.length - 1];
}
