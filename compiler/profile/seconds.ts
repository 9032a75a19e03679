import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import type { KernelWork } from '../codegen/work.ts';
import { type KernelClass, kernelClass } from './kernel-class.ts';
import type { FormRates } from './kernel-rates.ts';
import type { DeviceProfile } from './profile.ts';
import { rateAt } from './rate-table.ts';

/** Seconds that a kernel of this work keeps the device busy. */
export function workSeconds(kernel: Kernel, work: KernelWork, profile: DeviceProfile): number {
  const { moving, computing } = partsOf(kernel, work, profile);
  return Math.max(moving, computing);
}

/** Whether it does so for as long as memory takes. */
export function isMoving(kernel: Kernel, work: KernelWork, profile: DeviceProfile): boolean {
  const { moving, computing } = partsOf(kernel, work, profile);
  return moving >= computing;
}

function partsOf(kernel: Kernel, work: KernelWork, profile: DeviceProfile) {
  const { bytes } = kernelCost(kernel);
  const moving = movingSeconds(kernel, profile);
  const rates = work.form === 'points' ? undefined : profile.forms?.[work.form];
  const calling =
    work.functions / profile.functionsPerSecond + work.randoms / profile.randomsPerSecond;
  const plain = plainSeconds(kernelClass(kernel), work, bytes, profile, rates);
  const filled = occupancy(work, profile);
  // With few invocations the device is idle, or each waits for memory in every step of its loop, whatever the others do.
  const computing = rates
    ? Math.max(plain + calling / filled, work.serial * rates.stepSeconds)
    : (plain + calling) / filled;
  return { moving, computing };
}

/** Seconds that the memory traffic of a kernel takes, however its code is made. */
function movingSeconds(kernel: Kernel, profile: DeviceProfile): number {
  const { bytes } = kernelCost(kernel);
  const { memory } = profile.sizes ?? {};
  return bytes / (memory ? rateAt(memory, bytes) : profile.memoryBytesPerSecond);
}

/** How much of the device invocations fill. */
export function occupancy({ invocations }: KernelWork, { workgroups }: DeviceProfile): number {
  return workgroups ? Math.min(1, invocations / workgroups.concurrentInvocations) : 1;
}

/** Plain operations and barriers of a device that is full. */
function plainSeconds(
  kind: KernelClass,
  work: KernelWork,
  bytes: number,
  { operationsPerSecond, workgroups, sizes }: DeviceProfile,
  rates: FormRates | undefined,
): number {
  const waiting = workgroups ? work.barriers / workgroups.barriersPerSecond : 0;
  if (rates?.operationsPerSecond)
    return (rounded(work, rates) * work.plain) / rates.operationsPerSecond + waiting;
  const table = sizes?.[kind];
  const alone = table ? rateAt(table, bytes) : operationsPerSecond[kind];
  if (!workgroups || work.barriers === 0) return work.plain / alone;
  const shared = workgroups.operationsPerSecond[kind === 'contraction' ? kind : 'reduction'];
  return work.plain / shared + waiting;
}

/** Rates are measured of workgroups of so many invocations or more; of smaller ones a place holds so many in turn. */
const INVOCATIONS_PER_PLACE = 256;

/**
 * Workgroups run in rounds of as many as the device holds, and a round takes as long with fewer: by how much that is more. Small ones
 * end one by one, and the last round of them is shorter: it is reckoned as if the device held half as many at once, down to the places of large ones.
 */
function rounded(
  { invocations, workgroups }: KernelWork,
  { concurrentInvocations = 1 }: FormRates,
): number {
  const each = invocations / workgroups;
  const place = Math.max(each, Math.min(INVOCATIONS_PER_PLACE, 2 * each));
  const round = Math.max(1, Math.floor(concurrentInvocations / place));
  return (Math.ceil(workgroups / round) * round) / workgroups;
}
