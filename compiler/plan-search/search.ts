import { largest } from '../../ir/lists.ts';
import type { TooLarge } from '../memory/index.ts';
import { GRAPH_ACTIONS, type GraphAction } from './actions/index.ts';
import { type GraphKnobs, NO_KNOBS } from './knobs.ts';
import type { MemoryPlan } from './plan-memory.ts';

/** Tries in a row that may gain nothing before an action is given up, unless the search is told otherwise. */
const MOST_IDLE = 3;
/** What makes the smallest plan smaller by less than this part of it is no gain. */
const LEAST_GAIN = 1 / 64;

/** What the passes make of a model under the knobs of a search. */
export interface Attempt {
  /** Null where the model has a mistake, or an action cannot be taken. */
  readonly memory: MemoryPlan | null;
  /** By program: how many elements the intermediates of an einsum take at most at once. */
  readonly orders: readonly { widest(): number }[];
  /** Whether values are computed inside the memory of a concatenation. */
  readonly joins: boolean;
  /** Whether wide intermediates are in memory that tiles could take out of it. */
  readonly hasWide: boolean;
  /** Whether results of parts of reductions take memory that whole reductions would not. */
  readonly hasLargeParts: boolean;
  /** Predicted seconds of one run of every program. */
  seconds(): number;
}

export interface SearchOptions {
  /** Infinite for none. */
  readonly budgetBytes: number;
  /** Into how many parts the batch is cut whatever is tried. */
  readonly microBatches: number;
  /** Into how many parts the batch may be cut where these tensors are larger than a binding, ascending; none where that helps nothing. */
  splits(tooLarge: readonly TooLarge[]): readonly number[];
  /** Further numbers of parts that may be tried. */
  readonly allowedMicroBatches: readonly number[];
  /** Whether activations that are kept for gradients may be stored as halves. */
  readonly allowedHalves: boolean;
  /** Whether wide intermediates may be computed tile by tile. */
  readonly allowedTiles: boolean;
  /** Tries in a row that may gain nothing before an action is given up. */
  readonly mostIdle?: number;
  /** Told the device bytes of each plan that is smaller than all that were met before. */
  readonly onSmaller?: (deviceBytes: number) => void;
}

export interface SmallestPlan {
  readonly deviceBytes: number;
  /** The actions on the graph that it has. */
  readonly actions: readonly GraphAction[];
}

export interface PlanSearch<A extends Attempt> {
  /** Of the plans that keep the budget the fastest that was met; where none does, the one without actions on the graph. */
  readonly result: A;
  readonly knobs: GraphKnobs;
  /** The smallest plan that was met; null where no plan can be placed at all. */
  readonly smallest: SmallestPlan | null;
  /** The smallest host budget with which one of them would have fitted; infinite where that is not what is missing. */
  readonly hostBytes: number;
}

interface Candidate<A extends Attempt> {
  readonly made: A;
  readonly knobs: GraphKnobs;
}

/**
 * The one search over all actions. An attempt already has the schedule actions that keep the budget best (plan-memory.ts). Actions on
 * the graph are tried in the order of the table, each from its mildest form on, and each attempt chooses its own schedule actions.
 * Exact ones are tried where the schedule actions alone do not keep the budget, those that round differently only where no exact one
 * keeps it, except what the user allows, tiles, micro-batches and halves: they are held against the exact plan by predicted seconds. What is tried is bounded by the table, and so is the time.
 *
 * @param run an attempt, told the device bytes of the smallest plan that was met: of a graph whose plans can neither keep the budget nor be
 *   smaller, it need not look for the best one
 */
