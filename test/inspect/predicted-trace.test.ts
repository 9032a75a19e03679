import { expect, test } from 'vitest';
import { chromeTrace } from '../../compiler/inspect/chrome-trace.ts';
import { predictedTrace } from '../../compiler/inspect/predicted-trace.ts';
import { hostBytes } from '../../compiler/inspect/slot-lives.ts';
import { planLiveBytes } from '../../compiler/liveness/plan-lives.ts';
import type { Plan } from '../../ir/plan.ts';
import { slotStride, tierBytes, transferTime } from '../../ir/plan-swap.ts';
import { smallPlan } from '../support/small-plan.ts';
import { swappedPlan } from '../support/swapped-plan.ts';

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

test.each([1, 2, 3, 4, 5])(
  'counters say what the plan has live on the device and on the host, %i',
  (seed) => {
    const plan = timed(swapped(seed));
    const { traceEvents } = chromeTrace(plan, predictedTrace(plan), 'predicted');
    const counted = (name: string, at: number) =>
      traceEvents.filter((event) => event.name === name && event.ts === at).at(-1)?.args;
    const steps = traceEvents.filter(({ cat }) => cat === 'step');
    for (const [program, { steps: own }] of Object.entries(plan.programs)) {
      const live = planLiveBytes(plan, program);
      const host = hostBytes(plan, program);
      for (const event of steps.filter(({ args }) => args.program === program)) {
        const step = event.args.step as number;
        expect(counted('live arena bytes', event.ts!)).toEqual({ bytes: live[step] });
        const roles = Object.values(counted('live arena bytes by role', event.ts!)!) as number[];
        expect(roles.reduce((sum, bytes) => sum + bytes, 0)).toBe(live[step]);
        for (const half of [2 * step, 2 * step + 1]) {
          const said = counted('host bytes', half % 2 === 0 ? event.ts! : event.ts! + event.dur!);
          for (const tier of ['memory', 'file'] as const) {
            expect(host[tier][half]).toBe(countHost(plan, program, tier, half));
            expect(host[tier][half]).toBeLessThanOrEqual(tierBytes(plan.swap!.slots, tier));
            if (half % 2 === 0) expect(said?.[tier]).toBe(host[tier][half]);
          }
        }
      }
      expect(own.length).toBeGreaterThan(0);
    }
  },
);
