import { DTYPES } from '../../ir/dtypes.ts';
import {
  type DType,
  elementCount,
  type Shape,
  sameShape,
  type TensorType,
} from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { broadcastShapes } from './broadcast.ts';
import {
  append,
  apply,
  checkShape,
  currentTrace,
  isPoisoned,
  mistake,
  poisoned,
} from './context.ts';
import { type DTypeName, isMask, resolveDType } from './dtype-names.ts';
import { areIndices, useAsIndices } from './indices.ts';
import { isPaddingMode, type PaddingMode, padByMode } from './padding.ts';
import type { Tensor } from './tensor.ts';

/** `axis` counted from the end when negative; null (after BTC2009) when there is no such axis. */
export function resolveAxis(op: string, axis: number, rank: number): number | null {
  const resolved = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(resolved) && resolved >= 0 && resolved < rank) return resolved;
  report(2009, { op, axis, rank });
  return null;
}

/** Reports a number that an element of `dtype` cannot hold (BTC2015). */
function checkElement(op: string, name: string, value: number, dtype: DType): boolean {
  const { accepts, wanted } = DTYPES[dtype];
  if (typeof value === 'number' && accepts(value)) return true;
  report(2015, { op, name, value: String(value), wanted });
  return false;
}

/**
 * A tensor of a shape that holds one number. BTC2015 for a number that the dtype cannot hold, BTC2010 for a shape that is none.
 */
export function full(shape: Shape, given: number | boolean, name: DTypeName = 'f32'): Tensor {
  const dtype = resolveDType('full', name);
  if (dtype === null || !checkShape('full', shape))
    return poisoned({ dtype: dtype ?? 'f32', shape: [] });
  const value = isMask(name) || typeof given === 'boolean' ? Number(Number(given) !== 0) : given;
  if (!checkElement('full', 'value', value, dtype)) return poisoned({ dtype, shape });
  const trace = currentTrace('full');
  return append(trace, 'constant', [], { dtype, shape, value }, { dtype, shape });
}

/** A tensor of a shape that holds 0. */
export const zeros = (shape: Shape, dtype: DTypeName = 'f32'): Tensor => full(shape, 0, dtype);
/** A tensor of a shape that holds 1. */
export const ones = (shape: Shape, dtype: DTypeName = 'f32'): Tensor => full(shape, 1, dtype);

/** 0, 1, …, count - 1 as i32. As f32, numbers above 2^24 are rounded. */
export function arange(count: number): Tensor {
  return iota([count], 0);
}

/** The index along `axis` at every element, as i32. BTC2015 for indices that i32 has not. */
export function iota(shape: Shape, axis: number): Tensor {
  if (!checkShape('iota', shape)) return poisoned({ dtype: 'i32', shape: [] });
  if (shape[axis] > 2 ** 31) {
    const args = { op: 'iota', name: 'extent', value: shape[axis], wanted: 'at most 2^31' };
    return mistake(2015, args, { dtype: 'i32', shape: [] });
  }
  return apply('iota', [], { shape, axis });
}

/**
 * The same elements in row-major order under another shape; one extent may be -1. BTC2008 for another number of elements,
 * BTC2011 where -1 has no value.
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const count = elementCount(x.shape);
  let target = shape;
  const open = shape.filter((extent) => extent === -1).length;
  if (open > 0) {
    const known = shape.reduce(
      (product, extent) => (extent === -1 ? product : product * extent),
      1,
    );
    if (open > 1 || count % known !== 0 || known <= 0) {
      return isPoisoned(x)
        ? poisoned(x.type)
        : mistake(2011, { op: 'reshape', count, to: formatShape(shape) }, x.type);
    }
    target = shape.map((extent) => (extent === -1 ? count / known : extent));
  }
  if (!checkShape('reshape', target)) return poisoned(x.type);
  const type: TensorType = { dtype: x.dtype, shape: target };
  if (elementCount(target) !== count) {
    return isPoisoned(x)
      ? poisoned(type)
      : mistake(
          2008,
          {
            from: formatShape(x.shape),
            count,
            to: formatShape(target),
            other: elementCount(target),
          },
          type,
        );
  }
  return sameShape(target, x.shape) ? x : apply('reshape', [x], { shape: target });
}

/**
 * Reorders axes: axis k of the result is axis `permutation[k]` of `x`. Without a permutation the last two are exchanged.
 * BTC2016 for what is no permutation.
 */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const { rank } = x;
  const order =
    permutation ??
    [...Array(Math.max(0, rank - 2)).keys(), rank - 1, rank - 2].filter((axis) => axis >= 0);
  const sorted = [...order].sort((a, b) => a - b);
  if (sorted.length !== rank || sorted.some((axis, k) => axis !== k)) {
    return isPoisoned(x)
      ? x
      : mistake(2016, { op: 'transpose', permutation: formatShape(order), rank }, x.type);
  }
  return order.every((axis, k) => axis === k) ? x : apply('transpose', [x], { permutation: order });
}

