import type { Shape } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { positionLetters, tapLetters, windowLetters } from '../window/letters.ts';
import { isPoisoned, mistake, noteImages, poisoned } from './context.ts';
import { einsum } from './parts.ts';
import type { Tensor } from './tensor.ts';
import { reshape } from './views.ts';
import { resolveWindows, underWindows, type WindowOptions } from './windows.ts';

/** Windows and groups of {@link conv1d}, {@link conv2d} and {@link conv3d}. */
export interface ConvolutionOptions extends WindowOptions {
  /** Input and output channels in so many groups of their own; as many as input channels make a depthwise convolution. Default 1. */
  readonly groups?: number;
}

/**
 * Convolution (cross-correlation, as everywhere in the field) of images [batch, height, width, in] with a kernel
 * [height, width, in / groups, out]. The result is [batch, positions, positions, out]. The images are read through their windows in
 * place; no matrix of windows is formed, neither forward nor backward.
 *
 * Errors: BTC2031 for a window that does not fit, BTC2032 for groups that do not divide the channels.
 */
export function conv2d(x: Tensor, kernel: Tensor, options: ConvolutionOptions = {}): Tensor {
  return convolve('conv2d', x, kernel, options, 2);
}

/** As {@link conv2d} along one axis: signals [batch, length, in] with a kernel [length, in / groups, out]. */
export function conv1d(x: Tensor, kernel: Tensor, options: ConvolutionOptions = {}): Tensor {
  return convolve('conv1d', x, kernel, options, 1);
}

/** As {@link conv2d} along three axes: volumes [batch, depth, height, width, in] with a kernel [depth, height, width, in / groups, out]. */
export function conv3d(x: Tensor, kernel: Tensor, options: ConvolutionOptions = {}): Tensor {
  return convolve('conv3d', x, kernel, options, 3);
}

export const LAYOUTS: Readonly<
  Record<number, { readonly input: string; readonly kernel: string }>
> = {
  1: { input: '[batch, length, channels]', kernel: '[length, in, out]' },
  2: { input: '[batch, height, width, channels]', kernel: '[height, width, in, out]' },
  3: {
    input: '[batch, depth, height, width, channels]',
    kernel: '[depth, height, width, in, out]',
  },
};

/** BTC2003 for what is not an f32 tensor of the layout of a signal with so many spatial axes. Silent after a mistake. */
export function checkSignal(op: string, x: Tensor, spatial: number): boolean {
  return !isPoisoned(x) && checkLayout(op, x, LAYOUTS[spatial].input, spatial + 2);
}

/** BTC2003 for what is not an f32 tensor of the rank of a layout. */
export function checkLayout(op: string, x: Tensor, layout: string, rank: number): boolean {
  if (x.rank === rank && x.dtype === 'f32') return true;
  report(2003, { op, wanted: `f32 ${layout}`, given: `${x.dtype} ${formatShape(x.shape)}` });
  return false;
}

/** A convolution along so many axes under the name that messages give it. */
export function convolve(
  op: string,
  x: Tensor,
  kernel: Tensor,
  { groups = 1, ...options }: ConvolutionOptions,
  spatial: number,
): Tensor {
  const fallback = poisoned({
    dtype: 'f32',
    shape: [...x.shape.slice(0, -1), ...kernel.shape.slice(-1)],
  });
  if (isPoisoned(x) || isPoisoned(kernel)) return fallback;
  const fits =
    checkSignal(op, x, spatial) && checkLayout(op, kernel, LAYOUTS[spatial].kernel, spatial + 2);
  if (!fits) return fallback;
  const [inside, outside] = kernel.shape.slice(-2);
  const channels = x.shape[x.rank - 1];
  if (!checkGroups(op, groups, channels, outside)) return fallback;
  if (inside !== channels / groups) {
    const wanted = `a kernel for ${channels / groups} input channels${groups > 1 ? ` in each of ${groups} groups` : ''}`;
    return mistake(2003, { op, wanted, given: formatShape(kernel.shape) }, fallback.type);
  }
  const sizes = kernel.shape.slice(0, spatial);
  const windows = resolveWindows(op, x.shape.slice(1, -1), sizes, options);
  if (!windows) return fallback;
  const split = (y: Tensor, ...channels: Shape) =>
    groups === 1 ? y : reshape(y, [...y.shape.slice(0, y.rank - channels.length + 1), ...channels]);
  const view = underWindows(split(x, groups, inside), windows);
  const cores =
    groups === 1 ? kernel : reshape(kernel, [...sizes, inside, groups, outside / groups]);
  const g = groups === 1 ? '' : 'g';
  const [positions, taps] = [positionLetters(spatial), tapLetters(spatial)];
  const product = einsum(
    `n${windowLetters(spatial)}${g}c,${taps}c${g}d->n${positions}${g}d`,
    view,
    cores,
  );
  const y = groups === 1 ? product : reshape(product, [...product.shape.slice(0, -2), outside]);
  noteImages(op, x, y);
  return y;
}

/** BTC2032 where groups do not divide the channels on either side. */
export function checkGroups(op: string, groups: number, inside: number, outside: number): boolean {
  const divides = (n: number) => Number.isInteger(n) && inside % n === 0 && outside % n === 0;
  if (groups > 0 && divides(groups)) return true;
  let proposal = 1;
  for (let small = 1; small * small <= inside; small++)
    for (const n of [small, inside / small])
      if (divides(n) && Math.abs(n - groups) < Math.abs(proposal - groups)) proposal = n;
  report(2032, { op, groups: String(groups), inside, outside, proposal });
  return false;
}
