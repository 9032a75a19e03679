import { buildModel, type EventModel } from '@tracerbench/trace-model';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ChromeTrace, chromeTrace } from '../../compiler/inspect/chrome-trace.ts';
import { predictedTrace } from '../../compiler/inspect/predicted-trace.ts';
import { readChromeTrace } from '../../compiler/inspect/read-chrome-trace.ts';
import { hostBytes } from '../../compiler/inspect/slot-lives.ts';
import { planLiveBytes } from '../../compiler/liveness/plan-lives.ts';
import type { Plan } from '../../ir/plan.ts';
import { slotStride, tierBytes, transferTime } from '../../ir/plan-swap.ts';
import { smallPlan } from '../support/small-plan.ts';
import { swappedPlan } from '../support/swapped-plan.ts';
import { swappingPlan } from '../view/recomputing-plan.ts';

const swapped = (seed: number) =>
  swappedPlan(smallPlan(), {
    seed,
    hosted: 5,
    swapped: 8,
    recomputed: 3,
    tiers: ['memory', 'file'],
  });

/** The plan with times made up: step s takes s + 1 milliseconds, swaps 7 in all, inputs and outputs 3. */
function timed(plan: Plan): Plan {
  const programs = Object.entries(plan.programs).map(([name, program]) => {
    const steps = program.steps.map((step, s) => ({ ...step, seconds: (s + 1) * 1e-3 }));
    const stepSeconds = steps.reduce((sum, { seconds }) => sum + seconds, 0);
    const swapSeconds = program.transfers ? 7e-3 : 0;
    const predicted = {
      ...{ seconds: stepSeconds + swapSeconds + 3e-3, stepSeconds, recomputeSeconds: 0 },
      ...{ swapSeconds, interfaceSeconds: 3e-3 },
    };
    return [name, { ...program, steps, predicted }];
  });
  return { ...plan, profile: 'made up', programs: Object.fromEntries(programs) };
}

test.each([1, 2, 3, 4])('runs take what is predicted of them, and nothing overlaps, %i', (seed) => {
  const plan = timed(swapped(seed));
  const { clock, runs, steps, copies } = predictedTrace(plan);
  expect(clock).toBe('predicted');
  expect(runs.map(({ program }) => program)).toEqual(Object.keys(plan.programs));
  for (const { program, run, startSeconds, seconds } of runs) {
    const { predicted, inputs, outputs, transfers = [] } = plan.programs[program];
    expect(seconds).toBeCloseTo(predicted!.seconds, 12);
    const own = steps.filter((step) => step.run === run);
    expect(own.map(({ step, seconds }) => [step, seconds])).toEqual(
      plan.programs[program].steps.map(({ seconds }, step) => [step, seconds]),
    );
    const moved = copies.filter((copy) => copy.run === run);
    const sum = (purpose: string) =>
      moved.reduce((all, copy) => all + (copy.purpose === purpose ? copy.seconds : 0), 0);
    expect(sum('swap')).toBeCloseTo(predicted!.swapSeconds, 12);
    expect(sum('interface')).toBeCloseTo(predicted!.interfaceSeconds, 12);
    expect(moved).toHaveLength(inputs.length + outputs.length + transfers.length);
    const spans = [...own, ...moved].sort((a, b) => a.startSeconds - b.startSeconds);
    let end = startSeconds;
    for (const span of spans) {
      expect(span.startSeconds).toBeCloseTo(end, 12);
      end = span.startSeconds + span.seconds;
    }
    // What comes in is there before its step, what goes out leaves behind it.
    for (const copy of moved) {
      const at = own[copy.step].startSeconds;
      if (copy.direction === 'in') expect(copy.startSeconds).toBeLessThanOrEqual(at);
      else expect(copy.startSeconds).toBeGreaterThan(at);
    }
  }
});

