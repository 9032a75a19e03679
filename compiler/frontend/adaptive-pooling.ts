import { poisoned } from './context.ts';
import { checkSignal } from './convolution.ts';
import { max, mean } from './reductions.ts';
import type { Tensor } from './tensor.ts';
import { concat, reshape, slice } from './views.ts';
import { type PerAxis, perAxis } from './windows.ts';

/**
 * Means over so many parts of each spatial axis of images [batch, height, width, channels], whatever their extents: part k of n
 * is from ⌊k·extent / n⌋ to ⌈(k + 1)·extent / n⌉, as PyTorch's `adaptive_avg_pool2d`. BTC2015 for sizes that are none, BTC2003 for
 * other tensors.
 */
export function adaptiveAvgPool2d(x: Tensor, size: PerAxis): Tensor {
  return adaptivePool('adaptiveAvgPool2d', 2, x, size, meanOfParts);
}

/** As {@link adaptiveAvgPool2d} along one axis, of signals [batch, length, channels]. */
export function adaptiveAvgPool1d(x: Tensor, size: PerAxis): Tensor {
  return adaptivePool('adaptiveAvgPool1d', 1, x, size, meanOfParts);
}

/** As {@link adaptiveAvgPool2d} along three axes, of volumes [batch, depth, height, width, channels]. */
export function adaptiveAvgPool3d(x: Tensor, size: PerAxis): Tensor {
  return adaptivePool('adaptiveAvgPool3d', 3, x, size, meanOfParts);
}

/** Largest elements of the parts of {@link adaptiveAvgPool2d}, of images [batch, height, width, channels]. Ties share the gradient. Errors as there. */
export function adaptiveMaxPool2d(x: Tensor, size: PerAxis): Tensor {
  return adaptivePool('adaptiveMaxPool2d', 2, x, size, maxOfParts);
}

/** As {@link adaptiveMaxPool2d} along one axis, of signals [batch, length, channels]. */
export function adaptiveMaxPool1d(x: Tensor, size: PerAxis): Tensor {
  return adaptivePool('adaptiveMaxPool1d', 1, x, size, maxOfParts);
}

/** As {@link adaptiveMaxPool2d} along three axes, of volumes [batch, depth, height, width, channels]. */
export function adaptiveMaxPool3d(x: Tensor, size: PerAxis): Tensor {
  return adaptivePool('adaptiveMaxPool3d', 3, x, size, maxOfParts);
}

type ByParts = (x: Tensor, axis: number, parts: readonly Part[]) => Tensor;

/** From an element of an axis to before another. */
interface Part {
  readonly from: number;
  readonly to: number;
}

/** Along one axis after the other: means of means of equal weight, and maxima of maxima, are those of the box. */
function adaptivePool(
  op: string,
  spatial: number,
  x: Tensor,
  size: PerAxis,
  reduce: ByParts,
): Tensor {
  if (!checkSignal(op, x, spatial)) return poisoned(x.type);
  const sizes = perAxis(op, 'size', size, spatial, 1);
  if (!sizes) return poisoned(x.type);
  return sizes.reduce((pooled, count, k) => {
    const axis = k + 1;
    return reduce(pooled, axis, partsOf(x.shape[axis], count));
  }, x);
}

const partsOf = (extent: number, count: number): Part[] =>
  Array.from({ length: count }, (_, k) => ({
    from: Math.floor((k * extent) / count),
    to: Math.ceil(((k + 1) * extent) / count),
  }));

/** The axis as [parts, elements of one], where they lie side by side. */
function sideBySide(x: Tensor, axis: number, count: number): Tensor | null {
  const extent = x.shape[axis];
  return extent % count === 0
    ? reshape(x, x.shape.toSpliced(axis, 1, count, extent / count))
    : null;
}

type Reduction = typeof mean;

const byReduction =
  (reduce: Reduction): ByParts =>
  (x, axis, parts) => {
    const split = sideBySide(x, axis, parts.length);
    return split
      ? reduce(split, axis + 1)
      : concat(
          parts.map(({ from, to }) => reduce(slice(x, axis, from, to), axis, { keepDims: true })),
          axis,
        );
  };

const meanOfParts = byReduction(mean);
const maxOfParts = byReduction(max);
