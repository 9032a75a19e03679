import { describe, expect, test } from 'vitest';
import { leastSeconds } from '../../compiler/plan-search/bounds.ts';
import { actionsOf } from '../bench/remat/actions.ts';
import { replay } from '../bench/remat/replay.ts';
import { searchSequences } from '../bench/remat/sequences.ts';
import { soaked } from '../support/soak.ts';
import { leastByBruteForce } from './brute-force.ts';
import { randomValueProgram } from './random-value-program.ts';

const COSTS = {
  ...{ deviceToHostBytesPerSecond: 1, hostToDeviceBytesPerSecond: 2, transferSeconds: 0.25 },
  overlap: 1,
};
const replayedCosts = {
  outSeconds: (bytes: number) => COSTS.transferSeconds + bytes / COSTS.deviceToHostBytesPerSecond,
  inSeconds: (bytes: number) => COSTS.transferSeconds + bytes / COSTS.hostToDeviceBytesPerSecond,
};

describe.each([
  ['recompute', false, false],
  ['recompute of values of every kind', true, false],
  ['recompute and swap', false, true],
  ['recompute and swap of values of every kind', true, true],
])('a search with %s', (_, rich, swap) => {
  test('finds plans whose peak and time are what the replay counts', () => {
    for (let seed = 0; seed < soaked(12).numRuns; seed++) {
      const program = randomValueProgram(seed, { steps: 6 + (seed % 30), rich });
      const persistent = program.values.reduce(
        (sum, { kind, bytes }) => (kind === 'persistent' ? sum + bytes : sum),
        0,
      );
      const free = searchSequences(program, {
        ...{ budgetBytes: Number.POSITIVE_INFINITY, costs: COSTS, swap, limit: 0 },
      });
      for (const part of [0.9, 0.8, 0.7, 0.6]) {
        const budgetBytes = Math.floor(part * free.bytes);
        const found = searchSequences(program, { budgetBytes, costs: COSTS, swap, limit: 0 });
        const of = `seed ${seed} within ${budgetBytes}`;
        let replayed: ReturnType<typeof replay>;
        try {
          replayed = replay(program, actionsOf(program, found.applied), replayedCosts);
        } catch (error) {
          throw new Error(`${of}: ${(error as Error).message}`);
        }
        expect(replayed.peakBytes - persistent, of).toBe(found.bytes);
        expect(replayed.seconds, of).toBeCloseTo(found.seconds, 6);
        if (found.bytes > budgetBytes) continue;
        const least = leastSeconds(program, {
          ...{ budgetBytes: budgetBytes + persistent, recompute: true, swap, costs: COSTS },
        });
        expect(least.seconds, of).toBeLessThanOrEqual(found.seconds * (1 + 1e-9));
        if (!swap && program.steps.length <= 7)
          expect(found.seconds, of).toBeGreaterThanOrEqual(
            leastByBruteForce(program, budgetBytes + persistent),
          );
      }
    }
  });
});
