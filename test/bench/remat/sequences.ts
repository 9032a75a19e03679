import type { AppliedProgram } from '../../../compiler/plan-search/apply.ts';
import type { ValueProgram } from '../../../compiler/plan-search/program.ts';
import { descend } from '../../../compiler/plan-search/sequence/descend.ts';
import { appliedProgram } from '../../../compiler/plan-search/sequence/export.ts';
import { improve } from '../../../compiler/plan-search/sequence/improve.ts';
import { sequenceModel } from '../../../compiler/plan-search/sequence/model.ts';
import { Sequence } from '../../../compiler/plan-search/sequence/sequence.ts';
import { Simulation } from '../../../compiler/plan-search/sequence/simulation.ts';
import type { TransferCosts } from '../../../compiler/plan-search/timeline.ts';

export interface SequenceSearch {
  readonly budgetBytes: number;
  readonly costs: TransferCosts;
  readonly swap: boolean;
  readonly limit: number;
  /** What no plan can go below: the search ends there. */
  readonly leastSeconds?: number;
}

/** Changes of the sequence in one round of improvement, and rounds in a row that may gain nothing. */
const ROUND = 50_000;
const MOST_IDLE = 12;

export interface Found {
  readonly applied: AppliedProgram;
  readonly method: string;
  /** As the planner simulates it. */
  readonly seconds: number;
  readonly bytes: number;
}

export function searchSequences(
  program: ValueProgram,
  { budgetBytes: targetBytes, costs, swap, limit, leastSeconds = 0 }: SequenceSearch,
): Found {
  const started = performance.now();
  const model = sequenceModel(program, () => false);
  const members: { sequence: Sequence; simulation: Simulation; method: string }[] = [];
  const add = (sequence: Sequence, method: string, run: (simulation: Simulation) => void) => {
    const simulation = new Simulation(sequence, costs);
    run(simulation);
    sequence.commit();
    members.push({ sequence, simulation, method });
  };
  const ways = swap
    ? [
        [true, true],
        [true, false],
        [false, true],
      ]
    : [[true, false]];
  for (const [mayRecompute, mayCopy] of ways) {
    const options = { costs, targetBytes, mayRecompute, mayCopy };
    for (const weighing of ['bytes', 'cover'] as const)
      add(new Sequence(model), `descent by ${weighing}`, (simulation) => {
        descend(simulation['sequence'], simulation, { ...options, weighing });
      });
  }
  const over = ({ sequence }: (typeof members)[number]) =>
    Math.max(0, sequence.peakBytes - targetBytes);
  members.sort((a, b) => over(a) - over(b) || a.simulation.seconds - b.simulation.seconds);
  const [best] = members;
  let improved = false;
  let idle = 0;
  const isOver = () =>
    idle === MOST_IDLE ||
    best.simulation.seconds <= leastSeconds * (1 + 1e-9) ||
    performance.now() - started >= 1000 * limit;
  for (let seed = 1; over(best) === 0 && !isOver(); seed++) {
    const before = best.simulation.seconds;
    improve(best.sequence, best.simulation, {
      ...{ costs, targetBytes, mayRecompute: true, mayCopy: swap },
      ...{ work: ROUND, seed, lowerBound: leastSeconds },
    });
    const gained = best.simulation.seconds < before;
    improved ||= gained;
    idle = gained ? 0 : idle + 1;
  }
  return {
    applied: appliedProgram(best.sequence),
    method: improved ? `${best.method}, ruin and recreate` : best.method,
    seconds: best.simulation.seconds,
    bytes: best.sequence.peakBytes,
  };
}
