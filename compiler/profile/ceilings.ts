import { TARGETS } from '../targets/index.ts';
import type { DeviceProfile } from './profile.ts';

/** What kernels of a device are held against. */
export interface Ceilings {
  /** Name of the profile that they are from. */
  readonly profile: string;
  /** Floating-point operations, of which a multiply-add is two. */
  readonly flopsPerSecond: number;
  /** Bytes that one kernel reads and writes. */
  readonly bytesPerSecond: number;
}

/**
 * The ceilings that a profile states. Where it states none, the highest rates that it knows: that of contractions, over all ways in
 * which these are made, and that of memory, over all sizes. Both can then be exceeded: by a kernel that is better than those that
 * the profile is from, or by one whose bytes stay in a cache.
 */
export function ceilingsOf(profile: DeviceProfile): Ceilings {
  const {
    name,
    target,
    ceilings,
    operationsPerSecond,
    workgroups,
    forms = {},
    sizes = {},
  } = profile;
  if (ceilings) return { profile: name, ...ceilings };
  const { tiles, registers, staged } = forms;
  const operations = [
    operationsPerSecond.contraction,
    workgroups?.operationsPerSecond.contraction ?? 0,
    ...[tiles, registers, staged].map((form) => form?.operationsPerSecond ?? 0),
    ...(sizes.contraction ?? []).map(({ perSecond }) => perSecond),
  ];
  const memory = [
    profile.memoryBytesPerSecond,
    ...(sizes.memory ?? []).map(({ perSecond }) => perSecond),
  ];
  return {
    profile: name,
    flopsPerSecond: Math.max(...operations) * TARGETS[target].operationWidth,
    bytesPerSecond: Math.max(...memory),
  };
}
