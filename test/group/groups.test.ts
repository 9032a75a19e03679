import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import { type GroupModel, groupSteps } from '../../compiler/group/index.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import { verifyAllocated } from '../../ir/allocated-verify.ts';
import { kernelAccess } from '../../ir/kernel-access.ts';
import { boundParts } from '../../ir/kernel-group.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import {
  type AllocatedSchedule,
  type Schedule,
  type TargetLimits,
  WEBGPU_DEFAULT_LIMITS,
} from '../../ir/schedule.ts';
import { sameMeaning } from '../../ir/schedule-meaning.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { randomSchedule } from '../memory/random-schedule.ts';
import { scheduleResults } from '../support/schedule-results.ts';

/** Every step gains by a dispatch that it shares. */
const EAGER: GroupModel = {
  dispatchSeconds: 1,
  busySeconds: () => 0,
  sharesDispatch: (kernels) => kernels.length <= 5,
};

const schedules = fc
  .record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 60 }) })
  .map(({ seed, steps }) => randomSchedule(seed, steps));

function allocated(schedule: Schedule, limits: TargetLimits): AllocatedSchedule {
  const plan = planMemory(schedule, limits, { target: 'webgpu' });
  expect(plan.errors).toEqual([]);
  return plan.schedule!;
}

const planOf = (schedule: AllocatedSchedule) =>
  assemblePlan(schedule, {
    ...{ target: 'webgpu', budgetBytes: null, producer: 'test' },
    emitted: schedule.kernels.map(({ name }) => ({
      ...{ wgsl: `// ${name}`, grid: [1, 1, 1] as const },
    })),
  });

const BYTES = 4;

/** Bytes that a part of a step touches and writes, by the places of its tensors. */
function bytesOf(schedule: AllocatedSchedule, bound: ReturnType<typeof boundParts>[number]) {
  const access = kernelAccess(bound.kernel);
  return bound.operands.flatMap((tensor, b) => {
    const { slab, offset } = schedule.placements[tensor];
    const first = offset + BYTES * (bound.offsets?.[b] ?? 0);
    const range = (writes: boolean) => (one: { start: number; end: number }) => ({
      ...{ slab, writes, start: first + BYTES * one.start, end: first + BYTES * one.end },
    });
    const { read, written } = access[b];
    return [...(read ? [range(false)(read)] : []), ...written.map(range(true))];
  });
}

/** Bytes that one part of a step writes and another touches: each pair is looked at. */
function conflicts(schedule: AllocatedSchedule): string[] {
  return schedule.programs.flatMap(({ name, steps }) =>
    steps.flatMap((step, s) => {
      const parts = boundParts({ ...step, kernel: schedule.kernels[step.kernel] }).map((part) =>
        bytesOf(schedule, part),
      );
      return parts.flatMap((one, i) =>
        parts
          .slice(0, i)
          .flatMap((other) =>
            one.flatMap((a) =>
              other.flatMap((b) =>
                a.slab === b.slab && (a.writes || b.writes) && a.start < b.end && b.start < a.end
                  ? [`${name}, step ${s}: ${a.start} to ${a.end}`]
                  : [],
              ),
            ),
          ),
      );
    }),
  );
}

const stepCount = ({ programs }: Schedule) =>
  programs.reduce((sum, { steps }) => sum + steps.length, 0);

describe('groupSteps', () => {
  test.each([
    WEBGPU_DEFAULT_LIMITS,
    { ...WEBGPU_DEFAULT_LIMITS, maxBufferBytes: 8192 },
    { ...WEBGPU_DEFAULT_LIMITS, maxStorageBuffers: 4, maxBindingBytes: 2048 },
  ])('keeps places, bytes and meaning, and joins no steps that share bytes', (limits) => {
    let [before, after] = [0, 0];
    fc.assert(
      fc.property(schedules, (schedule) => {
        if (limits.maxBindingBytes < 8192 && boundTooLarge(schedule, limits)) return;
        const single = allocated(schedule, { ...limits });
        const grouped = groupSteps(single, limits, EAGER);
        before += stepCount(single);
        after += stepCount(grouped);
        expect(verifyAllocated(grouped, { limits, target: 'webgpu' })).toEqual([]);
        expect(sameMeaning(single, grouped)).toBe(null);
        expect(conflicts(grouped)).toEqual([]);
        for (const total of ['arenaBytes', 'persistentBytes', 'stagingBytes', 'slabs'] as const)
          expect(grouped[total]).toEqual(single[total]);
        const places = ({ placements }: AllocatedSchedule) =>
          placements.map(({ slab, offset, policy }) => [slab, offset, policy]);
        expect(places(grouped)).toEqual(places(single));
        for (const { buffers } of grouped.kernels)
          expect(buffers.length).toBeLessThanOrEqual(limits.maxStorageBuffers);
        expect(parseSchedule(printSchedule(grouped))).toEqual(grouped);
        expect(verifyPlan(planOf(grouped))).toEqual([]);
        expect(scheduleResults(grouped)).toEqual(scheduleResults(single));
      }),
      { numRuns: 15 },
    );
    expect(after).toBeLessThan(0.9 * before);
  });

  test('leaves a schedule as it is where nothing gains', () => {
    const single = allocated(randomSchedule(3, 30), WEBGPU_DEFAULT_LIMITS);
    const never = {
      ...EAGER,
      dispatchSeconds: 0,
      busySeconds: (k: readonly unknown[]) => k.length,
    };
    expect(groupSteps(single, WEBGPU_DEFAULT_LIMITS, never)).toBe(single);
  });
});

const boundTooLarge = ({ kernels }: Schedule, { maxBindingBytes }: TargetLimits) =>
  kernels.some(({ buffers }) => buffers.some(({ elements }) => BYTES * elements > maxBindingBytes));
