import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { apply, isPoisoned, mistake, noteImages, poisoned } from './context.ts';
import { einsum } from './contractions.ts';
import { checkLayout, checkSignal, LAYOUTS } from './convolution.ts';
import type { Tensor } from './tensor.ts';
import { perAxis, resolveWindows, type WindowOptions } from './windows.ts';

/**
 * Transposed convolution, what the gradient of a convolution does: images [batch, height, width, in] with a kernel [height,
 * width, in, out] to [batch, …extents, out]. An extent is (positions - 1)·stride + span - 2·padding, with `same` padding
 * positions·stride. No zeros are inserted: each residue modulo the stride is a convolution with the taps that meet it.
 */
export function conv2dTranspose(x: Tensor, kernel: Tensor, options: WindowOptions = {}): Tensor {
  return transposedConvolve('conv2dTranspose', x, kernel, options);
}

/** {@link conv2dTranspose} under the name that messages give it. */
export function transposedConvolve(
  op: string,
  x: Tensor,
  kernel: Tensor,
  options: WindowOptions,
): Tensor {
  const shape = [...x.shape.slice(0, -1), ...kernel.shape.slice(-1)];
  const fallback = poisoned({ dtype: 'f32', shape });
  if (isPoisoned(x) || isPoisoned(kernel)) return fallback;
  if (!checkSignal(op, x, 2) || !checkLayout(op, kernel, LAYOUTS[2].kernel, 4)) return fallback;
  if (kernel.shape[2] !== x.shape[3]) {
    const wanted = `a kernel for ${x.shape[3]} input channels`;
    return mistake(2003, { op, wanted, given: formatShape(kernel.shape) }, fallback.type);
  }
  const taps = kernel.shape.slice(0, 2);
  const extents = resultExtents(op, x.shape.slice(1, -1), taps, options);
  const windows = extents && resolveWindows(op, extents, taps, options);
  if (!windows) return fallback;
  const spread = einsum('nxyc,uvcd->nxuyvd', x, kernel);
  // From the last axis on, so that the numbers of those before it stay.
  const y = windows.reduceRight((sum, { stride, dilation, low }, k) => {
    return apply('fold', [sum], { axis: 2 * k + 1, stride, dilation, low, extent: extents[k] });
  }, spread);
  noteImages(op, x, y);
  return y;
}

/** The extents whose windows have the given positions; null after a diagnostic. */
function resultExtents(
  op: string,
  positions: readonly number[],
  taps: readonly number[],
  { stride = 1, padding = 'valid', dilation = 1 }: WindowOptions,
): number[] | null {
  const named = padding === 'same' || padding === 'valid';
  const strides = perAxis(op, 'stride', stride, 2, 1);
  const dilations = perAxis(op, 'dilation', dilation, 2, 1);
  const paddings = perAxis(op, 'padding', named ? 0 : padding, 2, 0);
  if (!strides || !dilations || !paddings) return null;
  const extents = positions.map((count, k) => {
    const span = (taps[k] - 1) * dilations[k] + 1;
    return padding === 'same'
      ? count * strides[k]
      : (count - 1) * strides[k] + span - 2 * paddings[k];
  });
  if (extents.every((extent) => extent > 0)) return extents;
  const wanted = 'so small that something is left of each axis';
  report(2015, { op, name: 'padding', value: JSON.stringify(padding), wanted });
  return null;
}
