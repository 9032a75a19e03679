import { largest } from '../../ir/lists.ts';
import { GRAPH_ACTIONS } from './actions/index.ts';
import type { ContractionBound } from './knobs.ts';
import type { MemoryPlan } from './plan-memory.ts';

/** Halvings of the bound on intermediates. */
const MOST_HALVINGS = 12;
/** Halvings in a row that may gain nothing before the search gives up. */
const MOST_IDLE = 3;

/** What the passes make of a model under a bound on the intermediates of its contractions. */
export interface Attempt {
  /** Null where the model has a mistake. */
  readonly memory: MemoryPlan | null;
  /** By program: how many elements the intermediates of an einsum take at most at once. */
  readonly orders: readonly { widest(): number }[];
}

export interface PlanSearch<A extends Attempt> {
  /** The first attempt that fits; where none does, the one without bounds. */
  readonly result: A;
  /** Device bytes of the smallest plan that was met; null where no plan can be placed at all. */
  readonly smallest: number | null;
  /** The smallest host budget with which one of them would have fitted; infinite where that is not what is missing. */
  readonly hostBytes: number;
}

/**
 * The one search over all actions. An attempt already has the schedule actions that keep the budget best (plan-memory.ts). Where they do
 * not suffice, graph actions are tried, those that cost least first, under ever narrower bounds on what the intermediates of a
 * contraction take at once. Each of these attempts chooses its own schedule actions.
 */
export function searchPlans<A extends Attempt>(
  run: (bound: ContractionBound | null) => A,
  budgetBytes: number,
): PlanSearch<A> {
  let hostBytes = Number.POSITIVE_INFINITY;
  const attempt = (bound: ContractionBound | null) => {
    const made = run(bound);
    for (const error of made.memory?.errors ?? [])
      if (error.kind === 'host') hostBytes = Math.min(hostBytes, error.bytes);
    return made;
  };
  const result = attempt(null);
  let smallest = bytesOf(result);
  if (smallest <= budgetBytes || result.memory === null)
    return { result, smallest: finite(smallest), hostBytes };
  const widest = largest(
    result.orders.map((orders) => orders.widest()),
    0,
  );
  if (widest === 0) return { result, smallest: finite(smallest), hostBytes };
  for (const action of GRAPH_ACTIONS) {
    let idle = 0;
    for (let halving = 1; halving <= MOST_HALVINGS && idle < MOST_IDLE; halving++) {
      const bounded = attempt(action.apply(Math.floor(widest / 2 ** halving)));
      const bytes = bytesOf(bounded);
      if (bytes <= budgetBytes) return { result: bounded, smallest: bytes, hostBytes };
      idle = bytes < smallest ? 0 : idle + 1;
      smallest = Math.min(smallest, bytes);
    }
  }
  return { result, smallest: finite(smallest), hostBytes };
}

const bytesOf = ({ memory }: Attempt) =>
  memory === null || memory.schedule === null ? Number.POSITIVE_INFINITY : memory.deviceBytes;

const finite = (bytes: number) => (Number.isFinite(bytes) ? bytes : null);
