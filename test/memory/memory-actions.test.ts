import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import {
  type ActionOptions,
  type ActionSet,
  planMemory,
} from '../../compiler/plan-search/index.ts';
import type { PlanMemory } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import {
  type AllocatedSchedule,
  type Schedule,
  type TargetLimits,
  WEBGPU_DEFAULT_LIMITS,
} from '../../ir/schedule.ts';
import { sameMeaning } from '../../ir/schedule-meaning.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { scheduleResults } from '../support/schedule-results.ts';
import { soaked } from '../support/soak.ts';
import { randomBelow, randomSchedule } from './random-schedule.ts';

const LIMITS: readonly TargetLimits[] = [
  WEBGPU_DEFAULT_LIMITS,
  { ...WEBGPU_DEFAULT_LIMITS, maxBufferBytes: 16384 },
];

const ACTION_SETS = [
  { recompute: 'auto', swap: 'none' },
  { recompute: 'none', swap: 'auto' },
  { recompute: 'auto', swap: 'auto' },
] as const;

const cases = fc.record({
  seed: fc.nat(),
  steps: fc.integer({ min: 4, max: 60 }),
  limits: fc.constantFrom(...LIMITS),
  actions: fc.constantFrom(...ACTION_SETS),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  overlap: fc.constantFrom(0, 0.5, 1),
});

function options(
  seed: number,
  overlap: number,
  actions: ActionSet,
  budgetBytes: number,
): ActionOptions {
  const names = new Map<string, number>();
  const below = randomBelow(seed);
  return {
    ...actions,
    budgetBytes,
    secondsOf: ({ name }) => {
      const seconds = names.get(name) ?? 1e-6 * (1 + below(100));
      names.set(name, seconds);
      return seconds;
    },
    costs: {
      deviceToHostBytesPerSecond: 1e8,
      hostToDeviceBytesPerSecond: 2e8,
      transferSeconds: 1e-6,
      overlap,
    },
  };
}

/** Reductions as contractions: what named strategies take for checkpoints. */
function withDearSteps(schedule: Schedule): Schedule {
  const programs = schedule.programs.map((program) => ({
    ...program,
    steps: program.steps.map((step) =>
      step.label.startsWith('spread') ? { ...step, macs: 1 } : step,
    ),
  }));
  return { ...schedule, programs };
}

const planned = (schedule: Schedule, limits: TargetLimits, actions?: ActionOptions) =>
  planMemory(schedule, limits, { target: 'webgpu', ...(actions ? { actions } : {}) });

function verified(schedule: AllocatedSchedule, budgetBytes: number | null): PlanMemory {
  const plan = assemblePlan(schedule, {
    target: 'webgpu',
    budgetBytes,
    producer: 'test',
    emitted: schedule.kernels.map(({ name }) => ({ wgsl: `// ${name}`, grid: [1, 1, 1] })),
  });
  expect(verifyPlan(plan)).toEqual([]);
  return plan.memory;
}

