import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import type { KernelWork } from '../codegen/work.ts';
import { TARGETS } from '../targets/index.ts';
import { type KernelClass, kernelClass } from './kernel-class.ts';
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
    const work = TARGETS[profile.target].work(kernel, limits);
    seconds = profile.dispatchSeconds + runSeconds(kernel, work, profile);
    known.set(kernel, seconds);
  }
  return seconds;
}

const predictions = new WeakMap<DeviceProfile, WeakMap<Kernel, number>>();

/** Seconds that a kernel of this work keeps the device busy. */
function runSeconds(kernel: Kernel, work: KernelWork, profile: DeviceProfile): number {
  const moving = kernelCost(kernel).bytes / profile.memoryBytesPerSecond;
  return Math.max(moving, computingSeconds(kernelClass(kernel), work, profile));
}

function computingSeconds(kind: KernelClass, work: KernelWork, profile: DeviceProfile): number {
  const { operationsPerSecond, functionsPerSecond, randomsPerSecond, workgroups } = profile;
  const calling = work.functions / functionsPerSecond + work.randoms / randomsPerSecond;
  if (!workgroups) return work.plain / operationsPerSecond[kind] + calling;
  const rate =
    work.barriers === 0
      ? operationsPerSecond[kind]
      : workgroups.operationsPerSecond[kind === 'contraction' ? kind : 'reduction'];
  const waiting = work.barriers / workgroups.barriersPerSecond;
  const busy = Math.min(1, work.invocations / workgroups.concurrentInvocations);
  return (work.plain / rate + calling + waiting) / busy;
}

/** Seconds of one transfer of so many bytes between device and host, by itself. */
export function transferSeconds(
  bytes: number,
  direction: 'deviceToHost' | 'hostToDevice',
  profile: DeviceProfile,
): number {
  return profile.transferSeconds + bytes / profile[`${direction}BytesPerSecond`];
}
