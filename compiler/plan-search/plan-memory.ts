import type { Kernel } from '../../ir/kernel.ts';
import type { Target } from '../../ir/plan.ts';
import type { AllocatedSchedule, Schedule, TargetLimits } from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import {
  type Allocation,
  bindingErrors,
  dropUnused,
  type HostBudget,
  type MemoryError,
  type MemoryPeak,
  memoryPeak,
  UNLIMITED_HOST,
} from '../memory/index.ts';
import type { ExactSearch } from './exact/choice.ts';
import {
  type FeasibleBudget,
  feasibleBudgets,
  fitBudget,
  isNearer,
  isSmaller,
  type Place,
  stagingWithin,
} from './fit.ts';
import { type ActionSet, isAutomatic, MemoryActions } from './memory-actions.ts';
import { type Placement, placeSchedule, plainPasses, type SchedulePasses } from './placement.ts';
import { leastBytes, type ScheduleBounds, scheduleBounds } from './plan-bounds.ts';
import type { ActionChoice } from './sequence/module-search.ts';
import type { TransferCosts } from './transfer-costs.ts';

export interface MemoryOptions {
  readonly target: Target;
  /** What may be done to keep a budget; nothing without. */
  readonly actions?: ActionOptions;
}

export interface ActionOptions extends ActionSet {
  /** Most device memory, everything counted; infinite for none. */
  readonly budgetBytes: number;
  readonly host?: HostBudget;
  /** Predicted time of one run of a kernel. */
  readonly secondsOf: (kernel: Kernel) => number;
  readonly costs: TransferCosts;
  /** Whether an integer program improves what the search has found. */
  readonly exact?: ExactSearch | null;
  /** Limit on the local search, in seconds of work at a nominal rate: so a build is the same on every machine. */
  readonly planSeconds?: number;
  /** Device bytes of the smallest plan that is known: another one that keeps no budget and is no smaller is of no use. */
  readonly metBytes?: number;
  /** Whether the budget is known to be too small, and something small is asked for at once. */
  readonly isBrief?: boolean;
  /** Called with the plans that a search meets. */
  readonly onSearch?: (met: { readonly deviceBytes: number; readonly seconds: number }) => void;
}

/** Changes of touches that stand for a second of search. */
const WORK_PER_SECOND = 400_000;
const DEFAULT_PLAN_SECONDS = 10;
/** A local search of a small program ends before its limit. */
const WORK_PER_STEP = 1000;

function workOf({ planSeconds = DEFAULT_PLAN_SECONDS }: ActionOptions, stepCount: number): number {
  const enough = stepCount * Math.min(WORK_PER_STEP, 10 * stepCount);
  return Math.min(planSeconds * WORK_PER_SECOND, enough);
}

export type MemoryPlan =
  | {
      readonly schedule: AllocatedSchedule;
      readonly allocation: Allocation;
      /** Everything that the runtime will allocate: slabs and staging. */
      readonly deviceBytes: number;
      /** Null when no program has arena tensors. */
      readonly peak: MemoryPeak | null;
      /** What no plan in this order of steps can go below; null where no times are known. */
      readonly bounds: (() => ScheduleBounds) | null;
      /** Predicted seconds of one run of every program, where actions were chosen by them; null where none were. */
      readonly seconds: number | null;
      /** What found the actions, by program; empty where there are none. */
      readonly methods: readonly string[];
      /** The smallest feasible budgets by what may be done, where the one named is not kept; each is a search of its own. */
      readonly floors: (() => readonly FeasibleBudget[]) | null;
      readonly errors: readonly [];
    }
  | {
      readonly schedule: null;
      readonly allocation: Allocation | null;
      readonly deviceBytes: 0;
      readonly peak: null;
      readonly seconds: null;
      readonly bounds: null;
      readonly methods: readonly [];
      readonly floors: null;
      readonly errors: readonly MemoryError[];
    };

/**
 * Gives every tensor of a schedule its place: orders the steps of each program for a low peak, recomputes and swaps where a budget
 * asks for it, lets tensors take over the memory of operands that die, and assigns offsets in as few slabs as the limits allow.
 * Persistent tensors come first in the slabs; the arena behind them is shared by all programs, which never run at the
 * same time. Tensors that no step touches are dropped, inputs and outputs excepted. Deterministic.
 */
