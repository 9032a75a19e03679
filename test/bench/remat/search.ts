import {
  type AppliedProgram,
  applyDecisions,
  isInfeasible,
} from '../../../compiler/plan-search/apply.ts';
import { boundOf, largestStep, leastSeconds } from '../../../compiler/plan-search/bounds.ts';
import { chooseActions } from '../../../compiler/plan-search/greedy.ts';
import { prefetch } from '../../../compiler/plan-search/prefetch.ts';
import type { ValueProgram } from '../../../compiler/plan-search/program.ts';
import type { TransferCosts } from '../../../compiler/plan-search/timeline.ts';
import { actionsOf } from './actions.ts';
import type { Instance } from './instance.ts';
import { programOf } from './program.ts';
import { type Replay, type ReplayedCosts, replay } from './replay.ts';

export interface SearchOptions {
  readonly budgetBytes: number;
  /** Bytes a second each way; null where nothing is swapped. */
  readonly swapBytesPerSecond: number | null;
  /** What one unit of cost is. */
  readonly unitSeconds: number;
  /** Limit on the search. */
  readonly seconds: number;
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
  readonly gap: number;
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
  const { budgetBytes, swapBytesPerSecond, seconds: limit } = options;
  const largest = largestStep(program, swapBytesPerSecond !== null);
  if (largest.bytes > budgetBytes)
    throw new BudgetError(
      `a budget of ${budgetBytes} bytes is under the floor of ${largest.bytes} bytes, which node ${largest.step} ` +
        'takes with its inputs and its result',
    );
  const costs = transferCosts(swapBytesPerSecond);
  const { applied, method } = search(program, {
    budgetBytes,
    costs,
    swap: swapBytesPerSecond !== null,
    limit,
  });
  const replayed = replay(program, actionsOf(program, applied), replayedCosts(costs));
  if (replayed.peakBytes > budgetBytes)
    throw new BudgetError(
      `no plan within ${budgetBytes} bytes was found; the smallest one takes ${replayed.peakBytes} bytes. No plan takes ` +
        `less than ${largest.bytes} bytes, which node ${largest.step} takes with its inputs and its result`,
    );
  const once = program.steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const over = (seconds: number) => (once === 0 ? 1 : seconds / once);
  const least = leastSeconds(program, {
    ...{ budgetBytes, costs, recompute: true, swap: swapBytesPerSecond !== null },
    known: replayed.seconds,
  });
  const { lowerBound, value, gap } = boundOf(over(least.seconds), over(replayed.seconds), '');
  return {
    name: instance.name,
    budgetBytes,
    cost: value,
    peak: replayed.peakBytes,
    lowerBound,
    gap,
    method,
    seconds: (performance.now() - started) / 1000,
    recomputed: replayed.repeated,
    copies: replayed.copies,
  };
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

interface Found {
  readonly applied: AppliedProgram;
  readonly method: string;
}

function search(
  program: ValueProgram,
  {
    budgetBytes,
    costs,
    swap,
  }: {
    readonly budgetBytes: number;
    readonly costs: TransferCosts;
    readonly swap: boolean;
    readonly limit: number;
  },
): Found {
  const module = {
    programs: [program],
    persistentOf: [new Int32Array(program.values.length).fill(-1)],
    persistentBytes: new Float64Array(0),
  };
  const { decisions } = chooseActions(module, {
    ...{ targetBytes: budgetBytes, costs },
    automatic: { recompute: true, swap },
  });
  const applied = applyDecisions(program, decisions[0], () => false);
  if (isInfeasible(applied)) throw new Error('internal error: a choice of actions is infeasible');
  return { applied: prefetch(program, applied, () => false, costs, budgetBytes), method: 'greedy' };
}
