import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import { checkSignal } from './convolution.ts';
import type { Tensor } from './tensor.ts';
import { reshape, transpose } from './views.ts';
import {
  type PerAxis,
  perAxis,
  resolveWindows,
  underWindows,
  type WindowOptions,
} from './windows.ts';

/**
 * Channels of images [batch, height, width, channels·factor²] as pixels [batch, height·factor, width·factor, channels], in PyTorch's
 * order: channel c·factor² + i·factor + j is row i, column j. BTC2015 for a factor whose square does not divide the channels.
 */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  const op = 'pixelShuffle';
  if (!checkSignal(op, x, 2)) return poisoned(x.type);
  const [batch, height, width, channels] = x.shape;
  if (!isFactor(factor) || channels % factor ** 2 !== 0) {
    const wanted = `a positive integer whose square divides ${channels} channels`;
    return mistake(2015, { op, name: 'factor', value: String(factor), wanted }, x.type);
  }
  const outside = channels / factor ** 2;
  const split = reshape(x, [batch, height, width, outside, factor, factor]);
  const spread = transpose(split, [0, 1, 4, 2, 5, 3]);
  return reshape(spread, [batch, height * factor, width * factor, outside]);
}

/** The inverse of {@link pixelShuffle}: pixels [batch, height, width, channels] as channels [batch, height / factor, width / factor, channels·factor²]. BTC2015 for a factor that does not divide height and width. */
export function pixelUnshuffle(x: Tensor, factor: number): Tensor {
  const op = 'pixelUnshuffle';
  if (!checkSignal(op, x, 2)) return poisoned(x.type);
  const [batch, height, width, channels] = x.shape;
  if (!isFactor(factor) || height % factor !== 0 || width % factor !== 0) {
    const wanted = `a positive integer that divides ${height} and ${width}`;
    return mistake(2015, { op, name: 'factor', value: String(factor), wanted }, x.type);
  }
  const [rows, columns] = [height / factor, width / factor];
  const split = reshape(x, [batch, rows, factor, columns, factor, channels]);
  const gathered = transpose(split, [0, 1, 3, 5, 2, 4]);
  return reshape(gathered, [batch, rows, columns, channels * factor ** 2]);
}

const isFactor = (factor: number) => Number.isSafeInteger(factor) && factor > 0;

/**
 * The patches of images [batch, height, width, channels] under windows, row by row: [batch, patches, channels·taps], as PyTorch's
 * `F.unfold` with its last two axes exchanged. Errors as for {@link conv2d}.
 */
export function unfold(x: Tensor, size: PerAxis, options: WindowOptions = {}): Tensor {
  const op = 'unfold';
  if (!checkSignal(op, x, 2)) return poisoned(x.type);
  const sizes = perAxis(op, 'size', size, 2, 1);
  const windows = sizes && resolveWindows(op, x.shape.slice(1, -1), sizes, options);
  if (!windows) return poisoned(x.type);
  const [batch, , , channels] = x.shape;
  // [batch, row, tap, column, tap, channels] with the channels before their taps.
  const patches = transpose(underWindows(x, windows), [0, 1, 3, 5, 2, 4]);
  const [count, taps] = [countOf(windows, 'positions'), countOf(windows, 'size')];
  return reshape(patches, [batch, count, channels * taps]);
}

/**
 * The transpose of {@link unfold}: patches [batch, patches, channels·taps] add up in images of the given extents, [batch, height, width,
 * channels], as PyTorch's `F.fold`. BTC2055 for a tensor that has not the patches of such windows; else as there.
 */
export function fold(
  x: Tensor,
  extents: readonly number[],
  size: PerAxis,
  options: WindowOptions = {},
): Tensor {
  const op = 'fold';
  if (isPoisoned(x)) return x;
  const sizes = perAxis(op, 'size', size, 2, 1);
  const images = perAxis(op, 'extents', extents, 2, 1);
  const windows = sizes && images && resolveWindows(op, images, sizes, options);
  if (!windows) return poisoned(x.type);
  const [count, taps] = [countOf(windows, 'positions'), countOf(windows, 'size')];
  const [batch, given, elements] = x.shape;
  if (x.rank !== 3 || x.dtype !== 'f32' || given !== count || elements % taps !== 0) {
    const found = `${x.dtype} ${formatShape(x.shape)}`;
    report(2055, { op, given: found, count, taps });
    return poisoned(x.type);
  }
  const [rows, columns] = windows;
  const split = reshape(x, [
    batch,
    rows.positions,
    columns.positions,
    elements / taps,
    rows.size,
    columns.size,
  ]);
  const spread = transpose(split, [0, 1, 4, 2, 5, 3]);
  return windows.reduceRight((sum, { stride, dilation, low }, k) => {
    return apply('fold', [sum], { axis: 2 * k + 1, stride, dilation, low, extent: images[k] });
  }, spread);
}

const countOf = <Name extends string>(
  windows: readonly { readonly [Key in Name]: number }[],
  name: Name,
): number => windows.reduce((product, window) => product * window[name], 1);
