import type { Schedule } from '../../ir/schedule.ts';
import { type ActionSet, isAutomatic, type MemoryActions } from './memory-actions.ts';
import type { ActionChoice } from './sequence/module-search.ts';

/** Something that has places. */
export interface Placed {
  readonly deviceBytes: number;
  /** False where no budget of the device would help: the target cannot address it, or the host has no room for what is swapped. */
  readonly possible: boolean;
}

/**
 * `swapStagingBytes`: the largest buffer that swapped tensors go through, in bytes. What takes more than `uselessBytes` however it is
 * packed may be packed anyhow.
 */
export type Place<P extends Placed> = (
  schedule: Schedule,
  swapStagingBytes: number,
  uselessBytes?: number,
) => P;

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
/** Each of the two staging buffers takes at most this part of the budget, the least ones aside. */
const STAGING_SHARE = 1 / 128;
/** A target that is smaller than the budget by more than this part of it makes room for staging, not only for gaps of packing. */
const STAGED_SHARE = 1 / 32;

/** The largest buffer that swapped tensors go through within a budget, in bytes. */
export const stagingWithin = (budgetBytes: number): number =>
  Math.min(MOST_STAGING, Math.max(LEAST_STAGING, Math.floor(budgetBytes * STAGING_SHARE)));

export interface FitOptions {
  /** Of the local search that improves what fits. */
  readonly work: number;
  /** Of the smallest plan that is known: where none fits, another one is of use only if it is smaller. */
  readonly metBytes?: number | undefined;
  /** Whether the budget is known to be too small, and something small is asked for at once. */
  readonly isBrief?: boolean | undefined;
  readonly onMet?:
    | ((met: { readonly deviceBytes: number; readonly seconds: number }) => void)
    | undefined;
}

/**
 * Searches memory actions for the fastest plan within the budget. Between what the actions count and what the runtime allocates are
 * packing, rounding and staging, so the target follows the plan. Where that does not converge, the least that the actions can do
 * is tried whatever the budget: so a budget that is as large as the smallest plan is always kept.
 */
export function fitBudget<P extends Placed>(
  actions: MemoryActions,
  set: ActionSet,
  budgetBytes: number,
  place: Place<P>,
  { work, metBytes = Number.POSITIVE_INFINITY, isBrief = false, onMet = () => {} }: FitOptions,
): Fitted<P> {
  const staging = stagingWithin(budgetBytes);
  const fits = ({ possible, deviceBytes }: P) => possible && deviceBytes <= budgetBytes;
  const attempt = (
    choice: ActionChoice,
    stagingBytes: number,
    uselessBytes?: number,
  ): Attempt<P> => {
    const placed = place(actions.apply(choice), stagingBytes, uselessBytes);
    onMet({ deviceBytes: placed.deviceBytes, seconds: choice.seconds });
    return { choice, placed };
  };
  const search = {
    actions,
    budgetBytes,
    fits,
    attempt: (choice: ActionChoice, uselessBytes?: number) =>
      attempt(choice, staging, uselessBytes),
  };
  if (!isAutomatic(set)) {
    const fixed = attempt(actions.choose(set, Number.POSITIVE_INFINITY), staging);
    if (fits(fixed.placed)) return { ...fixed, kept: true };
  }
  const near = isBrief ? null : approach(search, set, MOST_CORRECTIONS);
  if (near) return { ...fastestOf(search, set, near, work), kept: true };
  const enough = Math.max(metBytes - 1, budgetBytes);
  const leastOf = (brief: boolean) => {
    const choices = subsetsOf(set).map((subset) => actions.fewest(subset, brief));
    // All actions together mostly take least: what takes more than they is not it.
    const whole = attempt(choices[choices.length - 1], LEAST_STAGING, enough);
    const { possible, deviceBytes } = whole.placed;
    const useless = possible ? Math.min(deviceBytes, enough) : enough;
    const leasts = choices.slice(0, -1).map((choice) => attempt(choice, LEAST_STAGING, useless));
    return [...leasts, whole].reduce((a, b) => (isSmaller(b.placed, a.placed) ? b : a));
  };
  let least = leastOf(isBrief);
  if (!isBrief && !fits(least.placed) && least.choice.bytes <= budgetBytes) {
    // Fewer bytes that are live may be packed worse; and what a brief search has named must be found again.
    const other = leastOf(true);
    if (fits(other.placed)) least = other;
  }
  if (!fits(least.placed)) return { ...least, kept: false };
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
  return { ...best, kept: true };
}

interface Attempt<P extends Placed> {
  readonly placed: P;
  readonly choice: ActionChoice;
}

/** What a set of actions makes of a target, and fits. */
interface Near<P extends Placed> extends Attempt<P> {
  readonly set: ActionSet;
  readonly targetBytes: number;
}

interface Search<P extends Placed> {
  readonly actions: MemoryActions;
  readonly budgetBytes: number;
  readonly fits: (placed: P) => boolean;
  readonly attempt: (choice: ActionChoice, uselessBytes?: number) => Attempt<P>;
}

/** Follows what plans take with ever smaller targets, so often at most; null where none fits. */
function approach<P extends Placed>(
  { actions, budgetBytes, fits, attempt }: Search<P>,
  set: ActionSet,
  corrections: number,
): Near<P> | null {
  let targetBytes = budgetBytes;
  for (let correction = 0; correction < corrections && targetBytes > 0; correction++) {
    const choice = actions.choose(set, targetBytes);
    const { bytes } = choice;
    // What misses its target is only asked whether it fits all the same.
    const tried = attempt(choice, bytes > targetBytes ? budgetBytes : undefined);
    if (fits(tried.placed)) return { ...tried, set, targetBytes };
    if (bytes > targetBytes || tried.placed.deviceBytes <= budgetBytes) return null;
    targetBytes = bytes - (tried.placed.deviceBytes - budgetBytes);
  }
  return null;
}

/**
 * A plan of a set of actions, or one of either action alone, whichever is faster, and improved by a local search. Copies take memory
 * of their own for staging, so both actions may have a smaller target than either alone.
 */
function fastestOf<P extends Placed>(
  search: Search<P>,
  set: ActionSet,
  near: Near<P>,
  work: number,
): Attempt<P> {
  const { actions, budgetBytes, fits, attempt } = search;
  let fastest = near;
  if (isAutomatic(set) && near.targetBytes < budgetBytes)
    for (const alone of subsetsOf(set).slice(1, -1)) {
      const other = approach(search, alone, correctionsOf(near, budgetBytes));
      if (other && other.choice.seconds < fastest.choice.seconds) fastest = other;
    }
  const better = improved(actions, fastest.set, fastest.targetBytes, work, fastest, attempt);
  return better && fits(better.placed) ? better : fastest;
}

/** Targets are searches of their own, except the first one: further ones are for where they differ by more than packing. */
const correctionsOf = ({ targetBytes }: Near<Placed>, budgetBytes: number) =>
  targetBytes < (1 - STAGED_SHARE) * budgetBytes ? MOST_CORRECTIONS : 1;

/** Whether one plan has come nearer to the budget than another one, or as near in less time. */
export function isNearer<P extends Placed>(a: Fitted<P>, b: Fitted<P>): boolean {
  if (a.kept !== b.kept) return a.kept;
  return a.kept ? a.choice.seconds < b.choice.seconds : isSmaller(a.placed, b.placed);
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
