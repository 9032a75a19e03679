import type { Target } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import type { StageModel } from '../lower/producer-fusion.ts';
import type { TargetRow } from './target.ts';
import { WASM } from './wasm.ts';
import { WEBGPU } from './webgpu.ts';

export const TARGETS: Readonly<Record<Target, TargetRow>> = { webgpu: WEBGPU, wasm: WASM };

/** What a target can do with the array of a stage, and its times of kernels with and without one. */
export function stageModel(target: Target, limits: TargetLimits): StageModel {
  const { stageNeedsHolder, time } = TARGETS[target];
  return {
    arrayBytes: limits.maxWorkgroupBytes,
    needsHolder: stageNeedsHolder,
    time: (kernel) => time(kernel, limits),
  };
}
