import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { type ContractionCode, factorFunction, finishFunction } from './contraction-functions.ts';
import { type Contraction, extentOf } from './contraction-match.ts';
import { emitRegisterTiles } from './contraction-registers.ts';
import { emitWorkgroupTiles } from './contraction-workgroup.ts';
import type { Helper } from './helpers.ts';
import type { WgslModule } from './module.ts';

/**
 * A contraction in tiles. What differs between contractions (addresses, bounds, prologue, epilogue) stands in three
 * functions, `left`, `right` and `finish`; the loops around them depend on the tiling alone.
 */
export function emitContraction(
  kernel: Kernel,
  contraction: Contraction,
  limits: TargetLimits,
): WgslModule {
  const helpers = new Set<Helper>();
  const extents = {
    batch: extentOf(kernel, contraction.batch),
    m: extentOf(kernel, contraction.m),
    n: extentOf(kernel, contraction.n),
    k: pointCount(kernel, 'reduced'),
  };
  const functions = [
    factorFunction(kernel, contraction, helpers, 'left', extents),
    factorFunction(kernel, contraction, helpers, 'right', extents),
    finishFunction(kernel, contraction, helpers, extents),
  ];
  const code: ContractionCode = { kernel, contraction, extents, helpers, functions };
  return contraction.tiling.memory === 'registers'
    ? emitRegisterTiles(code, limits)
    : emitWorkgroupTiles(code, limits);
}
