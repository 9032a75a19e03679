import {
  type Axis,
  type Expression,
  type NodeIndex,
  pointCount,
  type Reduction,
} from '../../ir/kernel.ts';
import { holdsInEveryRow, indexCondition } from '../../ir/kernel-conditions.ts';
import { nodesUnderReduction } from '../../ir/kernel-cost.ts';
import { mapOperands, mapStored } from '../../ir/kernel-operands.ts';
import { type AddressLink, align } from './fuse.ts';
import { type LoopNest, macsOf, NodeList, originsOf } from './loop-nest.ts';
import { neededNodes, storedAt } from './node-facts.ts';
import { fullLoads, keepsKinds, sharedLoad } from './sibling-reductions.ts';

// A maximum and the sums of powers by it in one pass over the terms, as softmax needs them: sums by a maximum that still grows are
// rescaled when it does (Milakov, Gimelshein 2018: Online normalizer calculation for softmax).

/**
 * Two kernels over the same points and terms as one, the first of which finds maxima and the second sums with powers by them; null
 * where they are none. It stores what both do.
 */
export function joinOnline(maxima: LoopNest, sums: LoopNest): LoopNest | null {
  if (maxima.staging || sums.staging) return null;
  const aligned = align(maxima, sums, sharedLoad, ['parallel', 'reduced']);
  return aligned && keepsKinds(...aligned) ? joinAligned(...aligned, () => true) : null;
}

/**
 * A kernel that finds maxima and sums of rows, and one that needs them in the terms of its own sums, over the same terms but for more
 * points, as one that stores what the second does: so attention needs no more than one pass over the keys. Null where they are none.
 *
 * @param keeps whether a tensor that the first stores is read by others too, as the gradient does
 */
export function joinWeighted(
  rows: LoopNest,
  sums: LoopNest,
  keeps: (tensor: number) => boolean,
): LoopNest | null {
  if (rows.staging || sums.staging) return null;
  const aligned = align(sums, rows, rowLoad, ['parallel', 'reduced']);
  if (!aligned) return null;
  const [second, first] = aligned;
  const isReduced = second.axes.map(({ kind }) => kind === 'reduced');
  const isOfRows = first.stores.every(
    ({ index, indirect }) =>
      !indirect && index.coefficients.every((c, axis) => c === 0 || !isReduced[axis]),
  );
  // All terms are those of each row, and no more.
  const isSame = pointCount(rows, 'reduced') === pointCount(second, 'reduced');
  return isSame && isOfRows ? joinAligned(first, second, keeps) : null;
}

/** A load of the second kernel for each term of each row, of the same tensor as one of the first, which may load it for several points. */
function rowLoad(first: LoopNest, second: LoopNest): AddressLink | null {
  const others = fullLoads(second);
  for (const node of first.nodes) {
    if (node.kind !== 'load' || node.bounds.length > 0 || node.indirect) continue;
    const same = others.find(
      (one) => one.buffer === node.buffer && one.index.offset === node.index.offset,
    );
    if (same) return { from: node.index, to: same.index };
  }
  return null;
}

/** Two kernels over the same axes as one. What the first stores, the second finds in its sums; `keeps` says what others read too. */
function joinAligned(
  first: LoopNest,
  second: LoopNest,
  keeps: (tensor: number) => boolean,
): LoopNest | null {
  if (first.stores.some(({ indirect }) => indirect)) return null;
  if (!first.reductions.some(({ combiner }) => combiner === 'max')) return null;
  const list = new NodeList();
  const copy = (node: Expression, image: readonly number[]) =>
    list.add(mapOperands(node, (operand) => image[operand]));
  const firstNode: number[] = [];
  for (const node of first.nodes) firstNode.push(copy(node, firstNode));
  const own = first.reductions.map((one) => ({ ...one, value: firstNode[one.value] }));
  const under = nodesUnderReduction(second);
  const secondNode: number[] = [];
  for (const [k, node] of second.nodes.entries()) {
    if (!under[k]) continue;
    const stored = storedAt(first, node);
    if (stored === null) return null;
    secondNode[k] = stored === undefined ? copy(node, secondNode) : firstNode[stored];
  }
  const others = second.reductions.map((one) =>
    onlineSum(list, first.axes, own, { ...one, value: secondNode[one.value] }),
  );
  if (others.every(({ reduction }) => reduction.rescaled === undefined)) return null;
  const reductions = [...own, ...others.map(({ reduction }) => reduction)];
  const needed = neededNodes(
    list,
    reductions.map(({ value }) => value),
  );
  if (list.nodes.some(({ kind }, k) => needed[k] && kind === 'accumulator')) return null;
  for (const [k, node] of second.nodes.entries()) {
    if (under[k]) continue;
    const stored = storedAt(first, node);
    if (stored === null) return null;
    if (stored !== undefined) secondNode[k] = firstNode[stored];
    else if (node.kind === 'accumulator') {
      const reduction = first.reductions.length + node.reduction;
      secondNode[k] = others[node.reduction].finish(list, list.add({ ...node, reduction }));
    } else secondNode[k] = copy(node, secondNode);
  }
  return {
    ...{ axes: first.axes, nodes: list.nodes, reductions },
    stores: [
      ...second.stores.map((store) => mapStored(store, (node) => secondNode[node])),
      ...first.stores.flatMap((store) =>
        keeps(store.buffer) ? { ...store, value: firstNode[store.value] } : [],
      ),
    ],
    ops: [...first.ops, ...second.ops],
    origins: originsOf(first, second),
    ...macsOf(first, second),
  };
}