describe('planMemory under a budget', () => {
  it('keeps it or says the smallest one that it keeps, with the same results to the bit', () => {
    fc.assert(
      fc.property(cases, ({ seed, steps, limits, actions, share, overlap }) => {
        const schedule = randomSchedule(seed, steps);
        const plain = planned(schedule, limits);
        const budget = Math.floor(plain.deviceBytes * share);
        const fitted = planned(schedule, limits, options(seed, overlap, actions, budget));
        const kept = fitted.deviceBytes <= budget;
        expect(fitted.floors !== null).toBe(!kept);
        const floor = fitted
          .floors?.()
          .find(
            ({ actions: { recompute, swap } }) =>
              recompute === actions.recompute && swap === actions.swap,
          );
        const least = floor?.bytes ?? budget;
        expect(least).toBeGreaterThanOrEqual(budget);
        const again = kept
          ? fitted
          : planned(schedule, limits, options(seed, overlap, actions, least));
        expect(again.deviceBytes).toBeLessThanOrEqual(least);
        expect(scheduleResults(again.schedule!)).toEqual(scheduleResults(plain.schedule!));
        expect(sameMeaning(schedule, again.schedule!)).toBe(null);
        verified(again.schedule!, least);
        expect(parseSchedule(printSchedule(again.schedule!))).toEqual(again.schedule);
      }),
      soaked(12),
    );
  });

  it('gives the same results with the strategies of a paper', () => {
    const named = fc.record({
      recompute: fc.constantFrom('none', 'speed', 'memory', 'cost'),
      swap: fc.constantFrom('none', 'conv', 'lru', 'auto'),
    });
    fc.assert(
      fc.property(cases, named, ({ seed, steps, limits, share, overlap }, actions) => {
        const schedule = withDearSteps(randomSchedule(seed, steps));
        const plain = planned(schedule, limits);
        const budget = Math.floor(plain.deviceBytes * share);
        const acted = planned(schedule, limits, options(seed, overlap, actions, budget));
        expect(scheduleResults(acted.schedule!)).toEqual(scheduleResults(plain.schedule!));
        expect(sameMeaning(schedule, acted.schedule!)).toBe(null);
        verified(acted.schedule!, null);
      }),
      soaked(12),
    );
  });

  it('keeps a host budget, spills what has no room, or says the host budget that would do', () => {
    let spilled = 0;
    fc.assert(
      fc.property(cases, fc.double({ min: 0, max: 1, noNaN: true }), (given, hostShare) => {
        const { seed, steps, limits, overlap, share } = given;
        const schedule = randomSchedule(seed, steps);
        const plain = planned(schedule, limits);
        const budget = Math.floor(plain.deviceBytes * (0.5 + share / 2));
        const wanted = options(seed, overlap, { recompute: 'none', swap: 'auto' }, budget);
        const free = planned(schedule, limits, wanted);
        if (!free.schedule || free.floors !== null) return;
        const needed = verified(free.schedule, budget).hostBytes;
        const hostBytes = Math.floor(needed * hostShare);
        for (const spillBytes of [0, 1e9]) {
          const within = (bytes: number) =>
            planned(schedule, limits, { ...wanted, host: { hostBytes: bytes, spillBytes } });
          let kept = within(hostBytes);
          let most = hostBytes;
          if (!kept.schedule) {
            const [error] = kept.errors;
            if (error.kind !== 'host') throw new Error(error.kind);
            most = error.bytes;
            expect(most).toBeGreaterThan(hostBytes);
            expect(within(most - 1).schedule).toBeNull();
            kept = within(most);
          }
          // All of it, as the runtime counts it.
          const { hostBytes: held, spillBytes: inFile } = verified(kept.schedule!, budget);
          expect(held).toBeLessThanOrEqual(most);
          expect(scheduleResults(kept.schedule!)).toEqual(scheduleResults(plain.schedule!));
          expect(sameMeaning(schedule, kept.schedule!)).toBe(null);
          if (inFile > 0) spilled++;
        }
      }),
      {
        ...soaked(8),
        // The least swaps take more of the host than what was chosen in the end.
        examples: [
          [
            {
              seed: 29,
              steps: 60,
              limits: LIMITS[0],
              actions: ACTION_SETS[0],
              share: 0.9735537190082643,
              overlap: 1,
            },
            0,
          ],
        ],
      },
    );
    expect(spilled).toBeGreaterThan(0);
  });

  it('never needs more where it may do more', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const schedule = randomSchedule(seed, 40);
        const { floors } = planned(
          schedule,
          WEBGPU_DEFAULT_LIMITS,
          options(seed, 1, ACTION_SETS[2], 0),
        );
        const [none, recompute, swap, both] = floors!().map(({ bytes }) => bytes);
        expect(recompute).toBeLessThanOrEqual(none);
        expect(swap).toBeLessThanOrEqual(none);
        expect(both).toBeLessThanOrEqual(swap);
      }),
      soaked(10),
    );
  });
});