export function searchPlans<A extends Attempt>(
  run: (knobs: GraphKnobs, metBytes: number) => A,
  {
    budgetBytes,
    microBatches,
    splits,
    allowedMicroBatches,
    allowedHalves,
    allowedTiles,
    mostIdle = MOST_IDLE,
    onSmaller = () => {},
  }: SearchOptions,
): PlanSearch<A> {
  let hostBytes = Number.POSITIVE_INFINITY;
  let smallest = Number.POSITIVE_INFINITY;
  let smallestKnobs = NO_KNOBS;
  const attempt = (knobs: GraphKnobs): Candidate<A> & { readonly bytes: number } => {
    const made = run(knobs, smallest);
    for (const error of made.memory?.errors ?? [])
      if (error.kind === 'host') hostBytes = Math.min(hostBytes, error.bytes);
    const bytes = bytesOf(made);
    if (bytes < smallest) {
      onSmaller(bytes);
      [smallest, smallestKnobs] = [bytes, knobs];
    }
    return { made, knobs, bytes };
  };
  const fits = ({ bytes }: { readonly bytes: number }) => bytes <= budgetBytes;
  const found = ({ made, knobs }: Candidate<A>): PlanSearch<A> => ({
    result: made,
    knobs,
    smallest: Number.isFinite(smallest)
      ? {
          deviceBytes: smallest,
          actions: GRAPH_ACTIONS.filter((action) => action.taken(smallestKnobs)),
        }
      : null,
    hostBytes,
  });
  let first = attempt({ ...NO_KNOBS, microBatches });
  const tooLarge = tooLargeIn(first.made);
  if (tooLarge.length > 0)
    for (const split of splits(tooLarge)) {
      const tried = attempt({ ...first.knobs, split });
      if (tried.made.memory === null || tooLargeIn(tried.made).length > 0) continue;
      first = tried;
      break;
    }
  if (first.made.memory === null) return found(first);
  // What fits without any action is what the user wrote.
  if (fits(first) && !hasActions(first.made)) return found(first);
  const widths = first.made.orders.map((orders) => orders.widest());
  const space = {
    widest: largest(widths, 0),
    joins: first.made.joins,
    largeParts: first.made.hasLargeParts,
    microBatches: allowedMicroBatches,
    halves: allowedHalves,
    tiles: allowedTiles && first.made.hasWide,
  };
  const candidates = fits(first) ? [first] : [];
  /** The first form of an action that keeps the budget, and those behind it as long as they are faster. */
  const explore = (action: GraphAction) => {
    let idle = 0;
    let least = smallest;
    let fastest = Number.POSITIVE_INFINITY;
    for (const knobs of action.tries(space, first.knobs)) {
      if (idle >= mostIdle) return;
      const tried = attempt(knobs);
      if (fits(tried)) {
        const seconds = tried.made.seconds();
        if (seconds >= fastest) return;
        fastest = seconds;
        candidates.push(tried);
        if (!action.option) return;
      } else if (tried.made.memory !== null)
        idle = tried.bytes < (1 - LEAST_GAIN) * least ? 0 : idle + 1;
      least = Math.min(least, tried.bytes);
    }
  };
  for (const action of GRAPH_ACTIONS)
    if (action.option || (action.exact && candidates.length === 0)) explore(action);
  for (const action of GRAPH_ACTIONS)
    if (candidates.length === 0 && !action.exact && !action.option) explore(action);
  if (candidates.length === 0) return found(first);
  return found(
    candidates.reduce((best, one) => (one.made.seconds() < best.made.seconds() ? one : best)),
  );
}

/** Tensors that are larger than what one binding of the device holds. */
const tooLargeIn = ({ memory }: Attempt): TooLarge[] =>
  (memory?.errors ?? []).filter((error) => error.kind === 'binding');

/** Whether a plan evicts values. */
function hasActions({ memory }: Attempt): boolean {
  const programs = memory?.schedule?.programs ?? [];
  return programs.some(
    ({ steps, transfers = [] }) => transfers.length > 0 || steps.some((step) => step.recomputed),
  );
}

const bytesOf = ({ memory }: Attempt) =>
  memory === null || memory.schedule === null ? Number.POSITIVE_INFINITY : memory.deviceBytes;
