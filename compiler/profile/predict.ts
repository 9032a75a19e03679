import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { type TargetLimits, WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import type { KernelWork } from '../codegen/work.ts';
import { TARGETS } from '../targets/index.ts';
import { type KernelClass, kernelClass } from './kernel-class.ts';
import type { FormRates } from './kernel-rates.ts';
import type { DeviceProfile } from './profile.ts';
import { rateAt } from './rate-table.ts';

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
  const { bytes } = kernelCost(kernel);
  const { memory } = profile.sizes ?? {};
  const moving = bytes / (memory ? rateAt(memory, bytes) : profile.memoryBytesPerSecond);
  const rates = profile.forms?.[work.form];
  const computing = rates
    ? inRounds(work, rates)
    : plainSeconds(kernelClass(kernel), work, bytes, profile);
  return Math.max(moving, computing + calling(work, profile, rates));
}

/**
 * Workgroups run in rounds of as many as the device holds, and a round takes as long with fewer. An invocation waits for memory in
 * each step of its loop, whatever the others do (Little's law with a fixed latency).
 */
function inRounds(
  { plain, invocations, workgroups, serial }: KernelWork,
  { operationsPerSecond, stepSeconds, concurrentInvocations }: FormRates,
): number {
  const together = ((concurrentInvocations ?? 1) * workgroups) / invocations;
  const each = Math.max(1, Math.floor(together));
  const rounds = Math.ceil(workgroups / each);
  const full = (plain * rounds * each) / workgroups / operationsPerSecond;
  return Math.max(full, serial * stepSeconds);
}

/** Functions and random numbers; invocations that are too few to keep a device busy take longer, but for a form with rounds. */
function calling(work: KernelWork, profile: DeviceProfile, rates: FormRates | undefined): number {
  const seconds =
    work.functions / profile.functionsPerSecond + work.randoms / profile.randomsPerSecond;
  return rates ? seconds : seconds / occupancy(work, profile);
}

function occupancy({ invocations }: KernelWork, { workgroups }: DeviceProfile): number {
  return workgroups ? Math.min(1, invocations / workgroups.concurrentInvocations) : 1;
}

/** Plain operations and barriers by the rates of a class. */
function plainSeconds(
  kind: KernelClass,
  work: KernelWork,
  bytes: number,
  profile: DeviceProfile,
): number {
  const { operationsPerSecond, workgroups, sizes } = profile;
  const table = sizes?.[kind];
  const alone = table ? rateAt(table, bytes) : operationsPerSecond[kind];
  if (!workgroups) return work.plain / alone;
  const shared = workgroups.operationsPerSecond[kind === 'contraction' ? kind : 'reduction'];
  const rate = work.barriers === 0 ? alone : shared;
  const waiting = work.barriers / workgroups.barriersPerSecond;
  return (work.plain / rate + waiting) / occupancy(work, profile);
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
