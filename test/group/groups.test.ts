import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import { type GroupModel, groupSteps } from '../../compiler/group/index.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import { verifyAllocated } from '../../ir/allocated-verify.ts';
import type { Span } from '../../ir/kernel.ts';
import { kernelAccess } from '../../ir/kernel-access.ts';
import { boundParts } from '../../ir/kernel-group.ts';
import { planLimits } from '../../ir/plan-limits.ts';
import { boundRanges } from '../../ir/plan-spans.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import {
  type AllocatedSchedule,
  type Schedule,
  type TargetLimits,
  WEBGPU_DEFAULT_LIMITS,
} from '../../ir/schedule.ts';
import { sameMeaning } from '../../ir/schedule-meaning.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { SPAN_UNIT_BYTES } from '../../ir/spans.ts';
import { randomSchedule } from '../memory/random-schedule.ts';
import { scheduleResults } from '../support/schedule-results.ts';
import { soaked } from '../support/soak.ts';

/** Every step gains by a dispatch that it shares. */
const EAGER: GroupModel = {
  dispatchSeconds: 1,
  busySeconds: () => 0,
  sharesDispatch: (kernels) => kernels.length <= 5,
  vectors: ({ buffers }) => buffers.map(() => false),
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

/** By step: the ranges of bytes that are bound, whose buffers are where they must be, and which are apart. */
function boundBytes({ kernels, placements, programs }: AllocatedSchedule) {
  return programs.flatMap(({ steps }) =>
    steps.map(({ kernel, operands, offsets }) => {
      const { buffers, spans = [] } = kernels[kernel];
      const at = (b: number) => placements[operands[b]].offset + BYTES * (offsets?.[b] ?? 0);
      const own = buffers.flatMap((_, b) =>
        spans.some((span) => span.some(({ buffer }) => buffer === b))
          ? []
          : [[{ buffer: b, start: 0 }]],
      );
      const ranges = [...spans, ...own].map((members) => {
        const [{ buffer: first }] = members;
        const { slab } = placements[operands[first]];
        for (const { buffer, start } of members) {
          expect(placements[operands[buffer]].slab).toBe(slab);
          expect(at(buffer)).toBe(at(first) + BYTES * start);
        }
        const end = Math.max(
          ...members.map(({ buffer: b }) => at(b) + BYTES * buffers[b].elements),
        );
        return { slab, start: at(first), end, bytes: end - at(first) };
      });
      for (const a of ranges)
        for (const b of ranges)
          expect(a === b || a.slab !== b.slab || a.end <= b.start || b.end <= a.start).toBe(true);
      return ranges;
    }),
  );
}

const stepCount = ({ programs }: Schedule) =>
  programs.reduce((sum, { steps }) => sum + steps.length, 0);

describe('groupSteps', () => {
  test.each([
    WEBGPU_DEFAULT_LIMITS,
    { ...WEBGPU_DEFAULT_LIMITS, maxBufferBytes: 8192 },
    { ...WEBGPU_DEFAULT_LIMITS, maxStorageBuffers: 4, maxBindingBytes: 8192 },
  ])('keeps places, bytes and meaning, and joins no steps that share bytes', (limits) => {
    let [before, after, spans] = [0, 0, 0];
    fc.assert(
      fc.property(schedules, (schedule) => {
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
        for (const ranges of boundBytes(grouped)) {
          expect(ranges.length).toBeLessThanOrEqual(limits.maxStorageBuffers);
          for (const { bytes } of ranges) expect(bytes).toBeLessThanOrEqual(limits.maxBindingBytes);
        }
        spans += grouped.kernels.filter((kernel) => kernel.spans).length;
        expect(parseSchedule(printSchedule(grouped))).toEqual(grouped);
        expect(verifyPlan(planOf(grouped))).toEqual([]);
        expect(scheduleResults(grouped)).toEqual(scheduleResults(single));
      }),
      soaked(15),
    );
    expect(after).toBeLessThan(0.9 * before);
    if (limits.maxStorageBuffers < 8) expect(spans).toBeGreaterThan(0);
  });

  test('binds several buffers as one, which verifiers of schedules and plans prove', () => {
    const limits = { ...WEBGPU_DEFAULT_LIMITS, maxStorageBuffers: 4 };
    const grouped = groupSteps(allocated(randomSchedule(5, 60), limits), limits, EAGER);
    const k = grouped.kernels.findIndex(({ spans }) => spans);
    const { spans, buffers } = grouped.kernels[k];
    const kernelWith = (changed: readonly Span[]) =>
      grouped.kernels.with(k, { ...grouped.kernels[k], spans: changed });
    const [span, ...rest] = spans!;
    const last = span.at(-1)!;
    const [farther, twice] = [
      [[...span.slice(0, -1), { ...last, start: last.start + 64 }], ...rest],
      [[...span, { ...span[0], start: last.start + buffers[last.buffer].elements + 64 }], ...rest],
    ];
    const found = (changed: readonly Span[]) =>
      verifyAllocated({ ...grouped, kernels: kernelWith(changed) }, { limits, target: 'webgpu' });
    expect(found(spans!)).toEqual([]);
    expect(found(farther).join()).toContain(`does not lie ${last.start + 64} elements behind`);
    expect(found(twice).join()).toContain(`b${span[0].buffer} has a place already`);
    expect(found([]).join()).toContain('spans: there is none');
    const plan = planOf(grouped);
    const planWith = (changed: readonly Span[]) => ({
      ...plan,
      kernels: plan.kernels.with(k, {
        ...plan.kernels[k],
        spans: changed.map((one) =>
          one.map(({ buffer, start }) => ({ binding: buffer, start: BYTES * start })),
        ),
      }),
    });
    expect(verifyPlan(planWith(spans!))).toEqual([]);
    expect(verifyPlan(planWith(farther)).join()).toContain(
      `does not lie ${BYTES * (last.start + 64)} bytes behind`,
    );
    expect(verifyPlan(planWith(twice)).join()).toContain('is in a span already');
    const overlapping = span.map((place, i) => (i === 1 ? { ...place, start: 0 } : place));
    expect(verifyPlan(planWith([overlapping, ...rest])).join()).toContain(
      `kernels[${k}].spans[0][1].start`,
    );
    expect(planLimits(plan).maxStorageBuffersPerShaderStage).toBeLessThanOrEqual(4);
  });

  test('binds whole vectors of four words, whatever the last buffer of several is', () => {
    const limits = { ...WEBGPU_DEFAULT_LIMITS, maxStorageBuffers: 4 };
    let cut = 0;
    fc.assert(
      fc.property(schedules, (schedule) => {
        const plan = planOf(groupSteps(allocated(schedule, limits), limits, EAGER));
        for (const step of Object.values(plan.programs).flatMap(({ steps }) => steps))
          for (const { members, slab, offset, bytes } of boundRanges(plan, step)) {
            if (members.length === 1) continue;
            const own = plan.kernels[step.kernel].bindings;
            const ends = members.map(({ buffer, start }) => start + own[buffer].bytes);
            const end = Math.max(...ends);
            if (end % SPAN_UNIT_BYTES !== 0) cut++;
            expect(bytes).toBe(
              end + ((SPAN_UNIT_BYTES - (end % SPAN_UNIT_BYTES)) % SPAN_UNIT_BYTES),
            );
            const slabs = plan.slabs.with(slab!, {
              ...plan.slabs[slab!],
              bytes: offset + bytes - 4,
            });
            expect(verifyPlan({ ...plan, slabs }).join()).toContain('on ends behind its slab');
          }
      }),
      soaked(15),
    );
    expect(cut).toBeGreaterThan(0);
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