/** A sum, and what makes of its result that of the sum that it stands for. */
interface OnlineSum {
  readonly reduction: Reduction;
  readonly finish: (list: NodeList, total: NodeIndex) => NodeIndex;
}

/** A sum of terms with a power by one of the maxima in front of it, as a sum of what is left of them that is rescaled; else as it is. */
function onlineSum(
  list: NodeList,
  axes: readonly Axis[],
  maxima: readonly Reduction[],
  sum: Reduction,
): OnlineSum {
  const asItIs: OnlineSum = { reduction: sum, finish: (_, total) => total };
  const term = sum.combiner === 'sum' ? powerTerm(list.nodes, sum.value) : null;
  const shift = term && list.nodes[term.shift];
  if (!term || shift?.kind !== 'accumulator' || shift.dtype !== 'f32') return asItIs;
  const maximum = maxima[shift.reduction];
  if (maximum?.combiner !== 'max' || maximum.value !== term.exponent) return asItIs;
  if (term.seen !== null && !isHarmless(list.nodes, axes, term.seen, term.exponent)) return asItIs;
  return {
    reduction: { combiner: 'sum', value: term.rest(list), rescaled: shift.reduction },
    finish: (into, total) =>
      term.divisors.reduce(
        (quotient, divisor) =>
          into.add({ kind: 'apply', dtype: 'f32', op: 'div', operands: [quotient, divisor] }),
        total,
      ),
  };
}

/** A term exp(exponent - shift) · rest, over results of other reductions. */
interface PowerTerm {
  readonly exponent: NodeIndex;
  readonly shift: NodeIndex;
  readonly divisors: readonly NodeIndex[];
  /** The condition where it fails of which the term is 0, whatever the power and the divisors are; null without one. */
  readonly seen: NodeIndex | null;
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
      const rest = (list: NodeList) => list.add(constant(1));
      return { exponent, shift, divisors: [], seen: null, rest };
    }
    case 'mul':
      return within(a, product(b)) ?? within(b, product(a));
    case 'div': {
      const dividend = powerTerm(nodes, a);
      if (!dividend) return null;
      return nodes[b].kind === 'accumulator'
        ? { ...dividend, divisors: [...dividend.divisors, b] }
        : within(a, product(b));
    }
    case 'select': {
      if (!isZero(nodes[c])) return null;
      const term = within(b, (list, own) => list.add({ ...node, operands: [a, own, c] }));
      return term && term.seen === null ? { ...term, seen: a } : null;
    }
    default:
      return null;
  }
}

/**
 * Whether a power may leave a select that replaces its term by 0. Where the condition fails, the power is 0 then, as its exponent is -Infinity, but for rows
 * whose powers and sums are no numbers: these have a term that is seen, so that their sums were none either.
 */
function isHarmless(
  nodes: readonly Expression[],
  axes: readonly Axis[],
  seen: NodeIndex,
  exponent: NodeIndex,
): boolean {
  const hidden = nodes[exponent];
  if (hidden.kind !== 'apply' || hidden.op !== 'select' || hidden.operands[0] !== seen)
    return false;
  const otherwise = nodes[hidden.operands[2]];
  const isNothing = otherwise.kind === 'constant' && otherwise.value === Number.NEGATIVE_INFINITY;
  const condition = indexCondition(nodes, seen);
  return isNothing && condition !== null && holdsInEveryRow(condition, axes);
}

const constant = (value: number): Expression => ({ kind: 'constant', dtype: 'f32', value });
const isOne = (node: Expression) => node.kind === 'constant' && node.value === 1;
const isZero = (node: Expression) => node.kind === 'constant' && node.value === 0;