export function planMemory(
  schedule: Schedule,
  limits: TargetLimits,
  options: MemoryOptions,
  passes: SchedulePasses = plainPasses(options.target, limits),
): MemoryPlan {
  refuseActions(schedule);
  const used = dropUnused(schedule);
  const errors = bindingErrors(used, limits);
  if (errors.length > 0) return failed(errors, null);
  const ordered = passes.order(used);
  const shared = passes.shareParts(ordered);
  const forms = shared.programs === ordered.programs ? [shared] : [shared, ordered];
  return searchActions(forms, limits, options, passes);
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

/**
 * What plans can take of a budget: slabs are whole units, and where nothing is staged they are all that a plan takes. So budgets
 * between two such sizes give one plan.
 */
function usableBytes(budgetBytes: number, target: Target): number {
  const { readsDirectly, slabAlignment } = TARGET_RULES[target];
  return readsDirectly ? Math.floor(budgetBytes / slabAlignment) * slabAlignment : budgetBytes;
}

/**
 * The memory of a schedule whose steps are in their final order, with the actions that keep its budget. What lives in a part of
 * something larger cannot be evicted by itself, so actions are held against one another over all `forms` of the schedule.
 */
function searchActions(
  forms: readonly Schedule[],
  limits: TargetLimits,
  { target, actions }: MemoryOptions,
  passes: SchedulePasses,
): MemoryPlan {
  const options = actions && {
    ...actions,
    budgetBytes: usableBytes(actions.budgetBytes, target),
  };
  const host = options?.host ?? UNLIMITED_HOST;
  const place = (schedule: Schedule, swapStagingBytes: number, uselessBytes?: number) =>
    placeSchedule(
      schedule,
      passes,
      { host, swapStagingBytes, budgetBytes: options?.budgetBytes, uselessBytes },
      { target, limits },
    );
  const smallest = (swapStagingBytes: number) =>
    forms
      .map((form) => place(passes.act(form, null), swapStagingBytes))
      .reduce((a, b) => (isSmaller(b, a) ? b : a));
  if (!options) return planned(smallest(0), limits, null);
  const { budgetBytes } = options;
  const [ordered] = forms;
  const bounds = () =>
    scheduleBounds(ordered, {
      ...options,
      secondsOf: (kernel) => options.secondsOf(ordered.kernels[kernel]),
      alignment: limits.offsetAlignment,
    });
  if (isAutomatic(options)) {
    // What fits as it is needs no actions, nor what they would have to know.
    const plain = smallest(stagingWithin(budgetBytes));
    if (plain.possible && plain.deviceBytes <= budgetBytes) return planned(plain, limits, bounds);
    if (isHopeless(forms, options, { target, limits })) return planned(plain, limits, bounds);
  }
  const { readsDirectly } = TARGET_RULES[target];
  const costs = readsDirectly
    ? options.costs
    : { ...options.costs, stagingBytes: stagingWithin(budgetBytes) };
  // Where times depend on the budget, what was found within another one says nothing.
  const known = readsDirectly ? passes.known : undefined;
  const actionsOf = (form: Schedule) => {
    const actions =
      known?.get(form) ??
      new MemoryActions(
        form,
        limits.offsetAlignment,
        (kernel) => options.secondsOf(form.kernels[kernel]),
        costs,
        passes.act,
        options.exact,
      );
    known?.set(form, actions);
    return actions;
  };
  const searches = forms.map(actionsOf);
  const work = workOf(options, searches[0].stepCount);
  let { metBytes = Number.POSITIVE_INFINITY } = options;
  const { placed, choice, kept } = searches
    .map((actions) => {
      const given = { work, metBytes, isBrief: options.isBrief, onMet: options.onSearch };
      const fitted = fitBudget(actions, options, budgetBytes, place, given);
      // Of the next form only what is smaller is of use.
      if (!fitted.kept && fitted.placed.possible)
        metBytes = Math.min(metBytes, fitted.placed.deviceBytes + 1);
      return fitted;
    })
    .reduce((a, b) => (isNearer(b, a) ? b : a));
  if (kept) return planned(placed, limits, bounds, choice);
  const bytes = Number.isFinite(host.hostBytes)
    ? Math.min(...searches.map((actions) => leastHostBytes(actions, options, place)))
    : Number.POSITIVE_INFINITY;
  if (Number.isFinite(bytes)) return failed([{ kind: 'host', bytes, budget: host }], placed);
  const plan = planned(placed, limits, bounds, choice);
  if (!plan.schedule) return plan;
  return { ...plan, floors: () => feasibleBudgets(searches, place) };
}

/** Whether no plan of a schedule can keep the budget, or be smaller than one that is known. */
function isHopeless(
  forms: readonly Schedule[],
  { metBytes, budgetBytes, host = UNLIMITED_HOST, swap }: ActionOptions,
  { target, limits }: { readonly target: Target; readonly limits: TargetLimits },
): boolean {
  if (metBytes === undefined || Number.isFinite(host.hostBytes)) return false;
  const { readsDirectly, slabAlignment } = TARGET_RULES[target];
  const unit = readsDirectly ? slabAlignment : 1;
  const alignment = limits.offsetAlignment;
  const least = Math.min(...forms.map((form) => leastBytes(form, { alignment, swap })));
  const deviceBytes = unit * Math.ceil(least / unit);
  return deviceBytes > budgetBytes && deviceBytes >= metBytes;
}

/**
 * The smallest host budget with which the budget of the device is kept, all else being equal; infinite where none does. What is tried
 * does not depend on the host's budget but for where it ends, so everything is tried once more as if the host never had room.
 */
function leastHostBytes(
  actions: MemoryActions,
  options: ActionOptions,
  place: Place<Placement>,
): number {
  let least = Number.POSITIVE_INFINITY;
  fitBudget(
    actions,
    options,
    options.budgetBytes,
    (schedule, stagingBytes) => {
      const placed = place(schedule, stagingBytes);
      if (placed.addressable && placed.deviceBytes <= options.budgetBytes)
        least = Math.min(least, placed.leastHostBytes());
      return { ...placed, possible: false };
    },
    { work: 0 },
  );
  return least;
}

function planned(
  placed: Placement,
  limits: TargetLimits,
  bounds: (() => ScheduleBounds) | null,
  choice: ActionChoice | null = null,
): MemoryPlan {
  const { allocated, allocation, deviceBytes, errors } = placed;
  if (errors.length > 0) return failed(errors, placed);
  const peak = memoryPeak(allocated, limits.offsetAlignment);
  const made = {
    schedule: allocated,
    allocation,
    deviceBytes,
    peak,
    bounds,
    floors: null,
  } as const;
  return { ...made, seconds: choice?.seconds ?? null, methods: choice?.methods ?? [], errors: [] };
}

function failed(errors: readonly MemoryError[], placed: Placement | null): MemoryPlan {
  const allocation = placed?.allocation ?? null;
  const nothing = {
    schedule: null,
    deviceBytes: 0,
    peak: null,
    seconds: null,
    bounds: null,
    floors: null,
  } as const;
  return { ...nothing, methods: [], allocation, errors };
}
