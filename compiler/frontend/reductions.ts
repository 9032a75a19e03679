import { isFloat } from '../../ir/dtypes.ts';
import { lastIndex } from '../../ir/index-range.ts';
import { elementCount } from '../../ir/tensor.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import { cast, equal, isNan, mul, select, square, sub } from './elementwise.ts';
import type { Tensor } from './tensor.ts';
import { broadcastTo, iota, reshape, resolveAxis } from './views.ts';

/** The shape of what a reduction makes. */
export interface ReductionOptions {
  /** Keeps reduced axes with extent 1. */
  readonly keepDims?: boolean;
}

type Axes = number | readonly number[] | undefined;

/** Increasing axes; all of them when none are named; null after a diagnostic. */
function resolveAxes(op: string, x: Tensor, axes: Axes): number[] | null {
  if (axes === undefined) return x.shape.map((_, axis) => axis);
  const resolved = (typeof axes === 'number' ? [axes] : axes).map((axis) =>
    resolveAxis(op, axis, x.rank),
  );
  if (resolved.some((axis) => axis === null)) return null;
  return [...new Set(resolved as number[])].sort((a, b) => a - b);
}

function reduce(
  name: string,
  op: 'reduceSum' | 'reduceMax' | 'reduceMin',
  x: Tensor,
  axes: Axes,
  options: ReductionOptions = {},
): Tensor {
  if (isPoisoned(x)) return x;
  const resolved = resolveAxes(name, x, axes);
  if (!resolved) return poisoned(x.type);
  const result = resolved.length === 0 ? x : apply(op, [x], { axes: resolved });
  return options.keepDims
    ? reshape(
        result,
        x.shape.map((extent, axis) => (resolved.includes(axis) ? 1 : extent)),
      )
    : result;
}

/** Sum over `axes` (all when omitted). */
export function sum(
  x: Tensor,
  axes?: number | readonly number[],
  options?: ReductionOptions,
): Tensor {
  return reduce('sum', 'reduceSum', x, axes, options);
}

/** Largest element over `axes`. Elements that tie share the gradient. */
export function max(
  x: Tensor,
  axes?: number | readonly number[],
  options?: ReductionOptions,
): Tensor {
  return reduce('max', 'reduceMax', x, axes, options);
}

/** Smallest element over `axes`. */
export function min(
  x: Tensor,
  axes?: number | readonly number[],
  options?: ReductionOptions,
): Tensor {
  return reduce('min', 'reduceMin', x, axes, options);
}

/** 1 where an element over `axes` (all when omitted) is not 0, else 0, as i32: PyTorch's `any`. */
export function any(
  x: Tensor,
  axes?: number | readonly number[],
  options?: ReductionOptions,
): Tensor {
  return max(cast(x, 'bool'), axes, options);
}

/** 1 where all elements over `axes` (all when omitted) are not 0, else 0, as i32: PyTorch's `all`. */
export function all(
  x: Tensor,
  axes?: number | readonly number[],
  options?: ReductionOptions,
): Tensor {
  return min(cast(x, 'bool'), axes, options);
}

/** Arithmetic mean of an f32 tensor over `axes`, by default all. BTC2003 for another dtype. */
export function mean(
  x: Tensor,
  axes?: number | readonly number[],
  options?: ReductionOptions,
): Tensor {
  if (x.dtype !== 'f32' && !isPoisoned(x))
    return mistake(2003, { op: 'mean', wanted: 'an f32 tensor', given: x.dtype }, x.type);
  const total = sum(x, axes, options);
  if (isPoisoned(total)) return total;
  return mul(total, elementCount(total.shape) / elementCount(x.shape));
}

/** The divisor of {@link variance}. */
export interface VarianceOptions extends ReductionOptions {
  /** Taken from the number of elements that the sum of squares is divided by; default 0 (torch.var: 1). */
  readonly correction?: number;
}

/**
 * Variance over `axes`: the mean of the squared distance from the mean, of the population unless `correction` is 1. BTC2015
 * where too few elements are left to divide by.
 */
export function variance(
  x: Tensor,
  axes?: number | readonly number[],
  { correction = 0, ...options }: VarianceOptions = {},
): Tensor {
  const centre = mean(x, axes, { keepDims: true });
  if (isPoisoned(centre)) return centre;
  const biased = mean(square(sub(x, centre)), axes, options);
  if (correction === 0) return biased;
  const count = elementCount(x.shape) / elementCount(centre.shape);
  if (!(correction < count)) {
    const wanted = `less than the ${count} elements of each mean`;
    return mistake(2015, { op: 'variance', name: 'correction', value: correction, wanted }, x.type);
  }
  return mul(biased, count / (count - correction));
}

/** Index (i32) of the first largest element along `axis`; of the first NaN where there is one, as in numpy. */
export function argmax(x: Tensor, axis = -1, options?: ReductionOptions): Tensor {
  return firstIndex('argmax', x, axis, max, options);
}

/** Index (i32) of the first smallest element along `axis`; of the first NaN where there is one, as in numpy. */
export function argmin(x: Tensor, axis = -1, options?: ReductionOptions): Tensor {
  return firstIndex('argmin', x, axis, min, options);
}

function firstIndex(
  op: string,
  x: Tensor,
  axis: number,
  extremum: typeof max,
  options?: ReductionOptions,
): Tensor {
  if (isPoisoned(x)) return poisoned({ dtype: 'i32', shape: x.shape });
  const k = resolveAxis(op, axis, x.rank);
  if (k === null) return poisoned({ dtype: 'i32', shape: x.shape });
  const most = broadcastTo(extremum(x, k, { keepDims: true }), x.shape);
  const same = equal(x, most);
  // The extremum of a row with a NaN is NaN, which equals nothing.
  const hit = isFloat(x.dtype) ? select(isNan(most), isNan(x), same) : same;
  // Something is hit in each row, so the last index changes no minimum.
  return min(select(hit, iota(x.shape, k), lastIndex(x.shape[k])), k, options);
}

/** Σ x² over all elements, a scalar. */
export function sumOfSquares(x: Tensor): Tensor {
  return sum(square(x));
}
