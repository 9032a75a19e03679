import { verifyAllocated } from '../../ir/allocated-verify.ts';
import type { Target } from '../../ir/plan.ts';
import type { AllocatedSchedule, Schedule, TargetLimits } from '../../ir/schedule.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import {
  type Allocation,
  addressError,
  allocate,
  type HostBudget,
  type InPlaceSchedule,
  type MemoryError,
  orderSteps,
  shareInPlace,
  shareParts,
  slabBytes,
} from '../memory/index.ts';
import type { MemoryActions } from './memory-actions.ts';
import type { ActionChoice } from './sequence/module-search.ts';

/**
 * The passes that a search over schedules runs. The driver's verify, print and remember what they make; the plain ones below are for schedules
 * that are given.
 */
export interface SchedulePasses {
  order(schedule: Schedule): Schedule;
  /** The ordered schedule with tensors in parts of larger ones where that lowers its peak; itself where nothing does. */
  shareParts(ordered: Schedule): Schedule;
  /** The schedule that a choice of actions stands for; null for none. */
  act(ordered: Schedule, chosen: ChosenActions | null): Schedule;
  inPlace(schedule: Schedule): InPlaceSchedule;
  allocate(merged: InPlaceSchedule, options: PlacementOptions): Allocation;
  /** What has been found out about ordered schedules, for who plans for several budgets. */
  readonly known?: WeakMap<Schedule, MemoryActions>;
}

/** What a search has decided about the values of a schedule. */
export interface ChosenActions {
  readonly actions: MemoryActions;
  readonly choice: ActionChoice;
}

export interface PlacementOptions {
  readonly host: HostBudget;
  /** webgpu: the largest buffer that swapped tensors are copied out through, in bytes. */
  readonly swapStagingBytes: number;
  /** Bytes on the device that are few enough. */
  readonly budgetBytes?: number | undefined;
  /** Bytes on the device that are too many: what cannot take less may lie anyhow. */
  readonly uselessBytes?: number | undefined;
}

export const emitChosen = (ordered: Schedule, chosen: ChosenActions | null): Schedule =>
  chosen ? chosen.actions.emit(chosen.choice) : ordered;

/** The passes by themselves, each verified. */
export function plainPasses(target: Target, limits: TargetLimits): SchedulePasses {
  const schedule = (pass: string, made: Schedule) =>
    verified(pass, made, verifySchedule(made, { limits }));
  return {
    order: (given) => schedule('order', orderSteps(given, limits.offsetAlignment)),
    shareParts: (ordered) => schedule('share-parts', shareParts(ordered, limits.offsetAlignment)),
    act: (ordered, chosen) => schedule('actions', emitChosen(ordered, chosen)),
    inPlace: (given) => {
      const merged = shareInPlace(given);
      const { handovers } = merged;
      return verified('in-place', merged, verifySchedule(merged.schedule, { limits, handovers }));
    },
    allocate: (merged, options) => {
      const allocation = allocate(merged, limits, { ...options, target });
      const problems = verifyAllocated(allocation.allocated, { limits, target });
      return verified('allocate', allocation, problems);
    },
  };
}

/** @throws Error that names the pass and the first problem: a defect of btc, not of the model */
export function verified<T>(pass: string, made: T, [problem]: readonly string[]): T {
  if (problem) throw new Error(`internal error: what '${pass}' made is not valid: ${problem}`);
  return made;
}

/** A schedule with places, or why it can have none. */
export interface Placement {
  readonly allocation: Allocation;
  readonly allocated: AllocatedSchedule;
  /** Slabs and staging. */
  readonly deviceBytes: number;
  readonly errors: readonly MemoryError[];
  /** The target can address it. */
  readonly addressable: boolean;
  /** False where no budget of the device would help: the target cannot address it, or the host has no room for what is swapped. */
  readonly possible: boolean;
  /** The smallest host budget that has room for it. */
  leastHostBytes(): number;
}

/** Sharing in place and addresses for steps in their final order. */
export function placeSchedule(
  schedule: Schedule,
  passes: SchedulePasses,
  options: PlacementOptions,
  { target, limits }: { readonly target: Target; readonly limits: TargetLimits },
): Placement {
  const allocation = passes.allocate(passes.inPlace(schedule), options);
  const { allocated, placer, placement } = allocation;
  const { host } = options;
  const unaddressable = addressError(allocated, limits, target);
  const errors: MemoryError[] = unaddressable ? [unaddressable] : [];
  const { memoryBytes, spillBytes } = placement;
  if (memoryBytes > host.hostBytes || spillBytes > host.spillBytes)
    errors.push({ kind: 'host', bytes: memoryBytes + spillBytes, budget: host });
  return {
    allocation,
    allocated,
    deviceBytes: slabBytes(allocated.slabs) + allocated.stagingBytes,
    errors,
    addressable: !unaddressable,
    possible: errors.length === 0,
    leastHostBytes: () => placer.leastHostBytes(host.spillBytes),
  };
}
