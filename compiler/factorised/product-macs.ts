import { elementCount } from '../../ir/tensor.ts';
import { contractionOrder } from '../contract/tree.ts';
import { warn } from '../reporting/report.ts';
import { positionLetters, tapLetters } from '../window/letters.ts';
import {
  AXIS_LETTERS,
  denseCount,
  inputLetters,
  type MatrixNetwork,
  networkExtents,
  outputLetters,
  parameterCount,
} from './network.ts';

/** A spatial axis of a convolution: its extent, and the positions of the window on it. */
export interface SpatialAxis {
  readonly extent: number;
  readonly positions: number;
}

/**
 * Multiply-adds of the product of `batch` inputs with a factorised matrix, or of the convolution with a factorised kernel, in
 * the cheapest order.
 */
export function productMacs(
  { networks, inputModes, outputModes, taps }: MatrixNetwork,
  batch: number,
  axes: readonly SpatialAxis[] = [],
): number {
  const letters = inputLetters(inputModes.length);
  const positions = positionLetters(axes.length);
  const windows = axes.map((_, k) => AXIS_LETTERS[k] + positions[k] + tapLetters(axes.length)[k]);
  const output = `z${positions}${outputLetters(outputModes.length)}`;
  return networks.reduce((sum, network) => {
    const cores = network.cores.map((core) => core.letters);
    const operands = [`z${AXIS_LETTERS.slice(0, axes.length)}${letters}`, ...cores, ...windows];
    const extents = new Map([
      ['z', batch],
      ...axes.map(({ extent }, k) => [AXIS_LETTERS[k], extent] as const),
      ...axes.map((axis, k) => [positions[k], axis.positions] as const),
      ...taps.map((extent, k) => [tapLetters(taps.length)[k], extent] as const),
      ...inputModes.map((extent, k) => [letters[k], extent] as const),
      ...networkExtents(network),
    ]);
    const options = { windows: windows.map((_, k) => 1 + cores.length + k) };
    return sum + contractionOrder(operands, output, extents, options).macs;
  }, 0);
}

/** BTC2101 where the factorised form takes more arithmetic than the dense one at this batch. */
export function warnIfDearer(
  layer: string,
  matrix: MatrixNetwork,
  batch: number,
  axes: readonly SpatialAxis[] = [],
): void {
  const macs = productMacs(matrix, batch, axes);
  const dense = batch * elementCount(axes.map(({ positions }) => positions)) * denseCount(matrix);
  if (macs <= dense) return;
  warn(2101, {
    layer,
    form: matrix.form,
    macs: macs.toLocaleString('en'),
    dense: dense.toLocaleString('en'),
    batch,
    parameters: parameterCount(matrix).toLocaleString('en'),
  });
}