test('without predictions a step is a microsecond', () => {
  const plan = smallPlan();
  const { clock, steps, copies } = predictedTrace(plan);
  expect(clock).toBe('steps');
  steps.forEach(({ startSeconds, seconds }, k) => {
    expect(seconds).toBe(1e-6);
    expect(startSeconds).toBeCloseTo(k * 1e-6, 12);
  });
  expect(copies.every(({ seconds }) => seconds === 0)).toBe(true);
});

/** Host bytes in use at a half step, counted slot by slot. */
function countHost(plan: Plan, program: string, tier: string, half: number): number {
  const slots = plan.swap?.slots ?? [];
  const { transfers = [] } = plan.programs[program];
  return slots.reduce((sum, slot, index) => {
    const times = transfers.filter((one) => one.slot === index).map(transferTime);
    const inUse =
      slot.tensor !== null ||
      (times.length > 0 &&
        times[0] <= half &&
        (half < times.at(-1)! || (half === times.at(-1) && half % 2 === 1)));
    return slot.tier === tier && inUse ? sum + slot.copies * slotStride(slot) : sum;
  }, 0);
}

/** A trace file as a reader that is not ours reads it. */
const read = (file: ChromeTrace) =>
  buildModel(JSON.parse(JSON.stringify(file)) as Parameters<typeof buildModel>[0]);

const spansOf = ({ events }: { readonly events: readonly EventModel[] }) =>
  events.filter((event) => event.isComplete());

describe.each([1, 2, 3, 4, 5])('the file of plan %i, read by @tracerbench/trace-model', (seed) => {
  const plan = timed(swapped(seed));
  const planned = predictedTrace(plan);
  const model = read(chromeTrace(plan, planned, 'predicted'));
  const events = model.events;

  test('has one process with a thread for each kind', () => {
    const [process, ...others] = model.processes;
    expect(others).toEqual([]);
    expect(process.name).toBe(`${plan.name}, predicted`);
    const named = process.threads.map(({ name }) => name);
    expect(named).toEqual(['runs', 'compute', 'copies in', 'copies out']);
    const count = (name: string) =>
      spansOf(process.threads.find((thread) => thread.name === name)!).length;
    expect(count('runs')).toBe(planned.runs.length);
    expect(count('compute')).toBe(planned.steps.length);
    expect(count('copies in') + count('copies out')).toBe(planned.copies.length);
  });

  test('has counters that say what the plan has live on the device and on the host', () => {
    const counted = (name: string, at: number) =>
      events
        .filter((event) => event.isCounter() && event.name === name && event.start === at)
        .at(-1);
    const numbers = (name: string, at: number) => counted(name, at)!.args as Record<string, number>;
    for (const program of Object.keys(plan.programs)) {
      const live = planLiveBytes(plan, program);
      const host = hostBytes(plan, program);
      const steps = events.filter(
        (event) => event.hasCategory('step') && event.getStringArg('program') === program,
      );
      expect(steps).toHaveLength(live.length);
      for (const event of steps) {
        const step = event.getNumberArg('step')!;
        expect(counted('live arena bytes', event.start)!.getNumberArg('bytes')).toBe(live[step]);
        const roles = Object.values(numbers('live arena bytes by role', event.start));
        expect(roles.reduce((sum, bytes) => sum + bytes, 0)).toBe(live[step]);
        for (const half of [2 * step, 2 * step + 1])
          for (const tier of ['memory', 'file'] as const) {
            expect(host[tier][half]).toBe(countHost(plan, program, tier, half));
            expect(host[tier][half]).toBeLessThanOrEqual(tierBytes(plan.swap!.slots, tier));
            if (half % 2 === 0)
              expect(numbers('host bytes', event.start)[tier]).toBe(host[tier][half]);
          }
      }
    }
  });
});

