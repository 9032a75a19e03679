import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { type ContractionCode, factorFunction, finishFunction } from './contraction-functions.ts';
import { type Contraction, extentOf } from './contraction-match.ts';
import { emitRegisterTiles } from './contraction-registers.ts';
import { emitWorkgroupTiles } from './contraction-workgroup.ts';
import type { Dialect } from './dialect.ts';
import type { GpuModule } from './module.ts';
import { newWriter } from './writer.ts';

/**
 * A contraction in tiles. What differs between contractions (addresses, bounds, prologue, epilogue) stands in three
 * functions, `left`, `right` and `finish`; the loops around them depend on the tiling alone.
 */
export function emitContraction(
  dialect: Dialect,
  kernel: Kernel,
  contraction: Contraction,
  limits: TargetLimits,
): GpuModule {
  const writer = newWriter(dialect);
  const { dtype } = kernel.nodes[kernel.reduction!.value];
  const extents = {
    batch: extentOf(kernel, contraction.batch),
    m: extentOf(kernel, contraction.m),
    n: extentOf(kernel, contraction.n),
    k: pointCount(kernel, 'reduced'),
  };
  const functions = [
    factorFunction(kernel, contraction, writer, 'left', extents),
    factorFunction(kernel, contraction, writer, 'right', extents),
    finishFunction(kernel, contraction, writer, extents),
  ];
  const code: ContractionCode = { kernel, contraction, dtype, extents, writer, functions };
  return contraction.tiling.memory === 'registers'
    ? emitRegisterTiles(code, limits)
    : emitWorkgroupTiles(code, limits);
}
