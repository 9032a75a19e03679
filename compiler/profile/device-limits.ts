import { type Infer, list, object, whole } from '../../ir/form.ts';
import { SUBGROUP_MATRIX } from '../../ir/plan-fields/root.ts';
import { NAME } from '../../ir/plan-fields/scalars.ts';

/**
 * Limits of a device that shape a plan, as far as they are known: WebGPU's defaults stand for the others. Counts are at least
 * those that every WebGPU device offers, for which kernels are made.
 */
export interface DeviceLimits extends Infer<typeof DEVICE_LIMITS> {}
export const DEVICE_LIMITS = object(
  {},
  {
    /** Largest buffer, in bytes. */
    maxBufferBytes: whole(256),
    /** Largest part of a buffer that a kernel reads or writes, in bytes. */
    maxBindingBytes: whole(4),
    /** Buffers that one kernel reads and writes. */
    maxStorageBuffers: whole(8, 1000),
    /** Invocations of a workgroup. */
    maxWorkgroupInvocations: whole(1, 65536),
    /** Memory that the invocations of a workgroup share, in bytes; 0: no kernel uses any. */
    maxWorkgroupBytes: whole(0, 2 ** 24),
    /** Workgroups along one axis of a grid. */
    maxWorkgroupsPerDimension: whole(1, 2 ** 32 - 1),
    /** Invocations that every subgroup has at least, where the device has the feature `subgroups`; absent: no kernel uses any. */
    minSubgroupSize: whole(2, 128),
    /** Products of matrices that its subgroups compute, where it has the feature `chromium-experimental-subgroup-matrix`. */
    subgroupMatrices: list(SUBGROUP_MATRIX, 1),
    /** Which device they are of, for messages. */
    of: NAME,
  },
);

export type LimitName = Exclude<keyof DeviceLimits, 'of' | 'subgroupMatrices'>;

/** What WebGPU calls each. */
export const WEBGPU_LIMIT_NAMES: Readonly<Record<LimitName, string>> = {
  maxBufferBytes: 'maxBufferSize',
  maxBindingBytes: 'maxStorageBufferBindingSize',
  maxStorageBuffers: 'maxStorageBuffersPerShaderStage',
  maxWorkgroupInvocations: 'maxComputeInvocationsPerWorkgroup',
  maxWorkgroupBytes: 'maxComputeWorkgroupStorageSize',
  maxWorkgroupsPerDimension: 'maxComputeWorkgroupsPerDimension',
  minSubgroupSize: 'subgroupMinSize',
};
export const LIMIT_NAMES = Object.keys(WEBGPU_LIMIT_NAMES) as readonly LimitName[];

/** Whether a value names its limits as WebGPU does; such an object may have many that no plan depends on. */
export function isWebgpuLimits(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(WEBGPU_LIMIT_NAMES).some((name) => name in value)
  );
}

/** Those of WebGPU's limits that shape a plan, under their names here; values are as they were. */
export function fromWebgpuLimits(limits: Readonly<Record<string, unknown>>): DeviceLimits {
  const known = LIMIT_NAMES.flatMap((name) => {
    const value = limits[WEBGPU_LIMIT_NAMES[name]];
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(known) as DeviceLimits;
}
