import type { Kernel } from '../../ir/kernel.ts';
import type { Target } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { wasmTime } from './wasm/time.ts';
import { wgslWork } from './wgsl/work.ts';

/** What the code of a kernel does in one run, on the scale of the target's own model. */
export interface KernelWork {
  /** Operations of all invocations, padding and addresses included: vector additions on wasm, scalar ones on WebGPU. */
  readonly operations: number;
  /** How often an invocation waits at a barrier, summed over invocations. */
  readonly barriers: number;
  readonly invocations: number;
}

export function kernelWork(kernel: Kernel, target: Target, limits: TargetLimits): KernelWork {
  return target === 'wasm'
    ? { operations: wasmTime(kernel), barriers: 0, invocations: 1 }
    : wgslWork(kernel, limits);
}
