import type { Plan } from './plan.ts';
import { kernelBindings } from './plan-spans.ts';
import { readbackBytes } from './plan-staging.ts';

/** The limits of a WebGPU device that a plan needs, under the names that `GPUSupportedLimits` gives them. */
export interface PlanLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupStorageSize: number;
}

/**
 * What a device must offer to run a plan, so that a plan made for a larger device is refused by name before anything is
 * allocated. What a workgroup needs stands in the WGSL, and is read there.
 */
export function planLimits(plan: Plan): PlanLimits {
  const most = (values: Iterable<number>) => {
    let largest = 0;
    for (const value of values) largest = Math.max(largest, value);
    return largest;
  };
  const codes = plan.kernels.map(({ wgsl = '' }) => wgsl);
  const workgroup = most(codes.map(workgroupSize));
  const bound = plan.kernels.map(kernelBindings);
  const steps = Object.values(plan.programs).flatMap((program) => program.steps);
  return {
    maxBufferSize: most([
      ...plan.slabs.map((slab) => slab.bytes),
      readbackBytes(plan),
      plan.swap?.staging.bytes ?? 0,
      plan.uploads?.bytes ?? 0,
    ]),
    maxStorageBufferBindingSize: most(bound.flatMap((ranges) => ranges.map(({ bytes }) => bytes))),
    maxStorageBuffersPerShaderStage: most(bound.map(({ length }) => length)),
    maxComputeWorkgroupsPerDimension: most(steps.flatMap((step) => [...step.grid])),
    maxComputeInvocationsPerWorkgroup: workgroup,
    maxComputeWorkgroupSizeX: workgroup,
    maxComputeWorkgroupStorageSize: most(codes.map(workgroupBytes)),
  };
}

/** Workgroups have one axis. */
function workgroupSize(wgsl: string): number {
  return Number(/@workgroup_size\((\d+)\)/.exec(wgsl)?.[1] ?? 0);
}

/** Bytes of a WGSL type, rounded up to 16, to which each variable is. */
const TYPE_BYTES: Readonly<Record<string, number>> = { 'vec4<f32>': 16, f32: 4, i32: 4, u32: 4 };

function workgroupBytes(wgsl: string): number {
  let bytes = 0;
  for (const [, type, length] of wgsl.matchAll(/^var<workgroup> \w+: array<(.+), (\d+)>;$/gm))
    bytes += Math.ceil(((TYPE_BYTES[type] ?? 16) * Number(length)) / 16) * 16;
  return bytes;
}