/**
 * Elements `start` to `end` (exclusive) along one axis, every `step`-th; negative positions count from the end. BTC2013 for
 * positions out of range, BTC2015 for a step that is not a positive integer.
 */
export function slice(x: Tensor, axis: number, start: number, end?: number, step = 1): Tensor {
  if (isPoisoned(x)) return x;
  const k = resolveAxis('slice', axis, x.rank);
  if (k === null) return poisoned(x.type);
  const extent = x.shape[k];
  const from = start < 0 ? start + extent : start;
  const to = end === undefined ? extent : end < 0 ? end + extent : end;
  const valid =
    Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to <= extent && from < to;
  if (!valid) return mistake(2013, { start, end: end ?? extent, axis, extent }, x.type);
  if (!Number.isInteger(step) || step < 1)
    return mistake(
      2015,
      { op: 'slice', name: 'step', value: step, wanted: 'a positive integer' },
      x.type,
    );
  if (step > 1) return everyNth(sliceRange(x, k, from, to), k, Math.min(step, to - from));
  return sliceRange(x, k, from, to);
}

function sliceRange(x: Tensor, axis: number, from: number, to: number): Tensor {
  if (from === 0 && to === x.shape[axis]) return x;
  const starts = x.shape.map((_, k) => (k === axis ? from : 0));
  const sizes = x.shape.map((extent, k) => (k === axis ? to - from : extent));
  return apply('slice', [x], { starts, sizes });
}

/** A strided slice as pad, reshape and slice: addresses stay affine, and so do those of its gradient. */
function everyNth(x: Tensor, axis: number, step: number): Tensor {
  const extent = x.shape[axis];
  const count = Math.ceil(extent / step);
  const padded = pad(
    x,
    x.shape.map((_, k) => [0, k === axis ? count * step - extent : 0]),
  );
  const split = reshape(padded, x.shape.toSpliced(axis, 1, count, step));
  return reshape(sliceRange(split, axis + 1, 0, 1), x.shape.toSpliced(axis, 1, count));
}

/** Elements along an axis with those that are added outside of it: kernels count them in i32. */
export const MOST_REACH = 2 ** 31 - 1;

/**
 * Adds `[before, after]` elements per axis: a number, or what a mode makes of the tensor's own, as `F.pad` of PyTorch: `reflect`
 * mirrors at the last element, `replicate` repeats it, `circular` goes on at the other end. BTC2015 for widths that do not fit:
 * `reflect` takes less than the extent of an axis, `circular` at most that; no axis gets 2^31 elements.
 */
export function pad(
  x: Tensor,
  widths: readonly (readonly [number, number] | readonly number[])[],
  value: number | PaddingMode = 0,
): Tensor {
  if (isPoisoned(x)) return x;
  if (isPaddingMode(value)) return padByMode(x, widths, value);
  const amounts = widths.flat();
  if (widths.length !== x.rank || amounts.some((n) => !Number.isSafeInteger(n) || n < 0)) {
    return mistake(
      2015,
      {
        op: 'pad',
        name: 'widths',
        value: JSON.stringify(widths),
        wanted: `one pair of non-negative integers for each of the ${x.rank} axes`,
      },
      x.type,
    );
  }
  const long = widths.findIndex(([low, high], axis) => x.shape[axis] + low + high > MOST_REACH);
  if (long >= 0) {
    const value = JSON.stringify(widths);
    const wanted = `so small that axis ${long} has less than 2^31 elements`;
    return mistake(2015, { op: 'pad', name: 'widths', value, wanted }, x.type);
  }
  if (amounts.every((n) => n === 0)) return x;
  if (!checkElement('pad', 'value', value, x.dtype)) return poisoned(x.type);
  return apply('pad', [x], {
    low: widths.map(([low]) => low),
    high: widths.map(([, high]) => high),
    value,
  });
}

