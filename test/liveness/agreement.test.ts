import fc from 'fast-check';
import { expect, test } from 'vitest';
import { programAccess } from '../../compiler/liveness/access.ts';
import { liveBytes } from '../../compiler/liveness/events.ts';
import { alignedBytes, classBlocks, liveness } from '../../compiler/liveness/lifetimes.ts';
import { memoryPeak } from '../../compiler/liveness/peak.ts';
import { planLiveBytes } from '../../compiler/liveness/plan-lives.ts';
import { LiveProfile } from '../../compiler/liveness/profile.ts';
import { memoryModel, peakOfOrder } from '../../compiler/liveness/program-model.ts';
import { allocate } from '../../compiler/memory/allocate.ts';
import { UNLIMITED_HOST } from '../../compiler/memory/host-slots.ts';
import { shareInPlace } from '../../compiler/memory/in-place.ts';
import { liveCurve } from '../../compiler/plan-search/curve.ts';
import type { Plan } from '../../ir/plan.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { randomSchedule } from '../memory/random-schedule.ts';
import { soaked } from '../support/soak.ts';
import { actedSchedule } from './acted-schedule.ts';
import { plainLiveBytes } from './plain-live-bytes.ts';

const OPTIONS = { target: 'webgpu', host: UNLIMITED_HOST, swapStagingBytes: 65536 } as const;

test('order, memory actions, allocation and inspection count the same live bytes', () => {
  let transfers = 0;
  let handovers = 0;
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 40 }), (seed, steps) => {
      const { schedule, programs } = actedSchedule(randomSchedule(seed, steps), seed);
      const live = liveness(schedule);
      const shared = shareInPlace(schedule, live);
      const bytes = alignedBytes(schedule, 256);
      const classes = classBlocks(schedule, live, bytes, shared.handovers);
      const { allocated } = allocate(shared, WEBGPU_DEFAULT_LIMITS, OPTIONS);
      handovers += shared.handovers.length;
      const peaks = schedule.programs.map((program, p) => {
        transfers += program.transfers?.length ?? 0;
        const use = programAccess(schedule, program, 256);
        const plain = plainLiveBytes(use);
        const traced = Int32Array.from(program.steps, (_, step) => step);
        const peak = Math.max(0, ...plain);
        expect(new LiveProfile(use).liveBytes()).toEqual(plain);
        expect(peakOfOrder(memoryModel(use), traced)).toBe(peak);
        const curve = liveCurve(programs[p].program, programs[p].applied, programs[p].onHost);
        expect([...curve.live]).toEqual(plain);
        expect([curve.peak, curve.peakTime]).toEqual([peak, plain.indexOf(peak)]);
        const blocks = [...liveBytes(classes.programs[p].blocks)];
        expect(blocks).toEqual(plain.slice(0, blocks.length));
        expect(plain.slice(blocks.length).every((later) => later === 0)).toBe(true);
        expect(planLiveBytes(planLike(schedule, allocated, bytes), program.name)).toEqual(plain);
        return peak;
      });
      const most = Math.max(...peaks);
      expect(allocated.peakLiveBytes).toBe(most);
      const peak = memoryPeak(allocated, 256)!;
      expect([peak.program, peak.liveBytes]).toEqual([peaks.indexOf(most), most]);
      expect(peak.tensors.reduce((sum, tensor) => sum + bytes[tensor], 0)).toBe(most);
    }),
    soaked(60),
  );
  expect(transfers).toBeGreaterThan(0);
  expect(handovers).toBeGreaterThan(0);
});

/** As much of a plan as inspection reads for live bytes. */
function planLike(
  { tensors, programs }: Parameters<typeof liveness>[0],
  { placements }: ReturnType<typeof allocate>['allocated'],
  bytes: Float64Array,
): Plan {
  return {
    tensors: placements.map((placement, tensor) => {
      const { program } = tensors[tensor];
      const name = program === null ? null : programs[program].name;
      return { ...placement, bytes: bytes[tensor], program: name };
    }),
    programs: Object.fromEntries(programs.map(({ name, steps }) => [name, { steps }])),
  } as unknown as Plan;
}