test('what runs at the same time is on threads beside each other, and is read again in the order of time', () => {
  const plan = timed(smallPlan());
  const [program] = Object.keys(plan.programs);
  const runs = [0, 1, 2].map((run) => ({ program, run, startSeconds: run * 1e-3, seconds: 15e-4 }));
  const copies = (['out', 'in'] as const).map((direction, k) => ({
    ...{ program, run: 0, direction, purpose: 'interface' as const, tensors: ['a'], bytes: 4 },
    ...{ step: 0, startSeconds: 2e-3 - k * 1e-3, seconds: 1e-6 },
  }));
  const trace = { clock: 'host' as const, runs, steps: [], copies };
  const file = chromeTrace(plan, trace, 'device');
  const threads = read(file).processes[0].threads.filter(({ name }) => name.startsWith('runs'));
  expect(
    threads.map(({ name, events }) => [name, spansOf({ events }).map(({ args }) => args)]),
  ).toEqual([
    ['runs', [{ run: 0 }, { run: 2 }]],
    ['runs 2', [{ run: 1 }]],
  ]);
  const again = readChromeTrace(file, plan);
  if ('reason' in again) throw new Error(again.reason);
  expect(again.trace.runs.map(({ run }) => run)).toEqual([0, 1, 2]);
  expect(again.trace.copies.map(({ direction }) => direction)).toEqual(['in', 'out']);
});

describe('a plan with a schedule of its copies', () => {
  let plan: Plan;
  beforeAll(async () => {
    plan = await swappingPlan();
  });

  test('copies are beside the steps: out behind the one that made it, in before the first that takes it', () => {
    const { clock, runs, steps, copies } = predictedTrace(plan);
    expect(clock).toBe('predicted');
    for (const { program, run, startSeconds, seconds } of runs) {
      const { predicted, transfers = [] } = plan.programs[program];
      expect(seconds).toBeCloseTo(predicted!.seconds, 12);
      const own = steps.filter((step) => step.run === run);
      const swaps = copies.filter((copy) => copy.run === run && copy.purpose === 'swap');
      expect(swaps.map(({ seconds }) => seconds)).toEqual(transfers.map(({ seconds }) => seconds));
      const inputs = copies.filter((copy) => copy.run === run && copy.purpose === 'interface');
      const before = inputs.filter(({ direction }) => direction === 'in');
      const base = before.reduce((sum, copy) => sum + copy.seconds, startSeconds);
      // What the simulation of the run gave in all, which the plan has beside the times of single copies.
      const outputs = inputs.find(({ direction }) => direction === 'out')!;
      const inside = predicted!.stepSeconds + predicted!.swapSeconds;
      expect(outputs.startSeconds - base).toBeCloseTo(inside, 12);
      for (const [k, { direction, step, startSeconds }] of swaps.entries()) {
        if (direction === 'out') {
          expect(startSeconds).toBeGreaterThanOrEqual(
            own[step].startSeconds + own[step].seconds - 1e-12,
          );
          continue;
        }
        const user = plan.programs[program].steps.findIndex(
          ({ bindings }, at) => at >= step && bindings.includes(transfers[k].tensor),
        );
        expect(startSeconds).toBeLessThan(own[user].startSeconds);
      }
    }
    const { transfers } = plan.programs['train'];
    expect(transfers!.length).toBeGreaterThan(0);
    const waits = steps.slice(1).some((step, k) => {
      const end = steps[k].startSeconds + steps[k].seconds;
      return step.run === steps[k].run && step.startSeconds > end + 1e-12;
    });
    expect(waits).toBe(plan.programs['train'].steps.some(({ waitSeconds = 0 }) => waitSeconds > 0));
  });

  test('times that no file holds are none', () => {
    const programs = Object.entries(plan.programs).map(([name, program]) => [
      name,
      { ...program, steps: program.steps.map((step) => ({ ...step, waitSeconds: 1e300 })) },
    ]);
    const odd = { ...plan, programs: Object.fromEntries(programs) };
    expect(predictedTrace(odd).clock).toBe('steps');
    expect(JSON.stringify(chromeTrace(odd, predictedTrace(odd), ''))).not.toContain('null');
  });
});
