import { verifyAllocated } from '../../ir/allocated-verify.ts';
import type { Kernel } from '../../ir/kernel.ts';
import type { Target } from '../../ir/plan.ts';
import type {
  AllocatedSchedule,
  Schedule,
  ScheduleTensor,
  TargetLimits,
} from '../../ir/schedule.ts';
import { printSchedule } from '../../ir/schedule-text.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import { liveness } from '../liveness/lifetimes.ts';
import { type MemoryPeak, memoryPeak } from '../liveness/peak.ts';
import {
  type FeasibleBudget,
  feasibleBudgets,
  fitBudget,
  type Place,
  type Placed,
} from '../plan-search/fit.ts';
import {
  type ActionSet,
  MemoryActions,
  RECOMPUTE_STRATEGIES,
  type RecomputeStrategy,
  SWAP_POLICIES,
  type SwapPolicy,
  type TransferCosts,
} from '../plan-search/memory-actions.ts';
import { verified } from '../verified.ts';
import { allocate, slabCapacity } from './allocate.ts';
import { type HostBudget, UNLIMITED_HOST } from './host-slots.ts';
import { type InPlaceSchedule, shareInPlace } from './in-place.ts';
import { orderSteps } from './order.ts';
import { dropUnused } from './unused.ts';

export {
  type ActionSet,
  type FeasibleBudget,
  type HostBudget,
  type MemoryPeak,
  memoryPeak,
  RECOMPUTE_STRATEGIES,
  type RecomputeStrategy,
  SWAP_POLICIES,
  type SwapPolicy,
  type TransferCosts,
};

export type MemoryStage = 'order' | 'actions' | 'in-place' | 'allocate';

export interface MemoryOptions {
  /** Whether there is one slab, and whether values are staged, follows from its rules. */
  readonly target: Target;
  /** What may be done to keep a budget; nothing without. */
  readonly actions?: ActionOptions;
  /** Shows the schedule after a stage. */
  print?(stage: MemoryStage, text: string): void;
}

export interface ActionOptions extends ActionSet {
  /** Most device memory, everything counted; infinite for none. */
  readonly budgetBytes: number;
  readonly host?: HostBudget;
  /** Predicted time of one run of a kernel. */
  readonly secondsOf: (kernel: Kernel) => number;
  readonly costs: TransferCosts;
}

/** Why a schedule cannot be placed on a target at all, whatever the budget. */
export type MemoryError =
  /** A tensor larger than one binding (BTC4002). */
  | {
      readonly kind: 'binding';
      readonly tensor: ScheduleTensor;
      readonly bytes: number;
      readonly limit: number;
    }
  /** More than the target can address (BTC4003). */
  | { readonly kind: 'address-space'; readonly bytes: number; readonly limit: number }
  /** More outside the device than allowed (BTC4005). */
  | {
      readonly kind: 'host';
      /** What the swaps take outside of the device. */
      readonly bytes: number;
      readonly budget: HostBudget;
    };

export type MemoryPlan =
  | {
      readonly schedule: AllocatedSchedule;
      /** Everything that the runtime will allocate: slabs and staging. */
      readonly deviceBytes: number;
      /** Null when no program has arena tensors. */
      readonly peak: MemoryPeak | null;
      /** The smallest budgets by what may be done, where the one named is not kept; each is a search of its own. */
      readonly floors: (() => readonly FeasibleBudget[]) | null;
      readonly errors: readonly [];
    }
  | {
      readonly schedule: null;
      readonly deviceBytes: 0;
      readonly peak: null;
      readonly floors: null;
      readonly errors: readonly MemoryError[];
    };

/**
 * Gives every tensor its place: orders the steps of each program for a low peak, recomputes and swaps where a budget asks for it,
 * lets tensors take over the memory of operands that die, and assigns offsets in as few slabs as the limits allow.
 * Persistent tensors come first in the slabs; the arena behind them is shared by all programs, which never run at the
 * same time. Tensors that no step touches are dropped, inputs and outputs excepted. Deterministic.
 */
export function planMemory(
  schedule: Schedule,
  limits: TargetLimits,
  options: MemoryOptions,
): MemoryPlan {
  refuseActions(schedule);
  verified('lower', schedule, verifySchedule(schedule, { limits }));
  const used = dropUnused(schedule);
  const errors = bindingErrors(used, limits);
  if (errors.length > 0) return failed(errors);
  const ordered = orderSteps(used, limits.offsetAlignment);
  verified('order', ordered, verifySchedule(ordered, { limits }));
  options.print?.('order', printSchedule(ordered));
  const { actions, target } = options;
  const place = (host: HostBudget) => (acted: Schedule, swapStagingBytes: number) =>
    placeSchedule(acted, limits, { target, host, swapStagingBytes });
  const chosen = actions
    ? fitted(ordered, limits, actions, place)
    : place(UNLIMITED_HOST)(ordered, 0);
  for (const [stage, text] of chosen.texts()) options.print?.(stage, text);
  chosen.verify();
  return chosen.plan;
}

/** Passes that change the order of steps know nothing of transfers, and would lose them. */
function refuseActions({ name, tensors, programs, slots = [] }: Schedule): void {
  const acted =
    slots.length > 0 ||
    tensors.some(({ copyOf, hostResident }) => copyOf || hostResident) ||
    programs.some(
      ({ steps, transfers = [] }) => transfers.length > 0 || steps.some((step) => step.recomputed),
    );
  if (acted)
    throw new Error(`internal error: the memory of schedule '${name}' has been planned before`);
}

