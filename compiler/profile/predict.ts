import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { type KernelWork, kernelWork } from '../codegen/kernel-work.ts';
import { kernelClass } from './kernel-class.ts';
import type { DeviceProfile } from './profile.ts';

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
    const work = kernelWork(kernel, profile.target, limits);
    seconds = profile.dispatchSeconds + runSeconds(kernel, work, profile);
    known.set(kernel, seconds);
  }
  return seconds;
}

const predictions = new WeakMap<DeviceProfile, WeakMap<Kernel, number>>();

/** Seconds that a kernel of this work keeps the device busy. */
function runSeconds(kernel: Kernel, work: KernelWork, profile: DeviceProfile): number {
  const busy = Math.min(1, work.invocations / profile.concurrentInvocations);
  const computing = work.operations / profile.operationsPerSecond[kernelClass(kernel)];
  const waiting = work.barriers / profile.barriersPerSecond;
  const moving = kernelCost(kernel).bytes / profile.memoryBytesPerSecond;
  return Math.max(moving, (computing + waiting) / busy);
}

/** Seconds of one transfer of so many bytes between device and host, by itself. */
export function transferSeconds(
  bytes: number,
  direction: 'deviceToHost' | 'hostToDevice',
  profile: DeviceProfile,
): number {
  return profile.transferSeconds + bytes / profile[`${direction}BytesPerSecond`];
}
