import type { Kernel } from '../../ir/kernel.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { TARGETS } from '../targets/index.ts';
import { codeModel } from './code-model.ts';
import type { DeviceProfile } from './profile.ts';
import { rateAt } from './rate-table.ts';
import { workSeconds } from './seconds.ts';

/**
 * Seconds of one run of `kernel` as a step of a program, its dispatch included: the larger of what its memory traffic and
 * what its code take. Derived once per kernel and profile.
 */
export function predictSeconds(
  kernel: Kernel,
  profile: DeviceProfile,
  limits: TargetLimits = WEBGPU_DEFAULT_LIMITS,
): number {
  const known = predictions.get(profile) ?? new WeakMap<Kernel, number>();
  predictions.set(profile, known);
  let seconds = known.get(kernel);
  if (seconds === undefined) {
    const work = TARGETS[profile.target].work(kernel, limits, codeModel(profile));
    seconds = profile.dispatchSeconds + workSeconds(kernel, work, profile);
    known.set(kernel, seconds);
  }
  return seconds;
}

const predictions = new WeakMap<DeviceProfile, WeakMap<Kernel, number>>();

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
