import { describe, expect, test } from 'vitest';
import { applyDecisions, isInfeasible } from '../../compiler/plan-search/apply.ts';
import { leastSeconds } from '../../compiler/plan-search/bounds.ts';
import { noDecisions } from '../../compiler/plan-search/decisions.ts';
import { solveByBlocks } from '../../compiler/plan-search/exact/blocks.ts';
import { loadSolver, secondsOf, solveExactly } from '../../compiler/plan-search/exact/solve.ts';
import type { ValueProgram } from '../../compiler/plan-search/program.ts';
import { recomputeSegments } from '../../compiler/plan-search/strategies.ts';
import { actionsOf } from '../bench/remat/actions.ts';
import { replay } from '../bench/remat/replay.ts';
import { searchSequences } from '../bench/remat/sequences.ts';
import { soaked } from '../support/soak.ts';
import { leastByBruteForce } from './brute-force.ts';
import { randomValueProgram } from './random-value-program.ts';

const COSTS = {
  ...{ deviceToHostBytesPerSecond: 1, hostToDeviceBytesPerSecond: 1, transferSeconds: 0 },
  overlap: 1,
};

/** What a search without improvement finds; a budget that it cannot keep is exceeded. */
const greedyPlan = (program: ValueProgram, budgetBytes: number) =>
  searchSequences(program, {
    budgetBytes: budgetBytes - persistentBytes(program),
    ...{ costs: COSTS, swap: false, limit: 0 },
  }).applied;

const persistentBytes = ({ values }: ValueProgram) =>
  values.reduce((sum, { kind, bytes }) => (kind === 'persistent' ? sum + bytes : sum), 0);

/** Every budget of a program that the greedy choice keeps and the program as it is does not. */
function budgetsOf(program: ValueProgram) {
  const free = applyDecisions(program, noDecisions(program), () => false);
  if (isInfeasible(free)) throw new Error('infeasible');
  const { peakBytes } = replay(program, actionsOf(program, free));
  return Array.from({ length: Math.floor(peakBytes / 2) }, (_, i) => peakBytes - 1 - i).flatMap(
    (budgetBytes) => {
      const incumbent = greedyPlan(program, budgetBytes);
      const kept = replay(program, actionsOf(program, incumbent)).peakBytes <= budgetBytes;
      return kept ? [{ budgetBytes, incumbent }] : [];
    },
  );
}

const solver = await loadSolver();

describe('the integer program', () => {
  test.each([
    ['of steps that make a value each', false],
    ['of steps and values of every kind', true],
  ])('%s is solved to what brute force finds', (_, rich) => {
    let proved = 0;
    for (let seed = 0; seed < soaked(rich ? 8 : 12).numRuns; seed++) {
      const program = randomValueProgram(1000 + seed, { steps: 8, rich });
      for (const { budgetBytes, incumbent } of budgetsOf(program).slice(-2)) {
        const relaxed = leastSeconds(program, {
          ...{ budgetBytes, recompute: true, swap: false, costs: COSTS },
        }).seconds;
        const exact = solveExactly(solver, program, {
          roomBytes: budgetBytes - persistentBytes(program),
          ...{ incumbent, leastSeconds: relaxed, limitSeconds: 60 },
        });
        const of = `seed ${1000 + seed} within ${budgetBytes}`;
        const replayed = replay(program, actionsOf(program, exact.applied));
        expect(replayed.peakBytes, of).toBeLessThanOrEqual(budgetBytes);
        expect(replayed.computeSeconds, of).toBe(exact.seconds);
        expect(exact.seconds, of).toBeLessThanOrEqual(secondsOf(program, incumbent));
        if (!rich) expect(exact.proved, of).toBe(true);
        if (exact.proved) expect(exact.leastSeconds, of).toBeCloseTo(exact.seconds, 6);
        if (exact.proved) proved++;
        const least = leastByBruteForce(program, budgetBytes);
        // Brute force may also repeat a step twice in a row, drop an output for a while, or write a part anew.
        if (!rich) expect(exact.seconds, of).toBe(least);
        expect(exact.seconds, of).toBeGreaterThanOrEqual(least);
      }
    }
    expect(proved).toBeGreaterThan(0);
  });

  test('is solved block by block to plans between the incumbent and the optimum', () => {
    let gained = 0;
    for (let seed = 2; seed < 2 + soaked(6).numRuns; seed++) {
      const program = randomValueProgram(seed, { steps: 26, rich: seed % 2 === 1 });
      // Recomputed for every use: a plan that leaves much to gain.
      const steps = program.steps.map((step, s) => ({ ...step, checkpoint: s % 5 === 0 }));
      const decisions = recomputeSegments({ ...program, steps }, 'memory');
      const incumbent = applyDecisions(program, decisions, () => false);
      if (isInfeasible(incumbent)) continue;
      const { peakBytes } = replay(program, actionsOf(program, incumbent));
      const options = {
        roomBytes: peakBytes - persistentBytes(program),
        ...{ incumbent, leastSeconds: 0, limitSeconds: 4 },
      };
      const { applied, seconds, blocks } = solveByBlocks(solver, program, options);
      const of = `seed ${seed}`;
      const replayed = replay(program, actionsOf(program, applied));
      expect(replayed.peakBytes, of).toBeLessThanOrEqual(peakBytes);
      expect(replayed.computeSeconds, of).toBe(seconds);
      expect(seconds, of).toBeLessThanOrEqual(secondsOf(program, incumbent));
      const exact = solveExactly(solver, program, options);
      if (exact.proved) expect(seconds, of).toBeGreaterThanOrEqual(exact.seconds);
      if (seconds < secondsOf(program, incumbent)) gained++;
      if (secondsOf(program, incumbent) > exact.seconds) expect(blocks, of).toBeGreaterThan(0);
    }
    expect(gained).toBeGreaterThan(0);
  });
});
