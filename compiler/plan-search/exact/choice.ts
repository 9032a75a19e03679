import type { AppliedProgram } from '../apply.ts';
import { leastSeconds } from '../bounds.ts';
import { liveCurve } from '../curve.ts';
import type { ValueProgram } from '../program.ts';
import type { TransferCosts } from '../transfer-costs.ts';
import { solveByBlocks } from './blocks.ts';
import { NoExact, type Solver, secondsOf, solveExactly } from './solve.ts';

/** What `solve: 'exact'` asks for. */
export interface ExactSearch {
  readonly solver: Solver;
  /** Of one program within one target. */
  readonly limitSeconds: number;
  /** By name of a program, why the search's plan was taken as it is. */
  readonly unsolved: Map<string, string>;
  /** By name of a program and bytes that its values may take: seconds below which no plan is. */
  readonly proved: Map<string, number>;
}

/** The place of a program within a room in {@link ExactSearch.proved}. */
export const proofKey = (program: ValueProgram, roomBytes: number) =>
  `${roomBytes} ${program.name}`;

/**
 * What an integer program makes of a plan that keeps `roomBytes`, all persistent values left out; the plan itself where it copies
 * values or needs nothing. What is too large as a whole is solved block by block.
 */
export function solvedProgram(
  program: ValueProgram,
  applied: AppliedProgram,
  { roomBytes, costs, exact }: SolveWithin,
): AppliedProgram {
  const recomputes = applied.ops.some((op) => op.kind === 'step' && op.recomputed);
  const copies = applied.ops.some((op) => op.kind !== 'step');
  if (copies) {
    exact.unsolved.set(
      program.name,
      'its plan copies values to the host, which no integer program weighs',
    );
    return applied;
  }
  if (!recomputes || liveCurve(program, applied, () => false).peak > roomBytes) return applied;
  const persistentBytes = program.values.reduce(
    (sum, { kind, bytes }) => (kind === 'persistent' ? sum + bytes : sum),
    0,
  );
  const relaxed = leastSeconds(program, {
    ...{ budgetBytes: roomBytes + persistentBytes, recompute: true, swap: false, costs },
    known: secondsOf(program, applied),
  });
  const { limitSeconds } = exact;
  const options = {
    ...{ roomBytes, incumbent: applied, leastSeconds: relaxed.seconds, limitSeconds },
  };
  try {
    const solved = solveExactly(exact.solver, program, options);
    exact.proved.set(proofKey(program, roomBytes), solved.leastSeconds);
    if (!solved.proved)
      exact.unsolved.set(program.name, `it was not solved in ${limitSeconds} seconds`);
    return solved.applied;
  } catch (error) {
    if (!(error instanceof NoExact)) throw error;
    const { blocks, ...solved } = solveByBlocks(exact.solver, program, options);
    exact.unsolved.set(program.name, `${error.message} as a whole. ${blocks} blocks of it were`);
    return solved.applied;
  }
}

export interface SolveWithin {
  readonly roomBytes: number;
  readonly costs: TransferCosts;
  readonly exact: ExactSearch;
}
