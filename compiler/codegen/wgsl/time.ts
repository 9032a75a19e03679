import type { Kernel } from '../../../ir/kernel.ts';
import { kernelCost } from '../../../ir/kernel-cost.ts';
import { isStaged, type StagedKernel, tileCount, tileHalves } from '../../../ir/kernel-stage.ts';
import type { TargetLimits } from '../../../ir/schedule.ts';
import { BYTES_PER_ELEMENT } from '../../../ir/tensor.ts';
import { collapseAxes } from './collapse.ts';
import { matchContraction, plainTime, tilingTime } from './contraction-match.ts';
import { divideTile } from './staged.ts';
import { TUNING } from './tuning.ts';

/** Time of one run of a kernel by its roofline, in multiply-adds of the best tiling, its dispatch included. */
export function wgslTime(kernel: Kernel, limits: TargetLimits): number {
  const { perElement, perDispatch } = TUNING.time;
  const moving = (kernelCost(kernel).bytes / BYTES_PER_ELEMENT) * perElement;
  const computing = isStaged(kernel) ? stagedTime(kernel, limits) : computingTime(kernel, limits);
  return perDispatch + Math.max(moving, computing);
}

function computingTime(kernel: Kernel, limits: TargetLimits): number {
  if (!kernel.reduction) return 0;
  const collapsed = collapseAxes(kernel);
  const contraction = matchContraction(collapsed, limits);
  return contraction ? tilingTime(collapsed, contraction) : plainTime(collapsed, limits);
}

/** Arrays that take much workgroup memory let few workgroups run on a core at a time. */
function stagedTime(kernel: StagedKernel, limits: TargetLimits): number {
  const { throughput, coreBytes, coreInvocations } = TUNING.staged;
  const { tileAxes, local } = kernel.stage;
  const { workgroupSize, time } = divideTile(tileHalves(kernel), tileAxes, limits);
  const groups = tileCount(kernel);
  const resident = Math.floor(coreBytes / (local.elements * BYTES_PER_ELEMENT)) * workgroupSize;
  const occupancy =
    Math.min(1, (groups * workgroupSize) / TUNING.wantedInvocations) *
    Math.min(1, resident / coreInvocations);
  return (groups * time) / throughput / occupancy;
}
