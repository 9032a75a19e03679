import type { Kernel } from '../../ir/kernel.ts';
import { kernelParts } from '../../ir/kernel-group.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { unnamed } from '../codegen/unnamed.ts';
import { TARGETS } from '../targets/index.ts';
import { codeModel } from './code-model.ts';
import type { DeviceProfile } from './profile.ts';
import { rateAt } from './rate-table.ts';
import { occupancy, workSeconds } from './seconds.ts';

/**
 * Seconds of one run of `kernel` as a step of a program, its dispatch included: the larger of what its memory traffic and
 * what its code take. Derived once per kernel, profile and limits.
 */
export function predictSeconds(
  kernel: Kernel,
  profile: DeviceProfile,
  limits: TargetLimits = WEBGPU_DEFAULT_LIMITS,
): number {
  const known = predictions(profile, limits);
  let seconds = known.get(kernel);
  if (seconds === undefined) {
    seconds = profile.dispatchSeconds + busySeconds(kernelParts(kernel), profile, limits);
    known.set(kernel, seconds);
  }
  return seconds;
}

/**
 * Seconds that kernels of one dispatch take: as long as the longest of them, and as all of them where together they fill the device.
 */
export function busySeconds(
  kernels: readonly Kernel[],
  profile: DeviceProfile,
  limits: TargetLimits = WEBGPU_DEFAULT_LIMITS,
): number {
  let [longest, filled] = [0, 0];
  for (const kernel of kernels) {
    const { seconds, share } = partSeconds(kernel, profile, limits);
    longest = Math.max(longest, seconds);
    filled += seconds * share;
  }
  return Math.max(longest, filled);
}

/** What a kernel takes alone, without its dispatch, and how much of the device it fills meanwhile. */
function partSeconds(named: Kernel, profile: DeviceProfile, limits: TargetLimits) {
  const kernel = unnamed(named);
  const known = alone(profile, limits);
  let time = known.get(kernel);
  if (!time) {
    const work = TARGETS[profile.target].work(kernel, limits, codeModel(profile));
    time = { seconds: workSeconds(kernel, work, profile), share: occupancy(work, profile) };
    known.set(kernel, time);
  }
  return time;
}

/** What is known of kernels, by all that it depends on: the code of a kernel follows the limits, and so does its time. */
function remembered<T>() {
  const all = new WeakMap<DeviceProfile, WeakMap<TargetLimits, WeakMap<Kernel, T>>>();
  return (profile: DeviceProfile, limits: TargetLimits): WeakMap<Kernel, T> => {
    const ofProfile = all.get(profile) ?? new WeakMap<TargetLimits, WeakMap<Kernel, T>>();
    all.set(profile, ofProfile);
    const known = ofProfile.get(limits) ?? new WeakMap<Kernel, T>();
    ofProfile.set(limits, known);
    return known;
  };
}

const alone = remembered<{ seconds: number; share: number }>();
const predictions = remembered<number>();

/** What so many kernels that move so many bytes together take in any case, whatever they compute. */
export function leastSeconds(
  bytes: number,
  kernels: number,
  { dispatchSeconds, memoryBytesPerSecond, sizes }: DeviceProfile,
): number {
  const rates = sizes?.memory?.map(({ perSecond }) => perSecond) ?? [memoryBytesPerSecond];
  return kernels * dispatchSeconds + bytes / Math.max(...rates);
}

/** What a kernel of so many operations takes in any case where each invocation works alone; 0 where the rate is not known. */
export function leastSecondsInRegisters(
  operations: number,
  { dispatchSeconds, forms }: DeviceProfile,
): number {
  const rate = forms?.registers?.operationsPerSecond;
  return rate ? dispatchSeconds + operations / rate : 0;
}

/** Seconds of one transfer of so many bytes between device and host, by itself. */
export function transferSeconds(
  bytes: number,
  direction: 'deviceToHost' | 'hostToDevice',
  profile: DeviceProfile,
): number {
  return profile.transferSeconds + copySeconds(bytes, direction, profile);
}

/** The same without what every transfer takes. */
export function copySeconds(
  bytes: number,
  direction: 'deviceToHost' | 'hostToDevice',
  profile: DeviceProfile,
): number {
  const table = profile.sizes?.[direction];
  return bytes / (table ? rateAt(table, bytes) : profile[`${direction}BytesPerSecond`]);
}
