import type { Schedule } from '../../ir/schedule.ts';
import { type ActionSet, isAutomatic, type MemoryActions } from './memory-actions.ts';
import type { ActionChoice } from './sequence/module-search.ts';

/** Something that has places. */
export interface Placed {
  readonly deviceBytes: number;
  /** False where no budget of the device would help: the target cannot address it, or the host has no room for what is swapped. */
  readonly possible: boolean;
}

/** `swapStagingBytes`: the largest buffer that swapped tensors go through, in bytes. */
export type Place<P extends Placed> = (schedule: Schedule, swapStagingBytes: number) => P;

/** The smallest feasible budget with a set of memory actions. */
export interface FeasibleBudget {
  readonly actions: ActionSet;
  readonly bytes: number;
}

/** What keeps a budget, or where nothing does, what comes nearest. */
export interface Fitted<P extends Placed> {
  readonly placed: P;
  readonly choice: ActionChoice;
  readonly kept: boolean;
}

/** Corrections of the target by what packing and rounding add to it. */
const MOST_CORRECTIONS = 4;
/** Halvings between a target that is kept at great cost and one that is not kept. */
const MOST_HALVINGS = 4;

const LEAST_STAGING = 64 * 1024;
const MOST_STAGING = 32 * 2 ** 20;
/** Each of the two staging buffers takes at most this part of the budget. */
const STAGING_SHARE = 1 / 128;

/** The largest buffer that swapped tensors go through within a budget, in bytes. */
export const stagingWithin = (budgetBytes: number): number =>
  Math.min(MOST_STAGING, Math.max(LEAST_STAGING, Math.floor(budgetBytes * STAGING_SHARE)));

/**
 * The fastest plan within the budget by memory actions of a set. Where copies take memory of their own for staging, what both actions
 * make of a target may need a smaller one than what each alone makes of it: so each alone is held against them.
 */
export function fitBudget<P extends Placed>(
  actions: MemoryActions,
  set: ActionSet,
  budgetBytes: number,
  place: Place<P>,
  work: number,
  onMet: (met: { readonly deviceBytes: number; readonly seconds: number }) => void = () => {},
): Fitted<P> {
  const within = (some: ActionSet, someWork: number) =>
    fitSet(actions, some, { budgetBytes, place, work: someWork, onMet });
  const both = within(set, work);
  if (both.isAtOnce || set.recompute !== 'auto' || set.swap !== 'auto') return both;
  let best: Fitted<P> = both;
  for (const alone of [
    { ...set, swap: 'none' },
    { ...set, recompute: 'none' },
  ] as const) {
    if (!isNearer(within(alone, 0), best)) continue;
    const improved = within(alone, work);
    if (isNearer(improved, best)) best = improved;
  }
  return best;
}

/** Whether one plan has come nearer to the budget than another one, or as near in less time. */
export function isNearer<P extends Placed>(a: Fitted<P>, b: Fitted<P>): boolean {
  if (a.kept !== b.kept) return a.kept;
  return a.kept ? a.choice.seconds < b.choice.seconds : isSmaller(a.placed, b.placed);
}

interface FitOptions<P extends Placed> {
  readonly budgetBytes: number;
  readonly place: Place<P>;
  readonly work: number;
  readonly onMet: (met: { readonly deviceBytes: number; readonly seconds: number }) => void;
}

/**
 * Searches memory actions for the fastest plan within the budget. Between what the actions count and what the runtime allocates are
 * packing, rounding and staging, so the target follows the plan. Where that does not converge, the least that the actions can do
 * is tried whatever the budget: so a budget that is as large as the smallest plan is always kept. `work` goes into the local
 * search that improves what fits.
 */
