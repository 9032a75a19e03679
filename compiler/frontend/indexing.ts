import { lastIndex } from '../../ir/index-range.ts';
import { elementCount, type Shape, sameShape } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { apply, isPoisoned, poisoned } from './context.ts';
import {
  add,
  div,
  equal,
  greater,
  less,
  logicalOr,
  maximum,
  minimum,
  mul,
  select,
} from './elementwise.ts';
import { areIndices, useAsIndices } from './indices.ts';
import type { Tensor } from './tensor.ts';
import { gather, iota, ones, reshape, resolveAxis, transpose } from './views.ts';

/**
 * Elements of `x` at `indices` (i32, any shape) along an axis, the first by default: in place of the axis come those of the indices, as in
 * numpy's `take` and, for a vector, PyTorch's `index_select`. Indices out of range as for {@link gather}. BTC2003 for indices that are
 * not i32.
 */
export function take(x: Tensor, indices: Tensor, axis = 0): Tensor {
  if (isPoisoned(x) || isPoisoned(indices)) return poisoned(x.type);
  const k = resolveAxis('take', axis, x.rank);
  if (k === null || !areIndices('take', indices)) return poisoned(x.type);
  const rows = gather(withAxis(x, k, 0), indices);
  const order = [...rows.shape.keys()];
  const taken = order.splice(0, indices.rank);
  return transpose(rows, order.toSpliced(k, 0, ...taken));
}

/**
 * For each index the element of its own row along an axis, the last by default: result[i, j] = x[i, indices[i, j]], as PyTorch's
 * `gather` and numpy's `take_along_axis`. Indices i32 have the shape of x but for that axis. Indices out of range as for {@link gather}.
 * BTC2003 for indices that do not fit, BTC2015 for rows whose elements an index cannot count.
 */
export function takeAlongAxis(x: Tensor, indices: Tensor, axis = -1): Tensor {
  const type = { dtype: x.dtype, shape: indices.shape };
  if (isPoisoned(x) || isPoisoned(indices)) return poisoned(type);
  const k = resolveAxis('takeAlongAxis', axis, x.rank);
  if (k === null || !fitAlong('takeAlongAxis', x, indices, k)) return poisoned(type);
  const extent = x.shape[k];
  useAsIndices('takeAlongAxis', indices, { low: 0, high: extent });
  if (!areCounted('takeAlongAxis', x.shape, k)) return poisoned(type);
  const last = withAxis(indices, k, x.rank - 1);
  const inside = minimum(maximum(last, 0), lastIndex(extent));
  const elements = reshape(withAxis(x, k, x.rank - 1), [-1]);
  return withAxis(gather(elements, inRows(inside, extent)), x.rank - 1, k);
}

/**
 * `x` with each update added at its index of its own row along an axis, the last by default: result[i, indices[i, j]] += updates[i, j], as
 * PyTorch's `scatter_add`. Updates have the shape of the i32 indices, which is that of x but for the axis. What has the same index adds
 * up; indices out of range are refused where they are known, and dropped where the model computes them. BTC2003 for tensors that do
 * not fit, BTC2015 for rows whose elements an index cannot count.
 */
export function scatterAddAlongAxis(
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  axis = -1,
): Tensor {
  const op = 'scatterAddAlongAxis';
  const k = scatterAxis(op, x, indices, updates, axis);
  if (k === null) return poisoned(x.type);
  return add(x, scattered(op, x, indices, updates, k));
}

/**
 * `x` with the elements at indices of their own row along an axis, the last by default, replaced by updates: result[i, indices[i, j]] =
 * updates[i, j], as PyTorch's `scatter`. Where indices meet, which is undefined there, the mean of the updates is taken. Otherwise as
 * {@link scatterAddAlongAxis}.
 */
export function scatterAlongAxis(x: Tensor, indices: Tensor, updates: Tensor, axis = -1): Tensor {
  const op = 'scatterAlongAxis';
  const k = scatterAxis(op, x, indices, updates, axis);
  if (k === null) return poisoned(x.type);
  const count = scattered(op, x, indices, ones(updates.shape), k);
  const isKept = equal(count, 0);
  return select(isKept, x, div(scattered(op, x, indices, updates, k), select(isKept, 1, count)));
}

/** Sums of updates by their indices, of the shape of x. */
function scattered(op: string, x: Tensor, indices: Tensor, updates: Tensor, axis: number): Tensor {
  const extent = x.shape[axis];
  useAsIndices(op, indices, { low: 0, high: extent });
  const end = x.rank - 1;
  const last = withAxis(indices, axis, end);
  const isOutside = logicalOr(less(last, 0), greater(last, lastIndex(extent)));
  const places = select(isOutside, -1, inRows(last, extent));
  const moved = withAxis(x, axis, end).shape;
  const rows = moved.reduce((product, size) => product * size, 1);
  const sums = apply(
    'scatterAdd',
    [reshape(withAxis(updates, axis, end), [-1]), reshape(places, [-1])],
    { rows },
  );
  return withAxis(reshape(sums, moved), end, axis);
}

/** Whether all elements of rows along an axis have an i32 index. Of one row an index names those alone that it can name. */
function areCounted(op: string, shape: Shape, axis: number): boolean {
  const count = elementCount(shape);
  if (count === shape[axis] || count - 1 === lastIndex(count)) return true;
  const wanted = 'a shape of at most 2^31 elements';
  report(2015, { op, name: 'shape', value: formatShape(shape), wanted });
  return false;
}

/** Indices along the last axis as indices of the elements of all rows of so many. */
function inRows(indices: Tensor, extent: number): Tensor {
  const row = indices.shape
    .slice(0, -1)
    .reduceRight<{ readonly sum: Tensor; readonly stride: number }>(
      ({ sum, stride }, size, axis) => ({
        sum: size === 1 ? sum : add(sum, mul(iota(indices.shape, axis), stride)),
        stride: stride * size,
      }),
      { sum: indices, stride: extent },
    );
  return row.sum;
}

/** One axis at another place, the others in their order. */
export function withAxis(x: Tensor, from: number, to: number): Tensor {
  if (from === to) return x;
  const order = [...x.shape.keys()].toSpliced(from, 1);
  return transpose(x, order.toSpliced(to, 0, from));
}

function fitAlong(op: string, x: Tensor, indices: Tensor, axis: number): boolean {
  if (!areIndices(op, indices)) return false;
  const fits =
    indices.rank === x.rank &&
    sameShape(indices.shape.toSpliced(axis, 1), x.shape.toSpliced(axis, 1));
  if (fits) return true;
  const wanted = `i32 indices of shape ${formatShape(x.shape)} but for axis ${axis}`;
  report(2003, { op, wanted, given: formatShape(indices.shape) });
  return false;
}

/** The axis that updates are scattered along; null where they cannot be. */
function scatterAxis(
  op: string,
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  axis: number,
): number | null {
  if (isPoisoned(x) || isPoisoned(indices) || isPoisoned(updates)) return null;
  const k = resolveAxis(op, axis, x.rank);
  const fits =
    k !== null &&
    fitAlong(op, x, indices, k) &&
    areUpdates(op, indices, updates) &&
    areCounted(op, x.shape, k);
  return fits ? k : null;
}

function areUpdates(op: string, indices: Tensor, updates: Tensor): boolean {
  if (updates.dtype === 'f32' && sameShape(updates.shape, indices.shape)) return true;
  const wanted = `f32 updates ${formatShape(indices.shape)}, as the indices`;
  report(2003, { op, wanted, given: `${updates.dtype} ${formatShape(updates.shape)}` });
  return false;
}
