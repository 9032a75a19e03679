import type { Schedule } from '../../ir/schedule.ts';
import type { ActionSet, MemoryActions } from './memory-actions.ts';

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

/** Corrections of the target by what packing and rounding add to it. */
const MOST_CORRECTIONS = 4;
/** Halvings between a target that is kept at great cost and one that is not kept. */
const MOST_HALVINGS = 4;

const LEAST_STAGING = 64 * 1024;
/** Staging takes at most this part of the budget. */
const STAGING_SHARE = 1 / 32;

/** The largest buffer that swapped tensors go through within a budget, in bytes. */
export const stagingWithin = (budgetBytes: number): number =>
  Math.max(LEAST_STAGING, Math.floor(budgetBytes * STAGING_SHARE));

/**
 * Searches memory actions until the plan keeps the budget. Between what the actions count and what the runtime allocates are packing,
 * rounding and staging, so the target follows the plan. Where that does not converge, the least that the actions can do is tried
 * whatever the budget: so a budget that is as large as the smallest plan is always kept.
 */
export function fitBudget<P extends Placed>(
  actions: MemoryActions,
  set: ActionSet,
  budgetBytes: number,
  place: Place<P>,
): { readonly placed: P; readonly kept: boolean } {
  const attempt = (set: ActionSet, targetBytes: number, stagingBytes: number) => {
    const choice = actions.choose(set, targetBytes);
    const placed = place(actions.apply(choice, targetBytes), stagingBytes);
    return { placed, set, bytes: choice.bytes };
  };
  const fits = ({ possible, deviceBytes }: P) => possible && deviceBytes <= budgetBytes;
  const staging = stagingWithin(budgetBytes);
  const fixed = attempt(set, Number.POSITIVE_INFINITY, staging);
  if (fits(fixed.placed)) return { placed: fixed.placed, kept: true };
  let target = budgetBytes;
  for (let correction = 0; correction < MOST_CORRECTIONS && target > 0; correction++) {
    const { placed, bytes } = attempt(set, target, staging);
    if (fits(placed)) return { placed, kept: true };
    if (bytes > target || placed.deviceBytes <= budgetBytes) break;
    target = bytes - (placed.deviceBytes - budgetBytes);
  }
  // By bytes on the device alone, so that a host budget does not change what is tried.
  const leasts = subsetsOf(set).map((subset) => attempt(subset, 0, LEAST_STAGING));
  const least = leasts.reduce((a, b) => (b.placed.deviceBytes < a.placed.deviceBytes ? b : a));
  let best = leasts.find(({ placed }) => fits(placed))?.placed;
  if (fits(least.placed)) best = least.placed;
  // The least is dear: something between it and what was missed may do.
  let kept = least.bytes;
  let missed = least.placed.deviceBytes <= budgetBytes ? budgetBytes : kept;
  for (let halving = 0; halving < MOST_HALVINGS && missed > kept; halving++) {
    const middle = (kept + missed) / 2;
    const { placed } = attempt(least.set, middle, LEAST_STAGING);
    if (fits(placed)) best = placed;
    if (placed.deviceBytes <= budgetBytes) kept = middle;
    else missed = middle;
  }
  if (best) return { placed: best, kept: true };
  const smaller = isSmaller(least.placed, fixed.placed) ? least : fixed;
  return { placed: smaller.placed, kept: false };
}

/** A greedy choice among more actions is not always the better one, so fewer are tried as well. */
function subsetsOf(set: ActionSet): ActionSet[] {
  if (set.recompute !== 'auto' || set.swap !== 'auto') return [set];
  return [set, { recompute: 'none', swap: 'auto' }, { recompute: 'auto', swap: 'none' }];
}

function isSmaller(a: Placed, b: Placed): boolean {
  if (a.possible !== b.possible) return a.possible;
  return a.deviceBytes < b.deviceBytes;
}

const FLOOR_SETS: readonly ActionSet[] = [
  { recompute: 'none', swap: 'none' },
  { recompute: 'auto', swap: 'none' },
  { recompute: 'none', swap: 'auto' },
  { recompute: 'auto', swap: 'auto' },
];

/** The smallest feasible budgets by set of actions, as `fitBudget` would keep them. */
export function feasibleBudgets<P extends Placed>(
  actions: MemoryActions,
  place: Place<P>,
): FeasibleBudget[] {
  const smallest = (set: ActionSet, target: number) => {
    const placed = place(actions.apply(actions.choose(set, target), target), LEAST_STAGING);
    return placed.possible ? placed.deviceBytes : Number.POSITIVE_INFINITY;
  };
  const plain = smallest(FLOOR_SETS[0], Number.POSITIVE_INFINITY);
  return FLOOR_SETS.map((set) => ({
    actions: set,
    bytes: Math.min(plain, ...subsetsOf(set).map((subset) => smallest(subset, 0))),
  }));
}
