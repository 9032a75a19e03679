import { largest } from '../../ir/lists.ts';
import type { ContractionBound, PipelineResult } from '../driver/pipeline.ts';

/** Halvings of the bound on intermediates. */
const MOST_HALVINGS = 12;
/** Halvings in a row that may gain nothing before the search gives up. */
const MOST_IDLE = 3;

export interface BudgetSearch {
  /** The first result that fits; where none does, the one without bounds. */
  readonly result: PipelineResult;
  /** Device bytes of the smallest plan that was met; null where no plan can be placed at all. */
  readonly smallest: number | null;
  /** The smallest host budget with which one of them would have fitted; infinite where that is not what is missing. */
  readonly hostBytes: number;
}

/**
 * The plan as it is where it fits. Otherwise ever narrower bounds on what the intermediates of a contraction take at once:
 * by slices of the cheapest orders first, which cost no multiply-adds, then by dearer orders as well.
 */
export function searchBudget(
  run: (bound?: ContractionBound) => PipelineResult,
  budgetBytes: number,
): BudgetSearch {
  const bytesOf = ({ memory }: PipelineResult) =>
    memory === null || memory.schedule === null ? Number.POSITIVE_INFINITY : memory.deviceBytes;
  let hostBytes = Number.POSITIVE_INFINITY;
  const attempt = (bound?: ContractionBound) => {
    const made = run(bound);
    for (const error of made.memory?.errors ?? [])
      if (error.kind === 'host') hostBytes = Math.min(hostBytes, error.bytes);
    return made;
  };
  const result = attempt();
  let smallest = bytesOf(result);
  if (smallest <= budgetBytes || result.memory === null)
    return { result, smallest: finite(smallest), hostBytes };
  const widest = largest(
    result.orders.map((orders) => orders.widest()),
    0,
  );
  if (widest === 0) return { result, smallest: finite(smallest), hostBytes };
  for (const reorder of [false, true]) {
    let idle = 0;
    for (let halving = 1; halving <= MOST_HALVINGS && idle < MOST_IDLE; halving++) {
      const bounded = attempt({ elements: Math.floor(widest / 2 ** halving), reorder });
      const bytes = bytesOf(bounded);
      if (bytes <= budgetBytes) return { result: bounded, smallest: bytes, hostBytes };
      idle = bytes < smallest ? 0 : idle + 1;
      smallest = Math.min(smallest, bytes);
    }
  }
  return { result, smallest: finite(smallest), hostBytes };
}

const finite = (bytes: number) => (Number.isFinite(bytes) ? bytes : null);
