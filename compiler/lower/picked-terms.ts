import type { Affine, Expression } from '../../ir/kernel.ts';
import { mapOperands, mapStored } from '../../ir/kernel-operands.ts';
import { canonicalise } from './canonicalise.ts';
import { type LoopNest, NodeList, withAxes } from './loop-nest.ts';
import { neededNodes, variesAlong } from './node-facts.ts';

// A sum over classes that counts only the class of a label, as the loss of a row is, has one term: it is read where the label says.

/** An axis of which a sum has the term of one index alone: that which makes `index` what `label` is. */
interface Pick {
  readonly axis: number;
  /** The node that compares the two. */
  readonly comparison: number;
  readonly label: number;
  /** What the label is less than the index of the axis, by the other axes. */
  readonly origin: Affine;
}

/**
 * A sum whose terms are 0 but where an index is what a label says, as a kernel that computes this term alone: without the axis, and
 * with 0 where the axis has no such index. Other kernels stay as they are.
 */
export function pickTerms(nest: LoopNest): LoopNest {
  const pick = pickOf(nest);
  return (pick && picked(nest, pick)) ?? nest;
}

function pickOf(nest: LoopNest): Pick | null {
  const { nodes, reductions } = nest;
  const [sum, ...others] = reductions;
  if (sum?.combiner !== 'sum' || others.length > 0) return null;
  const value = nodes[sum.value];
  if (value.kind !== 'apply' || value.op !== 'select') return null;
  const [condition, , otherwise] = value.operands;
  if (!isZero(nodes[otherwise])) return null;
  return required(nodes, condition)
    .map((comparison) => comparisonWith(nest, comparison))
    .reduce((found, one) => found ?? one, null);
}

const isZero = (node: Expression) => node.kind === 'constant' && node.value === 0;

/** Conditions without which a condition does not hold. */
function required(nodes: LoopNest['nodes'], condition: number): number[] {
  const found: number[] = [];
  for (const open = [condition]; open.length > 0; ) {
    const one = open.pop()!;
    found.push(one);
    const node = nodes[one];
    if (node.kind !== 'apply') continue;
    if (node.op === 'and') open.push(...node.operands);
    if (node.op === 'select' && isZero(nodes[node.operands[2]]))
      open.push(...node.operands.slice(0, 2));
  }
  return found;
}

/** Whether a node compares the index of a reduced axis with what does not change along it. */
function comparisonWith(nest: LoopNest, comparison: number): Pick | null {
  const { axes, nodes } = nest;
  const node = nodes[comparison];
  if (node.kind !== 'apply' || node.op !== 'eq') return null;
  for (const [own, label] of [node.operands, node.operands.toReversed()]) {
    const counted = nodes[own];
    if (counted.kind !== 'index') continue;
    const { offset, coefficients } = counted.index;
    const axis = axes.findIndex(
      ({ kind, extent }, k) => kind === 'reduced' && extent > 1 && coefficients[k] === 1,
    );
    const along = axes.map((_, k) => k === axis);
    if (axis < 0 || variesAlong(nest, along)[label]) continue;
    return {
      axis,
      comparison,
      label,
      origin: { offset, coefficients: coefficients.with(axis, 0) },
    };
  }
  return null;
}

/** Null where something varies along the axis that no label can stand for. */
function picked(nest: LoopNest, { axis, comparison, label, origin }: Pick): LoopNest | null {
  const { extent } = nest.axes[axis];
  const list = new NodeList();
  const image: number[] = [];
  const integer = (op: 'add' | 'sub' | 'mul' | 'and' | 'ge' | 'lt', ...operands: number[]) =>
    list.add({ kind: 'apply', dtype: 'i32', op, operands });
  const constant = (value: number) => list.add({ kind: 'constant', dtype: 'i32', value });
  const without = (affine: Affine): Affine => ({
    ...affine,
    coefficients: affine.coefficients.with(axis, 0),
  });
  const isNothing = ({ offset, coefficients }: Affine) =>
    offset === 0 && coefficients.every((one) => one === 0);
  const place = () =>
    isNothing(origin)
      ? image[label]
      : integer('sub', image[label], list.add({ kind: 'index', dtype: 'i32', index: origin }));
  const isInside = () =>
    integer('and', integer('ge', place(), constant(0)), integer('lt', place(), constant(extent)));
  const moved = (index: Affine) => index.coefficients[axis] !== 0;
  // The label first, which nodes in front of it may go by.
  const early = neededNodes(nest, [label]);
  const order = [...nest.nodes.keys()].sort((a, b) => early[b] - early[a] || a - b);
  for (const k of order) {
    const node = nest.nodes[k];
    const mapped = mapOperands(node, (operand) => image[operand]);
    const isBound =
      (mapped.kind === 'load' || mapped.kind === 'inBounds') &&
      mapped.bounds.some(({ index }) => moved(index));
    if (isBound || (mapped.kind === 'random' && moved(mapped.counter))) return null;
    if (k === comparison) image[k] = isInside();
    else if (mapped.kind === 'load' && moved(mapped.index)) {
      const stride = mapped.index.coefficients[axis];
      if (mapped.indirect || stride < 0) return null;
      const indirect = { node: place(), stride, extent };
      image[k] = list.add({ ...mapped, index: without(mapped.index), indirect });
    } else if (mapped.kind === 'index' && moved(mapped.index)) {
      const rest = list.add({ ...mapped, index: without(mapped.index) });
      const steps = integer('mul', place(), constant(mapped.index.coefficients[axis]));
      image[k] = integer('add', rest, steps);
    } else if (mapped.kind === 'accumulator' && isLast(nest, axis))
      image[k] = image[nest.reductions[0].value];
    else image[k] = list.add(mapped);
  }
  const { value } = nest.reductions[0];
  // Multiply-adds are those of the terms that are left.
  const { macs, ...rest } = nest;
  const whole: LoopNest = {
    ...rest,
    ...(macs === undefined || isLast(nest, axis) ? {} : { macs: macs / extent }),
    nodes: list.nodes,
    reductions: isLast(nest, axis) ? [] : [{ ...nest.reductions[0], value: image[value] }],
    stores: nest.stores.map((store) => mapStored(store, (node) => image[node])),
  };
  const short = withAxes(whole, nest.axes.toSpliced(axis, 1), ({ offset, coefficients }) => ({
    offset,
    coefficients: coefficients.toSpliced(axis, 1),
  }));
  // The comparison and its index are of no use any more.
  return canonicalise(short, short.axes.length);
}

/** Whether nothing else is reduced. */
const isLast = ({ axes }: LoopNest, axis: number) =>
  axes.every(({ kind }, k) => kind !== 'reduced' || k === axis);
