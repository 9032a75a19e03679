import type { Kernel } from '../../../ir/kernel.ts';
import { kernelCost } from '../../../ir/kernel-cost.ts';
import { isStaged } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { collapseAxes } from './collapse.ts';
import { matchContraction, plainTime, tilingTime } from './contraction-match.ts';
import { divideTiles } from './staged.ts';
import { TUNING } from './tuning.ts';

/** Time of one run of a kernel by its roofline, in multiply-adds of the best tiling, its dispatch included. */
export function gpuTime(kernel: Kernel, limits: TargetLimits): number {
  const { perByte, perDispatch } = TUNING.time;
  const moving = kernelCost(kernel).bytes * perByte;
  const computing = isStaged(kernel)
    ? divideTiles(kernel, limits).time
    : computingTime(kernel, limits);
  return perDispatch + Math.max(moving, computing);
}

function computingTime(kernel: Kernel, limits: TargetLimits): number {
  if (!kernel.reduction) return 0;
  const collapsed = collapseAxes(kernel);
  const contraction = matchContraction(collapsed, limits);
  return contraction ? tilingTime(collapsed, contraction) : plainTime(collapsed, limits);
}
