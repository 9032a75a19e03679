import type { Expression, NodeIndex, Reduction } from '../../ir/kernel.ts';
import { mapOperands, mapStored } from '../../ir/kernel-operands.ts';
import { align } from './fuse.ts';
import { type LoopNest, macsOf, NodeList, originsOf } from './loop-nest.ts';
import { neededNodes, storedAt } from './node-facts.ts';
import { keepsKinds, sharedLoad } from './sibling-reductions.ts';

// A maximum and the sums of powers by it in one pass over the terms, as softmax needs them: sums by a maximum that still grows are
// rescaled when it does (Milakov, Gimelshein 2018: Online normalizer calculation for softmax).

/**
 * Two kernels over the same points and terms as one, the first of which finds maxima and the second sums with powers by them; null
 * where they are none. It stores what both do.
 */
export function joinOnline(maxima: LoopNest, sums: LoopNest): LoopNest | null {
  if (maxima.staging || sums.staging || maxima.stores.some(({ indirect }) => indirect)) return null;
  if (!maxima.reductions.some(({ combiner }) => combiner === 'max')) return null;
  const aligned = align(maxima, sums, sharedLoad, ['parallel', 'reduced']);
  if (!aligned || !keepsKinds(...aligned)) return null;
  const [first, second] = aligned;
  const list = new NodeList();
  const copy = (node: Expression, image: readonly number[]) =>
    list.add(mapOperands(node, (operand) => image[operand]));
  const firstNode: number[] = [];
  for (const node of first.nodes) firstNode.push(copy(node, firstNode));
  const secondNode: number[] = [];
  for (const node of second.nodes) {
    const stored = storedAt(first, node);
    if (stored === null) return null;
    if (stored !== undefined) secondNode.push(firstNode[stored]);
    else if (node.kind === 'accumulator')
      secondNode.push(list.add({ ...node, reduction: first.reductions.length + node.reduction }));
    else secondNode.push(copy(node, secondNode));
  }
  const own = first.reductions.map((one) => ({ ...one, value: firstNode[one.value] }));
  const others = second.reductions.map((one) =>
    onlineSum(list, own, { ...one, value: secondNode[one.value] }),
  );
  if (others.every(({ rescaled }) => rescaled === undefined)) return null;
  const reductions = [...own, ...others];
  const needed = neededNodes(
    list,
    reductions.map(({ value }) => value),
  );
  if (list.nodes.some(({ kind }, k) => needed[k] && kind === 'accumulator')) return null;
  return {
    ...{ axes: first.axes, nodes: list.nodes, reductions },
    stores: [
      ...first.stores.map((store) => ({ ...store, value: firstNode[store.value] })),
      ...second.stores.map((store) => mapStored(store, (node) => secondNode[node])),
    ],
    ops: [...maxima.ops, ...sums.ops],
    origins: originsOf(maxima, sums),
    ...macsOf(maxima, sums),
  };
}

/** A sum of terms with a power by one of the maxima in front of it, as a sum of what is left of them that is rescaled; else as it is. */
function onlineSum(list: NodeList, maxima: readonly Reduction[], sum: Reduction): Reduction {
  const term = sum.combiner === 'sum' ? powerTerm(list.nodes, sum.value) : null;
  const shift = term && list.nodes[term.shift];
  if (!term || shift?.kind !== 'accumulator' || shift.dtype !== 'f32') return sum;
  const maximum = maxima[shift.reduction];
  if (maximum?.combiner !== 'max' || maximum.value !== term.exponent) return sum;
  return { combiner: 'sum', value: term.rest(list), rescaled: shift.reduction };
}

/** A term exp(exponent - shift) · rest. */
interface PowerTerm {
  readonly exponent: NodeIndex;
  readonly shift: NodeIndex;
  /** Adds the rest to the list that the term is in. */
  readonly rest: (list: NodeList) => NodeIndex;
}

function powerTerm(nodes: readonly Expression[], value: NodeIndex): PowerTerm | null {
  const node = nodes[value];
  if (node.kind !== 'apply' || node.dtype !== 'f32') return null;
  const [a, b, c] = node.operands;
  const within = (one: NodeIndex, rest: (list: NodeList, own: NodeIndex) => NodeIndex) => {
    const term = powerTerm(nodes, one);
    return term && { ...term, rest: (list: NodeList) => rest(list, term.rest(list)) };
  };
  const product = (factor: NodeIndex) => (list: NodeList, own: NodeIndex) => {
    const { op } = node;
    // A product with 1 is the other factor.
    if (op === 'mul' && isOne(list.nodes[own])) return factor;
    return list.add({ ...node, operands: [own, factor] });
  };
  switch (node.op) {
    case 'exp': {
      const difference = nodes[a];
      if (difference.kind !== 'apply' || difference.op !== 'sub') return null;
      const [exponent, shift] = difference.operands;
      return { exponent, shift, rest: (list) => list.add(constant(1)) };
    }
    case 'mul':
      return within(a, product(b)) ?? within(b, product(a));
    case 'div':
      return within(a, product(b));
    case 'select':
      return isZero(nodes[c])
        ? within(b, (list, own) => list.add({ ...node, operands: [a, own, c] }))
        : null;
    default:
      return null;
  }
}

const constant = (value: number): Expression => ({ kind: 'constant', dtype: 'f32', value });
const isOne = (node: Expression) => node.kind === 'constant' && node.value === 1;
const isZero = (node: Expression) => node.kind === 'constant' && node.value === 0;
