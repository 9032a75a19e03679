import { formatEquation, letterExtents, parseEquation } from '../../ir/einsum.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { type ContractionTree, contractionOrder, type SearchOptions } from './tree.ts';

/**
 * Rewrites every contraction into pairwise ones in the cheapest order. What only one operand carries is summed, and
 * diagonals are taken, before the search; afterwards every contraction has one or two operands with distinct letters.
 */
export function orderContractions(graph: Graph, options: OrderOptions = {}): Graph {
  const trained = options.trains ? dependsOnParameters(graph) : new Uint8Array(graph.nodes.length);
  return rewriteGraph(graph, (node, _, rewriter) => {
    if (node.op !== 'contract') return null;
    const wanted = node.operands.map((operand) => trained[operand] === 1);
    return pairwise(node, rewriter, { ...options, wanted });
  });
}

export interface OrderOptions extends Pick<SearchOptions, 'objective'> {
  /** The graph will be differentiated with respect to its parameters: the order counts their gradients in. */
  readonly trains?: boolean;
}

function dependsOnParameters({ nodes }: Graph): Uint8Array {
  const depends = new Uint8Array(nodes.length);
  nodes.forEach(({ op, type, operands }, value) => {
    if (type.dtype !== 'f32') return;
    if (op === 'parameter' || operands.some((operand) => depends[operand])) depends[value] = 1;
  });
  return depends;
}

interface Part {
  readonly value: ValueId;
  readonly term: string;
}

function pairwise(node: NodeOf<'contract'>, rewriter: Rewriter, search: SearchOptions): ValueId {
  const equation = parseEquation(node.attributes.equation);
  if ('reason' in equation) throw new Error(`unverified graph: ${equation.reason}`);
  const operands = node.operands.map((operand) => rewriter.image[operand]);
  const extents = letterExtents(
    equation,
    operands.map((operand) => rewriter.builder.shapeOf(operand)),
  ) as Map<string, number>;
  const { output } = equation;
  const contract = (parts: readonly Part[], result: string): ValueId =>
    rewriter.append(
      'contract',
      parts.map((part) => part.value),
      { equation: formatEquation({ operands: parts.map((part) => part.term), output: result }) },
      node.source,
    );

  // With one operand the sum itself is the contraction.
  if (operands.length === 1)
    return contract([{ value: operands[0], term: equation.operands[0] }], output);
  const prepared = operands.map((value, k): Part => {
    const term = equation.operands[k];
    const kept = [...new Set(term)]
      .filter(
        (letter) =>
          output.includes(letter) ||
          equation.operands.some((other, j) => j !== k && other.includes(letter)),
      )
      .join('');
    return kept === term
      ? { value, term }
      : { value: contract([{ value, term }], kept), term: kept };
  });
  const { tree } = contractionOrder(
    prepared.map((part) => part.term),
    output,
    extents,
    search,
  );
  // Letters that parts still to be contracted carry, counted, so that a letter is summed with its last carrier.
  const carriers = new Map<string, number>();
  for (const { term } of prepared)
    for (const letter of term) carriers.set(letter, (carriers.get(letter) ?? 0) + 1);

  // The depth is bounded by the number of operands of one einsum.
  const walk = (subtree: ContractionTree, isRoot: boolean): Part => {
    if (typeof subtree === 'number') return prepared[subtree];
    const left = walk(subtree[0], false);
    const right = walk(subtree[1], false);
    const letters = new Set([...left.term, ...right.term]);
    for (const letter of letters) {
      const merged = Number(left.term.includes(letter)) + Number(right.term.includes(letter)) - 1;
      carriers.set(letter, carriers.get(letter)! - merged);
    }
    const kept = [...letters].filter(
      (letter) => output.includes(letter) || carriers.get(letter)! > 1,
    );
    const term = isRoot ? output : kept.join('');
    return { value: contract([left, right], term), term };
  };
  return walk(tree, true).value;
}
