import type { Kernel } from '../../ir/kernel.ts';
import type { Target } from '../../ir/plan.ts';
import type { TargetLimits } from '../../ir/schedule.ts';
import { gpuWork } from './gpu/index.ts';
import { wasmWork } from './wasm/work.ts';
import type { KernelWork } from './work.ts';

/** What the code of a kernel on a target does in one run. */
export function kernelWork(kernel: Kernel, target: Target, limits: TargetLimits): KernelWork {
  return target === 'wasm' ? wasmWork(kernel) : gpuWork(kernel, limits);
}
