import { report } from '../reporting/report.ts';
import { apply, isPoisoned, noteImages, poisoned } from './context.ts';
import { checkSignal } from './convolution.ts';
import { add, cast, div, maximum, minimum, mul, sub } from './elementwise.ts';
import { mean } from './reductions.ts';
import type { Tensor } from './tensor.ts';
import { arange, reshape } from './views.ts';
import {
  type AxisWindow,
  type PerAxis,
  perAxis,
  resolveWindows,
  underWindows,
  type WindowOptions,
} from './windows.ts';

/** Windows of {@link maxPool2d}. */
export interface PoolingOptions extends WindowOptions {
  /** Rounds the number of positions up, so that the last window may reach beyond the padding; default false. */
  readonly ceilMode?: boolean;
}

/** Windows of {@link avgPool2d}. */
export interface AveragePoolingOptions extends PoolingOptions {
  /**
   * Whether padding counts as zeros in the mean, or not at all. Default true, as in PyTorch; with `padding: 'same'`, which
   * PyTorch has not, false, as in TensorFlow.
   */
  readonly countIncludePad?: boolean;
}

/**
 * Largest element under each window of images [batch, height, width, channels]; padding never wins. Ties share the gradient.
 *
 * Errors: BTC2031 for a window that does not fit, BTC2052 for one that lies wholly in padding.
 */
export function maxPool2d(x: Tensor, size: PerAxis, options: PoolingOptions = {}): Tensor {
  return maxPool('maxPool2d', 2, x, size, options);
}

/** As {@link maxPool2d} along one axis, of signals [batch, length, channels]. */
export function maxPool1d(x: Tensor, size: PerAxis, options: PoolingOptions = {}): Tensor {
  return maxPool('maxPool1d', 1, x, size, options);
}

/** As {@link maxPool2d} along three axes, of volumes [batch, depth, height, width, channels]. */
export function maxPool3d(x: Tensor, size: PerAxis, options: PoolingOptions = {}): Tensor {
  return maxPool('maxPool3d', 3, x, size, options);
}

/** Mean under each window of images [batch, height, width, channels]. Errors as for {@link maxPool2d}. */
export function avgPool2d(x: Tensor, size: PerAxis, options: AveragePoolingOptions = {}): Tensor {
  return avgPool('avgPool2d', 2, x, size, options);
}

/** As {@link avgPool2d} along one axis, of signals [batch, length, channels]. */
export function avgPool1d(x: Tensor, size: PerAxis, options: AveragePoolingOptions = {}): Tensor {
  return avgPool('avgPool1d', 1, x, size, options);
}

/** As {@link avgPool2d} along three axes, of volumes [batch, depth, height, width, channels]. */
export function avgPool3d(x: Tensor, size: PerAxis, options: AveragePoolingOptions = {}): Tensor {
  return avgPool('avgPool3d', 3, x, size, options);
}

function maxPool(
  op: string,
  spatial: number,
  x: Tensor,
  size: PerAxis,
  options: PoolingOptions,
): Tensor {
  return pool(op, spatial, x, size, options, (windows) =>
    apply('reduceMax', [underWindows(x, windows, Number.NEGATIVE_INFINITY)], {
      axes: tapAxes(windows),
    }),
  );
}

function avgPool(
  op: string,
  spatial: number,
  x: Tensor,
  size: PerAxis,
  options: AveragePoolingOptions,
): Tensor {
  const { countIncludePad = options.padding !== 'same' } = options;
  return pool(op, spatial, x, size, options, (windows) => {
    const total = apply('reduceSum', [underWindows(x, windows)], { axes: tapAxes(windows) });
    return windows.reduce((mean, window, k) => {
      const extent = x.shape[k + 1];
      const margin = countIncludePad ? window.low : 0;
      const counts = tapsInside(window, -margin, extent + margin);
      return typeof counts === 'number'
        ? mul(mean, 1 / counts)
        : div(mean, reshape(counts, [-1, ...new Array<number>(windows.length - k).fill(1)]));
    }, total);
  });
}

/** Mean over all positions: [batch, …, channels] to [batch, channels]. BTC2003 for a rank under 3. */
export function globalAveragePool(x: Tensor): Tensor {
  if (isPoisoned(x))
    return poisoned({ dtype: 'f32', shape: [x.shape[0] ?? 1, x.shape.at(-1) ?? 1] });
  if (x.rank < 3) {
    const given = `rank ${x.rank}`;
    report(2003, { op: 'globalAveragePool', wanted: 'a tensor [batch, …, channels]', given });
    return poisoned(x.type);
  }
  return mean(x, x.shape.map((_, axis) => axis).slice(1, -1));
}

/** Of [batch, positions, taps, positions, taps, …, channels]. */
const tapAxes = (windows: readonly AxisWindow[]) => windows.map((_, k) => 2 + 2 * k);

function pool(
  op: string,
  spatial: number,
  x: Tensor,
  size: PerAxis,
  { ceilMode = false, ...options }: PoolingOptions,
  reduce: (windows: readonly AxisWindow[]) => Tensor,
): Tensor {
  if (!checkSignal(op, x, spatial)) return poisoned(x.type);
  const sizes = perAxis(op, 'size', size, spatial, 1);
  const extents = x.shape.slice(1, -1);
  const resolved = sizes && resolveWindows(op, extents, sizes, { stride: sizes, ...options });
  if (!resolved) return poisoned(x.type);
  const windows =
    ceilMode && options.padding !== 'same'
      ? resolved.map((window, k) => roundedUp(window, extents[k]))
      : resolved;
  if (!windows.every((window, k) => meetsElements(op, window, extents[k], k + 1)))
    return poisoned(x.type);
  const y = reduce(windows);
  noteImages(op, x, y);
  return y;
}

/** With a last window that reaches beyond the padding but does not start there, as in PyTorch. */
function roundedUp(window: AxisWindow, extent: number): AxisWindow {
  const { size, stride, dilation, low } = window;
  const room = extent + 2 * low - ((size - 1) * dilation + 1);
  const positions = Math.ceil(room / stride) + 1;
  const startsInside = (positions - 1) * stride < extent + low;
  return { ...window, positions: startsInside ? positions : positions - 1 };
}

/** BTC2052 for a window along an axis that lies wholly in padding. */
function meetsElements(op: string, window: AxisWindow, extent: number, axis: number): boolean {
  for (let position = 0; position < window.positions; position++) {
    if (countInside(window, position, 0, extent) > 0) continue;
    report(2052, { op, position, axis, size: window.size, low: window.low });
    return false;
  }
  return true;
}

/** How many taps of a window at a position lie at elements from `from` to `to`. */
function countInside(
  { size, stride, dilation, low }: AxisWindow,
  position: number,
  from: number,
  to: number,
): number {
  const base = position * stride - low;
  const before = (end: number) => Math.min(size, Math.ceil(Math.max(0, end - base) / dilation));
  return before(to) - before(from);
}

/** {@link countInside} of every position: a number where all are equal, else f32 [positions]. */
function tapsInside(window: AxisWindow, from: number, to: number): number | Tensor {
  const { positions, size, stride, dilation, low } = window;
  const counts = Array.from({ length: positions }, (_, position) =>
    countInside(window, position, from, to),
  );
  if (counts.every((count) => count === counts[0])) return counts[0];
  const base = sub(mul(arange(positions), stride), low);
  const before = (end: number) =>
    minimum(div(add(maximum(sub(end, base), 0), dilation - 1), dilation), size);
  return cast(sub(before(to), before(from)), 'f32');
}
