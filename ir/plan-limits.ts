import type { Plan } from './plan.ts';
import { readbackBytes } from './plan-staging.ts';

/** The limits of a WebGPU device that a plan needs, under the names that `GPUSupportedLimits` gives them. */
export interface PlanLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

/**
 * What a device must offer to run a plan, so that a plan made for a larger device is refused by name before anything is
 * allocated. Workgroup sizes stand in the WGSL and are the device's to check.
 */
export function planLimits(plan: Plan): PlanLimits {
  const most = (values: Iterable<number>) => {
    let largest = 0;
    for (const value of values) largest = Math.max(largest, value);
    return largest;
  };
  const steps = Object.values(plan.programs).flatMap((program) => program.steps);
  return {
    maxBufferSize: most([
      ...plan.slabs.map((slab) => slab.bytes),
      readbackBytes(plan),
      plan.swap?.staging.bytes ?? 0,
    ]),
    maxStorageBufferBindingSize: most(
      plan.kernels.flatMap((kernel) => kernel.bindings.map(({ bytes }) => bytes)),
    ),
    maxStorageBuffersPerShaderStage: most(plan.kernels.map((kernel) => kernel.bindings.length)),
    maxComputeWorkgroupsPerDimension: most(steps.flatMap((step) => [...step.grid])),
  };
}