interface PlacedPlan extends Placed {
  readonly plan: MemoryPlan;
  /** The target can address it. */
  readonly addressable: boolean;
  /** The smallest host budget that has room for it. */
  leastHostBytes(): number;
  /** @throws Error where the schedule after a stage from the actions on is not valid. */
  verify(): void;
  /** The schedule after each stage from the actions on. */
  texts(): readonly (readonly [MemoryStage, string])[];
}

function fitted(
  ordered: Schedule,
  limits: TargetLimits,
  options: ActionOptions,
  placeWithin: (host: HostBudget) => Place<PlacedPlan>,
): PlacedPlan {
  const secondsOf = (kernel: number) => options.secondsOf(ordered.kernels[kernel]);
  const actions = new MemoryActions(ordered, limits.offsetAlignment, secondsOf, options.costs);
  const { host = UNLIMITED_HOST, budgetBytes } = options;
  const { placed, kept } = fitBudget(actions, options, budgetBytes, placeWithin(host));
  if (kept) return placed;
  const bytes = Number.isFinite(host.hostBytes)
    ? leastHostBytes(actions, options, budgetBytes, placeWithin(host))
    : Number.POSITIVE_INFINITY;
  if (Number.isFinite(bytes))
    return { ...placed, plan: failed([{ kind: 'host', bytes, budget: host }]) };
  if (!placed.plan.schedule) return placed;
  return {
    ...placed,
    plan: { ...placed.plan, floors: () => feasibleBudgets(actions, placeWithin(host)) },
  };
}

/**
 * The smallest host budget with which the budget of the device is kept, all else being equal; infinite where none does. What is tried
 * does not depend on the host's budget but for where it ends, so everything is tried once more as if the host never had room.
 */
function leastHostBytes(
  actions: MemoryActions,
  options: ActionOptions,
  budgetBytes: number,
  place: Place<PlacedPlan>,
): number {
  let least = Number.POSITIVE_INFINITY;
  fitBudget(actions, options, budgetBytes, (schedule, stagingBytes) => {
    const placed = place(schedule, stagingBytes);
    if (placed.addressable && placed.deviceBytes <= budgetBytes)
      least = Math.min(least, placed.leastHostBytes());
    return { ...placed, possible: false };
  });
  return least;
}

/** Live intervals, sharing in place and addresses for steps in their final order. */
function placeSchedule(
  schedule: Schedule,
  limits: TargetLimits,
  options: Parameters<typeof allocate>[3],
): PlacedPlan {
  const live = liveness(schedule);
  const merged = shareInPlace(schedule, live);
  const { allocated, placer, placement } = allocate(merged, live, limits, options);
  const slabBytes = allocated.slabs.reduce((sum, slab) => sum + slab.bytes, 0);
  const errors: MemoryError[] = [];
  if (TARGET_RULES[options.target].oneAddressSpace && allocated.slabs.length > 1)
    errors.push({ kind: 'address-space', bytes: slabBytes, limit: limits.maxBufferBytes });
  const addressable = errors.length === 0;
  const { host } = options;
  const { memoryBytes, spillBytes } = placement;
  if (memoryBytes > host.hostBytes || spillBytes > host.spillBytes)
    errors.push({ kind: 'host', bytes: memoryBytes + spillBytes, budget: host });
  const leastHostBytes = () => placer.leastHostBytes(host.spillBytes);
  const texts = () =>
    [
      ['actions', printSchedule(schedule)],
      ['in-place', printInPlace(merged)],
      ['allocate', printSchedule(allocated)],
    ] as const;
  const verify = () => {
    const { handovers } = merged;
    verified('levers', schedule, verifySchedule(schedule, { limits }));
    verified('in-place', merged, verifySchedule(merged.schedule, { limits, handovers }));
    verified('allocate', allocated, verifyAllocated(allocated, { limits, target: options.target }));
  };
  const deviceBytes = slabBytes + allocated.stagingBytes;
  const common = { deviceBytes, addressable, leastHostBytes, texts, verify };
  if (errors.length > 0) return { ...common, plan: failed(errors), possible: false };
  const peak = memoryPeak(allocated, limits.offsetAlignment);
  return {
    ...common,
    plan: { schedule: allocated, deviceBytes, peak, floors: null, errors: [] },
    possible: true,
  };
}

function failed(errors: readonly MemoryError[]): MemoryPlan {
  return { schedule: null, deviceBytes: 0, peak: null, floors: null, errors };
}

/** The schedule and one line per handover, which the merged operands no longer show. */
function printInPlace(merged: InPlaceSchedule): string {
  const lines = merged.handovers.map(
    ({ tensor, from, step }) => `# t${tensor} takes over t${from} in step ${step}\n`,
  );
  return printSchedule(merged.schedule) + lines.join('');
}

function bindingErrors(schedule: Schedule, limits: TargetLimits): MemoryError[] {
  const limit = Math.min(limits.maxBindingBytes, slabCapacity(limits));
  return schedule.tensors.flatMap((tensor): MemoryError[] => {
    const bytes = byteCount(tensor);
    return bytes > limit ? [{ kind: 'binding', tensor, bytes, limit }] : [];
  });
}