/** Repeats along axes of extent 1 and new leading axes, by numpy's rules. BTC2001 for shapes that do not broadcast. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!checkShape('broadcastTo', shape)) return poisoned(x.type);
  const joined = broadcastShapes(x.shape, shape);
  if (!joined || !sameShape(joined, shape)) {
    return isPoisoned(x)
      ? poisoned({ dtype: x.dtype, shape })
      : mistake(
          2001,
          { op: 'broadcastTo', left: formatShape(x.shape), right: formatShape(shape) },
          { dtype: x.dtype, shape },
        );
  }
  return apply('broadcast', [x], { shape, axes: x.shape.map((_, k) => shape.length - x.rank + k) });
}

/** Joins tensors along an existing axis. BTC2003 for no tensors or for different dtypes, BTC2012 for shapes that differ in another axis. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0)
    return mistake(
      2003,
      { op: 'concat', wanted: 'at least one tensor', given: 'none' },
      { dtype: 'f32', shape: [] },
    );
  const [first] = tensors;
  const bad = tensors.find(isPoisoned);
  if (bad) return bad;
  const k = resolveAxis('concat', axis, first.rank);
  if (k === null) return poisoned(first.type);
  const other = tensors.find((x) => x.dtype !== first.dtype);
  if (other) {
    const given = `${first.dtype} and ${other.dtype}`;
    return mistake(2003, { op: 'concat', wanted: 'tensors of one dtype', given }, first.type);
  }
  const misfit = tensors.find(
    (x) =>
      x.rank !== first.rank || x.shape.some((extent, j) => j !== k && extent !== first.shape[j]),
  );
  if (misfit)
    return mistake(
      2012,
      { first: formatShape(first.shape), second: formatShape(misfit.shape), axis: k },
      first.type,
    );
  return tensors.length === 1 ? first : apply('concat', tensors, { axis: k });
}

/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const bad = tensors.find(isPoisoned);
  if (bad) return bad;
  const widened = tensors.map((x) => expandDims(x, axis));
  return widened.find(isPoisoned) ?? concat(widened, axis);
}

const MOST_STAND_INS = 1024;

/** Cuts one axis into equal parts. BTC2015 for parts that do not divide it. */
export function split(x: Tensor, parts: number, axis = 0): Tensor[] {
  // As many as the caller takes apart, so that a mistake here is the only one.
  const standIns = () =>
    Array.from({ length: parts >= 1 ? Math.min(Math.floor(parts), MOST_STAND_INS) : 1 }, () =>
      poisoned(x.type),
    );
  if (isPoisoned(x)) return standIns();
  const k = resolveAxis('split', axis, x.rank);
  if (k === null) return standIns();
  if (!Number.isInteger(parts) || parts < 1 || x.shape[k] % parts !== 0) {
    report(2015, {
      op: 'split',
      name: 'parts',
      value: parts,
      wanted: `a divisor of ${x.shape[k]}`,
    });
    return standIns();
  }
  const size = x.shape[k] / parts;
  return Array.from({ length: parts }, (_, part) =>
    sliceRange(x, k, part * size, (part + 1) * size),
  );
}

/** Inserts an axis of extent 1. */
export function expandDims(x: Tensor, axis: number): Tensor {
  if (isPoisoned(x)) return x;
  const k = resolveAxis('expandDims', axis, x.rank + 1);
  return k === null ? poisoned(x.type) : reshape(x, x.shape.toSpliced(k, 0, 1));
}

/** Removes an axis of extent 1, or all of them. BTC2015 for an axis of another extent. */
export function squeeze(x: Tensor, axis?: number): Tensor {
  if (isPoisoned(x)) return x;
  if (axis === undefined)
    return reshape(
      x,
      x.shape.filter((extent) => extent !== 1),
    );
  const k = resolveAxis('squeeze', axis, x.rank);
  if (k === null) return poisoned(x.type);
  if (x.shape[k] !== 1)
    return mistake(
      2015,
      {
        op: 'squeeze',
        name: 'axis',
        value: axis,
        wanted: `an axis of extent 1, but its extent is ${x.shape[k]}`,
      },
      x.type,
    );
  return reshape(x, x.shape.toSpliced(k, 1));
}

/**
 * Rows of `table` [V, …] at `indices` (i32, any shape): indices.shape + table.shape[1..]. Indices out of range are refused:
 * when they are known by the compiler (BTC2050), where they are an input's by the runtime. Those that the model computes
 * are clamped to the table.
 */
export function gather(table: Tensor, indices: Tensor): Tensor {
  if (indices.dtype === 'i32' && table.rank > 0 && !isPoisoned(table))
    useAsIndices('gather', indices, { low: 0, high: table.shape[0] });
  return apply('gather', [table, indices], {});
}

/**
 * 1 at the index and 0 elsewhere along a new last axis of extent `depth`, as f32. Indices out of range are refused as by
 * {@link gather}; those that the model computes give zeros. BTC2003 for indices that are not i32.
 */
export function oneHot(indices: Tensor, depth: number): Tensor {
  const shape = [...indices.shape, depth];
  const type = { dtype: 'f32', shape } as const;
  if (isPoisoned(indices)) return poisoned(type);
  if (!checkShape('oneHot', shape)) return poisoned({ dtype: 'f32', shape: indices.shape });
  if (!areIndices('oneHot', indices)) return poisoned(type);
  useAsIndices('oneHot', indices, { low: 0, high: depth });
  const hit = apply(
    'eq',
    [broadcastTo(expandDims(indices, -1), shape), iota(shape, indices.rank)],
    {},
  );
  return apply('toF32', [hit], {});
}
