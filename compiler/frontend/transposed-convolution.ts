import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { positionLetters, tapLetters, windowLetters } from '../window/letters.ts';
import { apply, isPoisoned, mistake, noteImages, poisoned } from './context.ts';
import {
  type ConvolutionOptions,
  checkGroups,
  checkLayout,
  checkSignal,
  LAYOUTS,
} from './convolution.ts';
import { einsum } from './parts.ts';
import type { Tensor } from './tensor.ts';
import { reshape } from './views.ts';
import { type AxisWindow, type PerAxis, perAxis } from './windows.ts';

/** Windows and groups of {@link conv2dTranspose}. */
export interface TransposedOptions extends ConvolutionOptions {
  /** Elements that each extent has more, at its end, as PyTorch's `output_padding`; below the stride or the dilation. Default 0. */
  readonly outputPadding?: PerAxis;
}

/**
 * Transposed convolution, what the gradient of a convolution does: images [batch, height, width, in] with a kernel [height,
 * width, in, out / groups] to [batch, …extents, out]. An extent is (positions - 1)·stride + span - 2·padding + outputPadding, with
 * `same` padding positions·stride. No zeros are inserted: each residue modulo the stride is a convolution with the taps that meet it.
 *
 * Errors: BTC2032 for groups that do not divide the channels, BTC2015 for paddings that do not fit.
 */
export function conv2dTranspose(
  x: Tensor,
  kernel: Tensor,
  options: TransposedOptions = {},
): Tensor {
  return transposedConvolve('conv2dTranspose', 2, x, kernel, options);
}

/** As {@link conv2dTranspose} along one axis: signals [batch, length, in] with a kernel [length, in, out / groups]. */
export function conv1dTranspose(
  x: Tensor,
  kernel: Tensor,
  options: TransposedOptions = {},
): Tensor {
  return transposedConvolve('conv1dTranspose', 1, x, kernel, options);
}

/** As {@link conv2dTranspose} along three axes: volumes [batch, depth, height, width, in] with a kernel [depth, height, width, in, out / groups]. */
export function conv3dTranspose(
  x: Tensor,
  kernel: Tensor,
  options: TransposedOptions = {},
): Tensor {
  return transposedConvolve('conv3dTranspose', 3, x, kernel, options);
}

/** {@link conv2dTranspose} along so many axes, under the name that messages give it. */
export function transposedConvolve(
  op: string,
  spatial: number,
  x: Tensor,
  kernel: Tensor,
  options: TransposedOptions,
): Tensor {
  const { groups = 1 } = options;
  const failed = poisoned({ dtype: 'f32', shape: x.shape });
  if (isPoisoned(x) || isPoisoned(kernel)) return failed;
  const fits =
    checkSignal(op, x, spatial) && checkLayout(op, kernel, LAYOUTS[spatial].kernel, spatial + 2);
  if (!fits) return failed;
  const channels = x.shape[x.rank - 1];
  const [inside, outside] = kernel.shape.slice(-2);
  if (inside !== channels) {
    const wanted = `a kernel for ${channels} input channels`;
    return mistake(2003, { op, wanted, given: formatShape(kernel.shape) }, failed.type);
  }
  if (!checkGroups(op, groups, channels, outside * groups)) return failed;
  const taps = kernel.shape.slice(0, spatial);
  const windows = foldedWindows(op, x.shape.slice(1, -1), taps, options);
  if (!windows) return failed;
  const grouped = (y: Tensor) =>
    groups === 1 ? y : reshape(y, [...y.shape.slice(0, y.rank - 1), groups, channels / groups]);
  const cores =
    groups === 1 ? kernel : reshape(kernel, [...taps, groups, channels / groups, outside]);
  const g = groups === 1 ? '' : 'g';
  const [at, k] = [positionLetters(spatial), tapLetters(spatial)];
  const spread = einsum(
    `n${at}${g}c,${k}${g}cd->n${windowLetters(spatial)}${g}d`,
    grouped(x),
    cores,
  );
  // From the last axis on, so that the numbers of those before it stay.
  const sum = windows.reduceRight(
    (folded, { stride, dilation, low, extent }, k) =>
      apply('fold', [folded], { axis: 2 * k + 1, stride, dilation, low, extent }),
    spread,
  );
  const y = groups === 1 ? sum : reshape(sum, [...sum.shape.slice(0, -2), groups * outside]);
  noteImages(op, x, y);
  return y;
}

/** Windows of given positions, and the extents that they add up in; null after a diagnostic. */
function foldedWindows(
  op: string,
  positions: readonly number[],
  taps: readonly number[],
  { stride = 1, padding = 'valid', dilation = 1, outputPadding = 0 }: TransposedOptions,
): (AxisWindow & { readonly extent: number })[] | null {
  const axes = positions.length;
  const named = padding === 'same' || padding === 'valid';
  const strides = perAxis(op, 'stride', stride, axes, 1);
  const dilations = perAxis(op, 'dilation', dilation, axes, 1);
  const paddings = perAxis(op, 'padding', named ? 0 : padding, axes, 0);
  const further = perAxis(op, 'outputPadding', outputPadding, axes, 0);
  if (!strides || !dilations || !paddings || !further) return null;
  const refuse = (name: string, value: unknown, wanted: string) => {
    report(2015, { op, name, value: JSON.stringify(value), wanted });
    return null;
  };
  if (further.some((more, k) => more > 0 && more >= Math.max(strides[k], dilations[k])))
    return refuse('outputPadding', outputPadding, 'below the stride or the dilation');
  if (padding === 'same' && further.some((more) => more > 0))
    return refuse('outputPadding', outputPadding, "0 with padding 'same'");
  const windows = positions.map((count, k) => {
    const [step, span] = [strides[k], (taps[k] - 1) * dilations[k] + 1];
    const reach = (count - 1) * step + span;
    const extent = padding === 'same' ? count * step : reach - 2 * paddings[k] + further[k];
    const low = padding === 'same' ? Math.max(0, reach - extent) >> 1 : paddings[k];
    return { positions: count, size: taps[k], stride: step, dilation: dilations[k], low, extent };
  });
  return windows.every(({ extent }) => extent > 0)
    ? windows
    : refuse('padding', padding, 'so small that something is left of each axis');
}
