import { formatEquation, parseEquation } from '../../ir/einsum.ts';
import type { Graph, Node, NodeOf, ValueId } from '../../ir/graph.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { dropDead } from './index.ts';

/** Factors of one product that are looked at. */
const MOST_FACTORS = 16;

/** A product taken apart: `number` times all of `times`, divided by all of `over`. */
interface Product {
  readonly number: number;
  readonly times: readonly ValueId[];
  readonly over: readonly ValueId[];
}

/** A sum that a contraction which is there anyway has done most of. */
interface WeightedSum {
  /** Σ over what both have and `equation` leaves out. */
  readonly operands: readonly [ValueId, ValueId];
  readonly equation: string;
  /** What does not change along the axes that are summed. */
  readonly rest: Product;
}

/**
 * Sums of a contraction's results, weighted as another contraction weights the same operand, as sums of what that one made: with
 * c[q,k] = Σ_d a[q,d] b[k,d] and o[q,d] = Σ_k z[q,k] b[k,d] it is Σ_k c z = Σ_d a o. So the gradient of a softmax between two
 * products takes the sums of its rows from the attention's result and its gradient (FlashAttention-2, Dao 2023, section 3.1): no
 * pass over the scores is needed, and c is finished where it is made. What is summed is finite wherever the weights and `o` are.
 *
 * For graphs whose gradients are there and whose contractions have two operands.
 */
export function reuseWeightedSums(graph: Graph): Graph {
  const readers = contractionsOf(graph);
  if (readers.size === 0) return graph;
  const found = new Map<ValueId, WeightedSum>();
  for (const [value, node] of graph.nodes.entries()) {
    const sum = node.op === 'reduceSum' ? weightedSum(graph, node, value, readers) : null;
    if (sum) found.set(value, sum);
  }
  if (found.size === 0) return graph;
  return dropDead(
    rewriteGraph(graph, (node, value, rewriter) => {
      const sum = found.get(value);
      return sum ? emit(graph, node as NodeOf<'reduceSum'>, sum, rewriter) : null;
    }),
  );
}

/** The contractions of two operands, by operand. */
function contractionsOf({ nodes }: Graph): Map<ValueId, ValueId[]> {
  const readers = new Map<ValueId, ValueId[]>();
  for (const [value, { op, operands }] of nodes.entries()) {
    if (op !== 'contract' || operands.length !== 2) continue;
    for (const operand of new Set(operands)) {
      const list = readers.get(operand);
      if (list) list.push(value);
      else readers.set(operand, [value]);
    }
  }
  return readers;
}

function weightedSum(
  graph: Graph,
  node: NodeOf<'reduceSum'>,
  value: ValueId,
  readers: ReadonlyMap<ValueId, readonly ValueId[]>,
): WeightedSum | null {
  const product = factorsOf(graph, node.operands[0]);
  if (!product) return null;
  for (const [k, made] of product.times.entries()) {
    if (!isPair(graph.nodes[made])) continue;
    const others = { ...product, times: product.times.toSpliced(k, 1) };
    for (const side of [0, 1])
      for (const other of readers.get(graph.nodes[made].operands[side]) ?? []) {
        if (other === made || other >= value) continue;
        const sum = sharedSum(graph, node, { made, side, other }, others);
        if (sum) return sum;
      }
  }
  return null;
}

const isPair = (node: Node): node is NodeOf<'contract'> =>
  node.op === 'contract' && node.operands.length === 2;

/** Factors of elementwise products; null where there are too many. */
function factorsOf({ nodes }: Graph, root: ValueId): Product | null {
  let number = 1;
  const times: ValueId[] = [];
  const over: ValueId[] = [];
  const open = [{ value: root, isOver: false }];
  for (let one = open.pop(); one; one = open.pop()) {
    const { value, isOver } = one;
    const { op, operands, attributes } = nodes[value];
    if (op === 'mul' || op === 'neg') {
      if (op === 'neg') number = -number;
      for (const operand of operands) open.push({ value: operand, isOver });
    } else if (op === 'div')
      open.push({ value: operands[0], isOver }, { value: operands[1], isOver: !isOver });
    else if (op === 'constant' && !isOver) number *= attributes.value;
    else (isOver ? over : times).push(value);
    if (times.length + over.length + open.length > MOST_FACTORS) return null;
  }
  return { number, times, over };
}

/** A contraction whose results are summed, the operand that it shares with another one, and that other one. */
interface Shared {
  readonly made: ValueId;
  readonly side: number;
  readonly other: ValueId;
}