function fitSet<P extends Placed>(
  actions: MemoryActions,
  set: ActionSet,
  { budgetBytes, place, work, onMet }: FitOptions<P>,
): Fitted<P> & { readonly isAtOnce: boolean } {
  const staging = stagingWithin(budgetBytes);
  const fits = ({ possible, deviceBytes }: P) => possible && deviceBytes <= budgetBytes;
  const attempt = (choice: ActionChoice, stagingBytes: number) => {
    const placed = place(actions.apply(choice), stagingBytes);
    onMet({ deviceBytes: placed.deviceBytes, seconds: choice.seconds });
    return { choice, placed };
  };
  if (!isAutomatic(set)) {
    const fixed = attempt(actions.choose(set, Number.POSITIVE_INFINITY), staging);
    if (fits(fixed.placed)) return { ...fixed, kept: true, isAtOnce: true };
  }
  let target = budgetBytes;
  for (let correction = 0; correction < MOST_CORRECTIONS && target > 0; correction++) {
    const tried = attempt(actions.choose(set, target), staging);
    if (fits(tried.placed)) {
      const better = improved(actions, set, target, work, tried, (choice) =>
        attempt(choice, staging),
      );
      const best = better && fits(better.placed) ? better : tried;
      return { ...best, kept: true, isAtOnce: correction === 0 };
    }
    const { bytes } = tried.choice;
    if (bytes > target || tried.placed.deviceBytes <= budgetBytes) break;
    target = bytes - (tried.placed.deviceBytes - budgetBytes);
  }
  const leasts = subsetsOf(set).map((subset) => attempt(actions.fewest(subset), LEAST_STAGING));
  const least = leasts.reduce((a, b) => (isSmaller(b.placed, a.placed) ? b : a));
  if (!fits(least.placed)) return { ...least, kept: false, isAtOnce: false };
  // The least is dear: something between it and what was missed may do.
  let best = least;
  let kept = least.choice.bytes;
  let missed = budgetBytes;
  for (let halving = 0; halving < MOST_HALVINGS && missed > kept; halving++) {
    const middle = Math.floor((kept + missed) / 2);
    const tried = attempt(actions.choose(set, middle), LEAST_STAGING);
    if (fits(tried.placed)) {
      if (tried.choice.seconds < best.choice.seconds) best = tried;
      kept = middle;
    } else missed = middle;
  }
  return { ...best, kept: true, isAtOnce: false };
}

/** What a local search makes of a choice within its target; null where that is nothing better. */
function improved<T extends { readonly choice: ActionChoice }>(
  actions: MemoryActions,
  set: ActionSet,
  targetBytes: number,
  work: number,
  { choice }: T,
  attempt: (choice: ActionChoice) => T,
): T | null {
  if (work === 0) return null;
  const better = actions.improve(set, targetBytes, work);
  return better.seconds < choice.seconds ? attempt(better) : null;
}

/** Copies need staging buffers, so fewer actions may need less in all. */
function subsetsOf(set: ActionSet): ActionSet[] {
  if (!isAutomatic(set)) return [set];
  const none: ActionSet = { recompute: 'none', swap: 'none' };
  return [none, { ...none, recompute: set.recompute }, { ...none, swap: set.swap }, set];
}

export function isSmaller(a: Placed, b: Placed): boolean {
  if (a.possible !== b.possible) return a.possible;
  return a.deviceBytes < b.deviceBytes;
}

const FLOOR_SETS: readonly ActionSet[] = [
  { recompute: 'none', swap: 'none' },
  { recompute: 'auto', swap: 'none' },
  { recompute: 'none', swap: 'auto' },
  { recompute: 'auto', swap: 'auto' },
];

/** The smallest feasible budgets by set of actions, as `fitBudget` would keep them; `forms` of one schedule. */
export function feasibleBudgets<P extends Placed>(
  forms: readonly MemoryActions[],
  place: Place<P>,
): FeasibleBudget[] {
  const smallestOf = (actions: MemoryActions, set: ActionSet) => {
    const placed = place(actions.apply(actions.fewest(set)), LEAST_STAGING);
    return placed.possible ? placed.deviceBytes : Number.POSITIVE_INFINITY;
  };
  const known = new Map<string, number>();
  const smallest = (set: ActionSet) => {
    const key = `${set.recompute} ${set.swap}`;
    const bytes = known.get(key) ?? Math.min(...forms.map((form) => smallestOf(form, set)));
    known.set(key, bytes);
    return bytes;
  };
  return FLOOR_SETS.map((actions) => ({
    actions,
    bytes: Math.min(...subsetsOf(actions).map(smallest)),
  }));
}
