import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { programAccess, type StepAccess } from '../../compiler/liveness/access.ts';
import { alignUp, persistentOnDevice } from '../../compiler/liveness/lifetimes.ts';
import { LiveProfile } from '../../compiler/liveness/profile.ts';
import { memoryModel, peakOfOrder } from '../../compiler/liveness/program-model.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import { randomBelow, randomSchedule } from '../memory/random-schedule.ts';
import { soaked } from '../support/soak.ts';
import { actedSchedule } from './acted-schedule.ts';
import { plainLiveBytes } from './plain-live-bytes.ts';

const peakOf = (live: readonly number[]) => Math.max(0, ...live);

/** Schedules as lowering makes them, and with transfers and recomputed steps. */
const schedules = fc
  .record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 25 }), acted: fc.boolean() })
  .map(({ seed, steps, acted }): Schedule => {
    const plain = randomSchedule(seed, steps);
    return acted ? actedSchedule(plain, seed).schedule : plain;
  });

type Numbered = { readonly id: number; readonly step: StepAccess };

/** Inserts, removes, moves or replaces a step at random, in the profile and in the list. */
function edit(
  profile: LiveProfile,
  order: Numbered[],
  steps: readonly StepAccess[],
  below: (limit: number) => number,
): void {
  const idAt = (place: number) => order[place]?.id ?? null;
  const some = () => steps[below(steps.length)];
  const take = () => order.splice(below(order.length), 1)[0];
  const put = (step: StepAccess, idBefore: (next: number | null) => number) => {
    const place = below(order.length + 1);
    order.splice(place, 0, { id: idBefore(idAt(place)), step });
  };
  const kind = order.length === 0 ? 0 : below(4);
  if (kind === 0) {
    const step = some();
    put(step, (next) => profile.insert(step, next));
  } else if (kind === 1) {
    const { id, step } = take();
    expect(profile.remove(id)).toBe(step);
  } else if (kind === 2) {
    const { id, step } = take();
    put(step, (next) => profile.move(id, next));
  } else {
    const place = below(order.length);
    const { id, step } = order[place];
    order[place] = { id, step: some() };
    expect(profile.replace(new Map([[id, order[place].step]]))).toEqual(new Map([[id, step]]));
  }
}

describe('the incremental profile', () => {
  test('is the plain sum at every step while steps are inserted, removed and moved', () => {
    fc.assert(
      fc.property(schedules, fc.nat(), (schedule, seed) => {
        const below = randomBelow(seed);
        for (const program of schedule.programs)
          for (const counted of ['arena', 'device'] as const) {
            const use = programAccess(schedule, program, 256, counted);
            const profile = new LiveProfile(use);
            expect(profile.liveBytes()).toEqual(plainLiveBytes(use));
            const order = use.steps.map((step, id) => ({ id, step }));
            for (let change = 0; change < 12; change++) {
              edit(profile, order, use.steps, below);
              const edited = { ...use, steps: order.map(({ step }) => step) };
              const live = plainLiveBytes(edited);
              expect(profile.liveBytes()).toEqual(live);
              expect(profile.order()).toEqual(order.map(({ id }) => id));
              if (live.length > 0) expect(profile.peakBytes).toBe(peakOf(live));
              const traced = Int32Array.from(edited.steps, (_, step) => step);
              expect(profile.peakBytes).toBe(peakOfOrder(memoryModel(edited), traced));
            }
          }
      }),
      soaked(40),
    );
  });

  test('counts persistent tensors as there in all steps', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const persistent = persistentOnDevice(schedule).map((tensor) =>
          alignUp(byteCount(schedule.tensors[tensor]), 256),
        );
        const always = persistent.reduce((sum, bytes) => sum + bytes, 0);
        for (const program of schedule.programs) {
          const [arena, device] = (['arena', 'device'] as const).map((counted) =>
            new LiveProfile(programAccess(schedule, program, 256, counted)).liveBytes(),
          );
          expect(device).toEqual(arena.map((bytes) => bytes + always));
        }
      }),
      soaked(40),
    );
  });

  test('visits a logarithm of its steps, whatever changes', () => {
    const visits = (stepCount: number) => {
      const below = randomBelow(7);
      const steps = Array.from({ length: stepCount }, (_, s): StepAccess => {
        const earlier = Math.max(0, s - 1 - below(s % 5 === 0 ? Math.max(1, s) : 3));
        return { reads: [earlier], writes: [s + 1], pairs: [{ from: earlier, to: s + 1 }] };
      });
      const use = { steps, inputs: [0], bytesOf: () => 256, isOutput: () => false };
      const profile = new LiveProfile(use);
      const order: Numbered[] = steps.map((step, id) => ({ id, step }));
      const before = profile.visitedNodes;
      const CHANGES = 400;
      for (let change = 0; change < CHANGES; change++) {
        edit(profile, order, steps, below);
        expect(profile.peakBytes).toBeGreaterThan(0);
      }
      return (profile.visitedNodes - before) / CHANGES;
    };
    const [few, many] = [visits(2 ** 7), visits(2 ** 14)];
    // Twice the logarithm; a pass over the steps would be 128 times as many.
    expect(many / few).toBeLessThan(4);
    expect(many).toBeLessThan(2 ** 14 / 10);
  });
});
