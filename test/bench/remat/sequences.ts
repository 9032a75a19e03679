import type { AppliedProgram } from '../../../compiler/plan-search/apply.ts';
import type { ValueProgram } from '../../../compiler/plan-search/program.ts';
import { ProgramSearch } from '../../../compiler/plan-search/sequence/program-search.ts';
import type { TransferCosts } from '../../../compiler/plan-search/transfer-costs.ts';

export interface SequenceSearch {
  readonly budgetBytes: number;
  readonly costs: TransferCosts;
  readonly swap: boolean;
  /** Seconds by the clock; 0 takes what the portfolio finds. */
  readonly limit: number;
  /** What no plan can go below: the search ends there. */
  readonly leastSeconds?: number;
}

/** Changes of the sequence in one round of improvement; as much again with each round that gains nothing, of which there may be so many. */
const ROUND = 200_000;
const MOST_IDLE = 8;
/** Searches for a plan at all where the first one finds none. */
const MOST_SEEDS = 12;

export interface Found {
  readonly applied: AppliedProgram;
  readonly method: string;
  /** As the planner simulates it. */
  readonly seconds: number;
  readonly bytes: number;
}

/** The search of the planner for one program, round by round until the limit. Where no plan keeps the budget, the smallest. */
export function searchSequences(
  program: ValueProgram,
  { budgetBytes, costs, swap, limit, leastSeconds = 0 }: SequenceSearch,
): Found {
  const started = performance.now();
  const search = new ProgramSearch(program, () => false, costs);
  const ways = { mayRecompute: true, mayCopy: swap };
  const inTime = () => performance.now() - started < 1000 * limit;
  let reached = search.reach(ways, budgetBytes);
  for (let seed = 2; !reached && inTime() && seed < MOST_SEEDS; seed++)
    reached = search.press(ways, budgetBytes, ROUND * seed, seed);
  let best = reached ?? search.fewest(ways);
  let idle = 0;
  for (let seed = 1; reached && idle < MOST_IDLE && inTime(); seed++) {
    if (best.seconds <= leastSeconds * (1 + 1e-9)) break;
    const work = ROUND * (1 + idle);
    const better = search.improve(best, ways, budgetBytes, work, leastSeconds, seed);
    idle = better.seconds < best.seconds ? 0 : idle + 1;
    best = better;
  }
  const { method, seconds, peakBytes: bytes } = best;
  return { applied: search.applied(best), method, seconds, bytes };
}