function sharedSum(
  graph: Graph,
  { attributes: { axes }, operands: [summed] }: NodeOf<'reduceSum'>,
  { made, side, other }: Shared,
  weights: Product,
): WeightedSum | null {
  const { nodes } = graph;
  const [maker, reader] = [nodes[made], nodes[other]];
  if (!isPair(maker) || !isPair(reader)) return null;
  const one = parseEquation(maker.attributes.equation);
  const two = parseEquation(reader.attributes.equation);
  if ('reason' in one || 'reason' in two) return null;
  const shared = maker.operands[side];
  const own = one.operands[1 - side];
  const place = reader.operands.indexOf(shared);
  const weighting = reader.operands[1 - place];
  const isAlike = nodes[weighting].type.shape.length === nodes[summed].type.shape.length;
  if (!isAlike || new Set(own).size < own.length) return null;
  const names = sameLetters([
    [two.operands[1 - place], one.output],
    [two.operands[place], one.operands[side]],
  ]);
  const result = names && [...two.output].map((letter) => names.get(letter)!);
  const along = axes.map((axis) => one.output[axis]);
  if (!result || !sameSet(result, [...own])) return null;
  const left = new Set([...names.values()].filter((letter) => !result.includes(letter)));
  if (!sameSet([...left], along)) return null;
  const size = (value: ValueId) => elementCount(nodes[value].type.shape);
  const operand = maker.operands[1 - side];
  if (size(operand) + size(other) >= size(made)) return null;
  const rest = quotient(weights, factorsOf(graph, weighting));
  if (!rest || ![...rest.times, ...rest.over].every((factor) => isSteady(graph, factor, axes)))
    return null;
  const output = [...one.output].filter((letter) => !along.includes(letter)).join('');
  const equation = formatEquation({ operands: [own, result.join('')], output });
  return { operands: [operand, other], equation, rest };
}

/** Which letter of the second term of each pair a letter of the first is; null where they are not one to one. */
function sameLetters(pairs: readonly (readonly [string, string])[]): Map<string, string> | null {
  const names = new Map<string, string>();
  for (const [from, to] of pairs)
    for (const [k, letter] of [...from].entries()) {
      const known = names.get(letter) ?? to[k];
      if (known !== to[k]) return null;
      names.set(letter, known);
    }
  return new Set(names.values()).size === names.size ? names : null;
}

const sameSet = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && new Set([...a, ...b]).size === a.length;

/** What is left of a product when another one is taken out of it; null where it is not in there. */
function quotient(product: Product, part: Product | null): Product | null {
  if (!part || part.number === 0) return null;
  const times = without(product.times, part.times);
  const over = without(product.over, part.over);
  return times && over && { number: product.number / part.number, times, over };
}

function without(all: readonly ValueId[], taken: readonly ValueId[]): ValueId[] | null {
  const left = [...all];
  for (const value of taken) {
    const place = left.indexOf(value);
    if (place < 0) return null;
    left.splice(place, 1);
  }
  return left;
}

/** Whether a value is the same all along some axes because it was broadcast along them. */
function isSteady({ nodes }: Graph, value: ValueId, along: readonly number[]): boolean {
  const node = nodes[value];
  if (node.op !== 'broadcast') return false;
  const { shape } = nodes[node.operands[0]].type;
  return node.attributes.axes.every((axis, k) => shape[k] === 1 || !along.includes(axis));
}

function emit(
  graph: Graph,
  { attributes: { axes }, type, source }: NodeOf<'reduceSum'>,
  { operands, equation, rest }: WeightedSum,
  rewriter: Rewriter,
): ValueId {
  const { image, append } = rewriter;
  /** A factor without the axes of the sum, along which it has extent 1. */
  const view = (factor: ValueId) => {
    const { operands, attributes } = graph.nodes[factor] as NodeOf<'broadcast'>;
    const kept = [...attributes.axes.keys()].filter((k) => !axes.includes(attributes.axes[k]));
    const { shape } = graph.nodes[operands[0]].type;
    const narrow = { shape: kept.map((k) => shape[k]) };
    const places = kept.map((k) => attributes.axes[k]);
    const left = {
      shape: type.shape,
      axes: places.map((axis) => axis - axes.filter((other) => other < axis).length),
    };
    return append(
      'broadcast',
      [append('reshape', [image[operands[0]]], narrow, source)],
      left,
      source,
    );
  };
  let sum = append(
    'contract',
    operands.map((operand) => image[operand]),
    { equation },
    source,
  );
  for (const factor of rest.times) sum = append('mul', [sum, view(factor)], {}, source);
  for (const factor of rest.over) sum = append('div', [sum, view(factor)], {}, source);
  if (rest.number === 1) return sum;
  if (rest.number === -1) return append('neg', [sum], {}, source);
  const number = { shape: type.shape, dtype: type.dtype, value: rest.number };
  return append('mul', [sum, append('constant', [], number, source)], {}, source);
}
