import { elementCount } from '../../ir/tensor.ts';
import { apply, isPoisoned, poisoned, report } from './context.ts';
import { checkSignal } from './convolution.ts';
import { mul } from './elementwise.ts';
import { mean } from './reductions.ts';
import type { Tensor } from './tensor.ts';
import {
  type AxisWindow,
  type PerAxis,
  perAxis,
  resolveWindows,
  underWindows,
  type WindowOptions,
} from './windows.ts';

/** Largest element under each window of images [batch, height, width, channels]; padding never wins. Ties share the gradient. */
export function maxPool2d(x: Tensor, size: PerAxis, options: WindowOptions = {}): Tensor {
  return pool('maxPool2d', x, size, options, (windows) =>
    apply('reduceMax', [underWindows(x, windows, Number.NEGATIVE_INFINITY)], { axes: TAP_AXES }),
  );
}

/** Mean under each window of images [batch, height, width, channels]; padding counts as zeros, as in PyTorch. */
export function avgPool2d(x: Tensor, size: PerAxis, options: WindowOptions = {}): Tensor {
  return pool('avgPool2d', x, size, options, (windows) => {
    const total = apply('reduceSum', [underWindows(x, windows)], { axes: TAP_AXES });
    return mul(total, 1 / elementCount(windows.map((one) => one.size)));
  });
}

/** Mean over all positions: [batch, …, channels] to [batch, channels]. */
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

/** Of [batch, positions, taps, positions, taps, channels]. */
const TAP_AXES = [2, 4];

function pool(
  op: string,
  x: Tensor,
  size: PerAxis,
  options: WindowOptions,
  reduce: (windows: readonly AxisWindow[]) => Tensor,
): Tensor {
  if (!checkSignal(op, x, 2)) return poisoned(x.type);
  const sizes = perAxis(op, 'size', size, 2, 1);
  const windows =
    sizes && resolveWindows(op, x.shape.slice(1, -1), sizes, { stride: sizes, ...options });
  return windows ? reduce(windows) : poisoned(x.type);
}
