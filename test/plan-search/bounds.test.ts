import { describe, expect, test } from 'vitest';
import { applyDecisions, isInfeasible } from '../../compiler/plan-search/apply.ts';
import { boundOf, largestStep, leastSeconds } from '../../compiler/plan-search/bounds.ts';
import { type Method, noDecisions } from '../../compiler/plan-search/decisions.ts';
import type { ValueProgram } from '../../compiler/plan-search/program.ts';
import type { TransferCosts } from '../../compiler/plan-search/transfer-costs.ts';
import { actionsOf } from '../bench/remat/actions.ts';
import { replay } from '../bench/remat/replay.ts';
import { randomBelow } from '../memory/random-schedule.ts';
import { soaked } from '../support/soak.ts';
import { leastByBruteForce } from './brute-force.ts';
import { randomValueProgram } from './random-value-program.ts';

const COSTS: TransferCosts = {
  deviceToHostBytesPerSecond: 1,
  hostToDeviceBytesPerSecond: 2,
  transferSeconds: 0.25,
  overlap: 1,
};

const replayedCosts = {
  outSeconds: (bytes: number) => COSTS.transferSeconds + bytes / COSTS.deviceToHostBytesPerSecond,
  inSeconds: (bytes: number) => COSTS.transferSeconds + bytes / COSTS.hostToDeviceBytesPerSecond,
};

function inOrder(program: ValueProgram) {
  const applied = applyDecisions(program, noDecisions(program), () => false);
  if (isInfeasible(applied)) throw new Error('the order cannot be run');
  return replay(program, actionsOf(program, applied));
}

describe('the bound on seconds', () => {
  test('is at most the optimum by brute force where steps may be repeated', () => {
    let isTight = 0;
    let positive = 0;
    const { numRuns } = soaked(90);
    for (let seed = 0; seed < numRuns; seed++) {
      const program = randomValueProgram(seed, { steps: 5 + (seed % 3), rich: seed % 2 === 1 });
      const { peakBytes, computeSeconds } = inOrder(program);
      for (let budgetBytes = Math.floor(peakBytes); budgetBytes > peakBytes / 2; budgetBytes--) {
        const least = leastByBruteForce(program, budgetBytes);
        const { seconds } = leastSeconds(program, {
          ...{ budgetBytes, recompute: true, swap: false, costs: COSTS },
        });
        expect(seconds, `seed ${seed} within ${budgetBytes}`).toBeLessThanOrEqual(
          least * (1 + 1e-9),
        );
        if (!Number.isFinite(least)) break;
        if (least > computeSeconds) positive++;
        if (least > computeSeconds && seconds > computeSeconds) isTight++;
      }
    }
    expect(positive).toBeGreaterThan(numRuns / 4);
    // A bound that never says more than the steps' own seconds would pass the test above.
    expect(isTight).toBeGreaterThan(positive / 2);
  });

  test.each([
    { recompute: false, swap: true },
    { recompute: true, swap: true },
  ])('is at most the best of all decisions with %o', (automatic) => {
    const methods: Method[] = automatic.recompute ? [0, 1, 2] : [0, 2];
    for (let seed = 0; seed < soaked(12).numRuns; seed++) {
      const program = randomValueProgram(seed, { steps: 5, rich: seed % 2 === 1 });
      const plans = allDecisions(program, methods);
      const { peakBytes } = inOrder(program);
      for (let budgetBytes = Math.floor(peakBytes); budgetBytes > peakBytes / 2; budgetBytes--) {
        const fitting = plans.filter((plan) => plan.peakBytes <= budgetBytes);
        const least = Math.min(...fitting.map(({ seconds }) => seconds));
        const { seconds } = leastSeconds(program, { budgetBytes, ...automatic, costs: COSTS });
        expect(seconds, `seed ${seed} within ${budgetBytes}`).toBeLessThanOrEqual(
          least * (1 + 1e-9),
        );
      }
    }
  });
});

/** What comes of every choice for every gap, or of many of them. */
function allDecisions(program: ValueProgram, methods: readonly Method[]) {
  const decisions = noDecisions(program);
  const gaps = [...decisions.method.keys()];
  const count = Math.min(methods.length ** gaps.length, 1500);
  const isAll = count === methods.length ** gaps.length;
  const below = randomBelow(7);
  return Array.from({ length: count }, (_, index) => {
    let rest = index;
    for (const gap of gaps) {
      decisions.method[gap] = methods[isAll ? rest % methods.length : below(methods.length)];
      rest = Math.floor(rest / methods.length);
    }
    const applied = applyDecisions(program, decisions, () => false);
    if (isInfeasible(applied)) return [];
    try {
      return [replay(program, actionsOf(program, applied), replayedCosts)];
    } catch {
      // A value that is not written to the end cannot leave memory.
      return [];
    }
  }).flat();
}

describe('the bound on bytes', () => {
  test('is the least budget of any sequence, or below it', () => {
    for (let seed = 0; seed < soaked(100).numRuns; seed++) {
      const program = randomValueProgram(seed, { steps: 6, rich: seed % 2 === 1 });
      const { bytes, step } = largestStep(program, false);
      expect(leastByBruteForce(program, bytes - 1), `seed ${seed}`).toBe(Number.POSITIVE_INFINITY);
      expect(step).toBeLessThan(program.steps.length);
      expect(bytes).toBeLessThanOrEqual(inOrder(program).peakBytes);
    }
  });
});

test('a gap is what a value is above its bound', () => {
  expect(boundOf(2, 3, 'relaxation')).toEqual({
    lowerBound: 2,
    value: 3,
    gap: 0.5,
    method: 'relaxation',
  });
  expect(boundOf(3.0000001, 3, 'relaxation')).toMatchObject({ lowerBound: 3, gap: 0 });
  expect(boundOf(0, 0, 'relaxation')).toMatchObject({ gap: 0 });
});
