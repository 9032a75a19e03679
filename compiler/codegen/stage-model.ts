import type { Kernel } from '../../ir/kernel.ts';
import type { Target } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { gpuTime } from './gpu/index.ts';
import { wasmTime } from './wasm/time.ts';

/** What a target can do with the array of a stage, and its times of kernels with and without one. */
export function stageModel(target: Target, limits: TargetLimits) {
  return {
    arrayBytes: limits.maxWorkgroupBytes,
    /** Without workgroup memory the array is a tensor that lives in one step. */
    needsHolder: target === 'wasm',
    time: (kernel: Kernel) => (target === 'wasm' ? wasmTime(kernel) : gpuTime(kernel, limits)),
  };
}
