import { isPoisoned, poisoned } from './context.ts';
import { add, mul } from './elementwise.ts';
import type { ReductionOptions } from './reductions.ts';
import type { Tensor } from './tensor.ts';
import { pad, reshape, resolveAxis, slice } from './views.ts';

// Sums and products that keep their order, in ⌈log₂ n⌉ steps over whole tensors: rounding grows with the logarithm too.

/** The direction of {@link cumsum} and {@link cumprod}. */
export interface ScanOptions {
  /** From the end of the axis to its beginning; default false. */
  readonly reverse?: boolean;
  /** Leaves out the element itself, as in JAX and TensorFlow; default false. */
  readonly exclusive?: boolean;
}

/** Sum of each element and those before it along an axis, the last by default (Hillis, Steele 1986); the shape stays. */
export function cumsum(x: Tensor, axis = -1, options: ScanOptions = {}): Tensor {
  return scan('cumsum', x, axis, options, 0, add);
}

/** Product of each element and those before it along an axis, the last by default; the shape stays. */
export function cumprod(x: Tensor, axis = -1, options: ScanOptions = {}): Tensor {
  return scan('cumprod', x, axis, options, 1, mul);
}

function scan(
  op: string,
  x: Tensor,
  axis: number,
  { reverse = false, exclusive = false }: ScanOptions,
  neutral: number,
  combine: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  if (isPoisoned(x)) return x;
  const k = resolveAxis(op, axis, x.rank);
  if (k === null) return poisoned(x.type);
  const extent = x.shape[k];
  const moved = (y: Tensor, by: number): Tensor => {
    const widths = y.shape.map((_, j) => (j !== k ? [0, 0] : reverse ? [0, by] : [by, 0]));
    const padded = pad(y, widths, neutral);
    return reverse ? slice(padded, k, by) : slice(padded, k, 0, extent);
  };
  let result = exclusive ? moved(x, 1) : x;
  for (let by = 1; by < extent; by *= 2) result = combine(result, moved(result, by));
  return result;
}

/** Product over an axis, or over all of them when omitted, in pairs: with zeros among the elements the gradients are right too. */
export function prod(
  x: Tensor,
  axis?: number,
  { keepDims = false }: ReductionOptions = {},
): Tensor {
  if (isPoisoned(x)) return x;
  if (axis === undefined) {
    const whole = prod(reshape(x, [-1]), 0);
    return keepDims
      ? reshape(
          whole,
          x.shape.map(() => 1),
        )
      : whole;
  }
  const k = resolveAxis('prod', axis, x.rank);
  if (k === null) return poisoned(x.type);
  let result = x;
  while (result.shape[k] > 1) {
    const half = Math.ceil(result.shape[k] / 2);
    const widths = x.shape.map((_, j) => [0, j === k ? 2 * half - result.shape[k] : 0]);
    const even = pad(result, widths, 1);
    result = mul(slice(even, k, 0, half), slice(even, k, half));
  }
  return keepDims ? result : reshape(result, x.shape.toSpliced(k, 1));
}
