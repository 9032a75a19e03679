import type { AppliedProgram } from '../../../compiler/plan-search/apply.ts';
import { boundOf, largestStep, leastSeconds } from '../../../compiler/plan-search/bounds.ts';
import { solveByBlocks } from '../../../compiler/plan-search/exact/blocks.ts';
import {
  loadSolver,
  NoExact,
  type Solver,
  solveExactly,
} from '../../../compiler/plan-search/exact/solve.ts';
import type { ValueProgram } from '../../../compiler/plan-search/program.ts';
import type { TransferCosts } from '../../../compiler/plan-search/transfer-costs.ts';
import { actionsOf } from './actions.ts';
import type { Instance } from './instance.ts';
import { programOf } from './program.ts';
import { type ReplayedCosts, replay } from './replay.ts';
import { searchSequences } from './sequences.ts';

export interface SearchOptions {
  readonly budgetBytes: number;
  /** Bytes a second each way; null where nothing is swapped. */
  readonly swapBytesPerSecond: number | null;
  /** What one unit of cost is. */
  readonly unitSeconds: number;
  /** Limit on the search, and on the solver behind it. */
  readonly seconds: number;
  /** `exact`: the search's plan is what an integer program starts from. */
  readonly solve: 'heuristic' | 'exact';
}

export interface Planned {
  readonly name: string;
  readonly budgetBytes: number;
  /** Time over the time of all steps once; with copies, until the last of them has ended. */
  readonly cost: number;
  /** Counted by the replay. */
  readonly peak: number;
  /** Of the cost. */
  readonly lowerBound: number;
  readonly gap: number | null;
  readonly method: string;
  readonly seconds: number;
  readonly recomputed: number;
  readonly copies: number;
}

/** No plan within the budget. */
export class BudgetError extends Error {}

/** Plans an instance within a budget. @throws BudgetError */
export async function planInstance(instance: Instance, options: SearchOptions): Promise<Planned> {
  const started = performance.now();
  const program = programOf(instance, options.unitSeconds);
  const { budgetBytes, swapBytesPerSecond } = options;
  const swap = swapBytesPerSecond !== null;
  const costs = transferCosts(swapBytesPerSecond);
  const largest = largestStep(program, swap);
  if (largest.bytes > budgetBytes)
    throw new BudgetError(
      `a budget of ${budgetBytes} bytes is under the floor: node ${largest.step} alone takes ${largest.bytes} bytes ` +
        'with its inputs and its result',
    );
  const { seconds: relaxed } = leastSeconds(program, {
    ...{ budgetBytes, costs, recompute: true, swap },
  });
  const found = searchSequences(program, {
    ...{ budgetBytes, costs, swap, limit: options.seconds, leastSeconds: relaxed },
  });
  const replayedAs = (applied: AppliedProgram) =>
    replay(program, actionsOf(program, applied), replayedCosts(costs));
  const searched = replayedAs(found.applied);
  if (searched.peakBytes > budgetBytes)
    throw new BudgetError(
      `no plan within ${budgetBytes} bytes was found; the smallest one takes ${searched.peakBytes} bytes. No plan takes ` +
        `less than ${largest.bytes} bytes, which node ${largest.step} takes with its inputs and its result`,
    );
  const solved =
    options.solve === 'exact'
      ? await solve(program, found, { budgetBytes, relaxed, swap, limit: options.seconds })
      : { ...found, leastSeconds: relaxed };
  const replayed = replayedAs(solved.applied);
  const once = program.steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const over = (seconds: number) => (once === 0 ? 1 : seconds / once);
  const { lowerBound, value, gap } = boundOf(over(solved.leastSeconds), over(replayed.seconds), '');
  return {
    name: instance.name,
    budgetBytes,
    cost: value,
    peak: replayed.peakBytes,
    lowerBound,
    gap,
    method: solved.method,
    seconds: (performance.now() - started) / 1000,
    recomputed: replayed.repeated,
    copies: replayed.copies,
  };
}

interface Solved {
  readonly applied: AppliedProgram;
  readonly method: string;
  /** What no plan can go below. */
  readonly leastSeconds: number;
}

/** What an integer program makes of a plan; the method says where it was not tried, and why. */
async function solve(
  program: ValueProgram,
  { applied, method }: Pick<Solved, 'applied' | 'method'>,
  {
    budgetBytes,
    relaxed,
    swap,
    limit,
  }: {
    readonly budgetBytes: number;
    readonly relaxed: number;
    readonly swap: boolean;
    readonly limit: number;
  },
): Promise<Solved> {
  const kept = (why: string) => ({ applied, leastSeconds: relaxed, method: `${method} (${why})` });
  if (swap) return kept('the integer program knows no copies');
  let solver: Solver;
  try {
    solver = await loadSolver();
  } catch (error) {
    if (error instanceof NoExact) return kept(error.message);
    throw error;
  }
  const options = {
    ...{ roomBytes: budgetBytes, incumbent: applied, leastSeconds: relaxed, limitSeconds: limit },
  };
  try {
    const exact = solveExactly(solver, program, options);
    return { ...exact, method: exact.proved ? 'exact' : 'integer program, out of time' };
  } catch (error) {
    if (!(error instanceof NoExact)) throw error;
    const { blocks, ...solved } = solveByBlocks(solver, program, options);
    return { ...solved, method: `${method}, integer programs of ${blocks} blocks` };
  }
}

/** Both ways at one rate, without a fixed cost, beside the computation. */
function transferCosts(bytesPerSecond: number | null): TransferCosts {
  const rate = bytesPerSecond ?? 1;
  return {
    ...{ deviceToHostBytesPerSecond: rate, hostToDeviceBytesPerSecond: rate },
    ...{ transferSeconds: 0, overlap: 1 },
  };
}

const replayedCosts = (costs: TransferCosts): ReplayedCosts => ({
  outSeconds: (bytes) => bytes / costs.deviceToHostBytesPerSecond,
  inSeconds: (bytes) => bytes / costs.hostToDeviceBytesPerSecond,
});
