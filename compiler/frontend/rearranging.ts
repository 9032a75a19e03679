import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import { greaterEqual, lessEqual, select, sub } from './elementwise.ts';
import type { Tensor } from './tensor.ts';
import { concat, expandDims, iota, reshape, resolveAxis, slice, transpose } from './views.ts';

/** The name of {@link transpose} in PyTorch: axis k of the result's shape is axis `order[k]` of x, counted from the end where negative. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const known = order.map((axis) => (axis < 0 ? axis + x.rank : axis));
  return transpose(x, known);
}

/** The name of {@link reshape} in PyTorch: any shape with as many elements, for there are no strides. */
export function view(x: Tensor, shape: readonly number[]): Tensor {
  return reshape(x, shape);
}

/** The name of {@link expandDims} in PyTorch: a new axis of extent 1. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  return expandDims(x, axis);
}

/** Joins the axes from `start` to `end`, which is included: [2, 3, 4] from 1 on is [2, 12]; by default all. BTC2009 for axes that are none, BTC2015 for an end before the start. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  if (isPoisoned(x)) return x;
  if (x.rank === 0) return reshape(x, [1]);
  const from = resolveAxis('flatten', start, x.rank);
  const to = resolveAxis('flatten', end, x.rank);
  if (from === null || to === null) return poisoned(x.type);
  if (from > to)
    return mistake(
      2015,
      { op: 'flatten', name: 'start', value: start, wanted: `at most ${to}` },
      x.type,
    );
  const joined = x.shape.slice(from, to + 1).reduce((product, extent) => product * extent, 1);
  return reshape(x, x.shape.toSpliced(from, to - from + 1, joined));
}

/** The elements in the opposite order along the given axes, by default all; the shape stays. */
export function flip(x: Tensor, axes?: number | readonly number[]): Tensor {
  if (isPoisoned(x)) return x;
  const given = axes === undefined ? [...x.shape.keys()] : typeof axes === 'number' ? [axes] : axes;
  const resolved = given.map((axis) => resolveAxis('flip', axis, x.rank));
  if (resolved.includes(null)) return poisoned(x.type);
  // One window as long as the axis, whose taps run backwards.
  return [...new Set(resolved as number[])].reduce((y, axis) => {
    const size = x.shape[axis];
    const steps = { axis, positions: 1, size, stride: 1, dilation: -1, low: 1 - size, value: 0 };
    return size === 1 ? y : reshape(apply('window', [y], steps), x.shape);
  }, x);
}

/**
 * The elements moved along an axis, what leaves it at one end comes back at the other: forwards by `shift`, backwards where that is
 * negative. Without an axis over all elements in row-major order, as in PyTorch. BTC2015 for a shift that is no integer.
 */
export function roll(x: Tensor, shift: number, axis?: number): Tensor {
  if (isPoisoned(x)) return x;
  if (axis === undefined) return reshape(roll(reshape(x, [-1]), shift, 0), x.shape);
  const k = resolveAxis('roll', axis, x.rank);
  if (k === null) return poisoned(x.type);
  if (!Number.isSafeInteger(shift))
    return mistake(2015, { op: 'roll', name: 'shift', value: shift, wanted: 'an integer' }, x.type);
  const extent = x.shape[k];
  const cut = ((-shift % extent) + extent) % extent;
  return cut === 0 ? x : concat([slice(x, k, cut), slice(x, k, 0, cut)], k);
}

/** Matrices, the last two axes, with zeros above a diagonal: 0, the default, is the main one, positive ones lie above it. BTC2003 for a rank under 2. */
export function tril(x: Tensor, diagonal = 0): Tensor {
  return triangle('tril', x, diagonal, lessEqual);
}

/** Matrices, the last two axes, with zeros below a diagonal. Otherwise as {@link tril}. */
export function triu(x: Tensor, diagonal = 0): Tensor {
  return triangle('triu', x, diagonal, greaterEqual);
}

function triangle(op: string, x: Tensor, diagonal: number, keeps: typeof lessEqual): Tensor {
  if (isPoisoned(x)) return x;
  if (x.rank < 2) return mistake(2003, { op, wanted: 'matrices', given: `rank ${x.rank}` }, x.type);
  if (!Number.isSafeInteger(diagonal))
    return mistake(2015, { op, name: 'diagonal', value: diagonal, wanted: 'an integer' }, x.type);
  const [row, column] = [iota(x.shape, x.rank - 2), iota(x.shape, x.rank - 1)];
  return select(keeps(sub(column, row), diagonal), x, 0);
}
