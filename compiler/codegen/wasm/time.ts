import type { Kernel } from '../../../ir/kernel.ts';
import { isStaged, tileCount, tileHalves } from '../../../ir/kernel-stage.ts';
import { nestTime } from './plan-nest.ts';

/** A call of a kernel, in vector additions. */
const CALL = 256;
/** What setting out on the loops inside of a tile costs. */
const TILE = 32;

/** Time of one run of a kernel, in vector additions, by the model that chooses its loops. */
export function wasmTime(kernel: Kernel): number {
  if (!isStaged(kernel)) return CALL + nestTime(kernel);
  const { stage, body } = tileHalves(kernel);
  const { tileAxes } = kernel.stage;
  const loops = nestTime(stage, tileAxes) + nestTime(body, tileAxes);
  return CALL + TILE * tileCount(kernel) + loops;
}
