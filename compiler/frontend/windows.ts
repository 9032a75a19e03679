import type { OpAttributes } from '../../ir/ops.ts';
import { report } from '../reporting/report.ts';
import { windowed } from './parts.ts';
import type { Tensor } from './tensor.ts';
import { MOST_REACH, slice } from './views.ts';

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];

/** Where the windows of a convolution or a pooling lie. */
export interface WindowOptions {
  /** Distance of neighbouring positions; default 1, in pooling the window's size. */
  readonly stride?: PerAxis;
  /**
   * Elements that count as there on both sides of an axis. `same`: ⌈extent / stride⌉ positions, the odd element behind, as in
   * TensorFlow; `valid` (the default): none.
   */
  readonly padding?: 'same' | 'valid' | PerAxis;
  /** Distance of neighbouring taps; default 1. */
  readonly dilation?: PerAxis;
}

/** A window along one spatial axis. */
export type AxisWindow = Omit<OpAttributes['window'], 'axis' | 'value'>;

/** The windows of a call along the given extents; null after a diagnostic. */
export function resolveWindows(
  op: string,
  extents: readonly number[],
  sizes: readonly number[],
  { stride = 1, padding = 'valid', dilation = 1 }: WindowOptions,
): AxisWindow[] | null {
  const strides = perAxis(op, 'stride', stride, extents.length, 1);
  const dilations = perAxis(op, 'dilation', dilation, extents.length, 1);
  const named = padding === 'same' || padding === 'valid';
  const paddings = perAxis(op, 'padding', named ? 0 : padding, extents.length, 0);
  if (!strides || !dilations || !paddings) return null;
  const windows: AxisWindow[] = [];
  for (const [k, extent] of extents.entries()) {
    const [size, stride, dilation] = [sizes[k], strides[k], dilations[k]];
    const span = (size - 1) * dilation + 1;
    const same = padding === 'same';
    const room = extent + 2 * paddings[k] - span;
    if (!same && room < 0) {
      const proposal = paddings[k] + Math.ceil(-room / 2);
      report(2031, { op, span, axis: k + 1, extent, padding: paddings[k], proposal });
      return null;
    }
    const positions = same ? Math.ceil(extent / stride) : Math.floor(room / stride) + 1;
    const missing = Math.max(0, (positions - 1) * stride + span - extent);
    const low = same ? Math.floor(missing / 2) : paddings[k];
    if (low + (positions - 1) * stride + span > MOST_REACH) {
      const wanted =
        'so small that windows reach over less than 2^31 elements, as stride and dilation must be';
      report(2015, { op, name: 'padding', value: JSON.stringify(padding), wanted });
      return null;
    }
    windows.push({ positions, size, stride, dilation, low });
  }
  return windows;
}

/** One integer of at least `least` per spatial axis (BTC2015). */
export function perAxis(
  op: string,
  name: string,
  given: PerAxis,
  axes: number,
  least: number,
): readonly number[] | null {
  const list = typeof given === 'number' ? new Array<number>(axes).fill(given) : given;
  const isSound = (one: unknown) => Number.isSafeInteger(one) && (one as number) >= least;
  if (Array.isArray(list) && list.length === axes && list.every(isSound)) return list;
  const sign = least > 0 ? 'positive' : 'non-negative';
  const wanted = `a ${sign} integer, or one for each of the ${axes} spatial axes`;
  report(2015, { op, name, value: JSON.stringify(given), wanted });
  return null;
}

/** [batch, …extents, channels] to [batch, positions, taps, positions, taps, …, channels]: a view, with `value` outside of `x`. */
export function underWindows(x: Tensor, windows: readonly AxisWindow[], value = 0): Tensor {
  // From the last axis on, so that the numbers of those before it stay.
  return windows.reduceRight((view, window, k) => {
    const { positions, size, stride, dilation, low } = window;
    // Windows side by side simplify to equal parts of the axis, once nothing is left over behind them.
    const sideBySide = stride === size && dilation === 1 && low === 0;
    const whole =
      sideBySide && positions * size < x.shape[k + 1]
        ? slice(view, k + 1, 0, positions * size)
        : view;
    return windowed(whole, { axis: k + 1, value, ...window });
  }, x);
}
