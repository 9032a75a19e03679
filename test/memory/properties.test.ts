import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemblePlan } from '../../compiler/codegen/plan.ts';
import {
  type ProgramAccess,
  programAccess,
  type StepAccess,
} from '../../compiler/liveness/access.ts';
import { type Blocks, peakLiveBytes } from '../../compiler/liveness/events.ts';
import { LiveProfile } from '../../compiler/liveness/profile.ts';
import { memoryModel, peakOfOrder } from '../../compiler/liveness/program-model.ts';
import { CanonicalSearch } from '../../compiler/memory/canonical-search.ts';
import { stepDependencies } from '../../compiler/memory/dependencies.ts';
import { Packer } from '../../compiler/memory/first-fit.ts';
import { packBlocks } from '../../compiler/memory/offsets.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { planMemory } from '../../compiler/plan-search/index.ts';
import { verifyAllocated } from '../../ir/allocated-verify.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import {
  type AllocatedSchedule,
  type Schedule,
  type TargetLimits,
  WASM_LIMITS,
  WEBGPU_DEFAULT_LIMITS,
} from '../../ir/schedule.ts';
import { sameMeaning } from '../../ir/schedule-meaning.ts';
import { parseSchedule, printSchedule } from '../../ir/schedule-text.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { soaked } from '../support/soak.ts';
import { randomBelow, randomSchedule } from './random-schedule.ts';

const schedules = fc
  .record({ seed: fc.nat(), steps: fc.integer({ min: 1, max: 60 }) })
  .map(({ seed, steps }) => randomSchedule(seed, steps));

function allocated(schedule: Schedule, limits: TargetLimits, target: 'webgpu' | 'wasm') {
  const plan = planMemory(schedule, limits, { target });
  expect(plan.errors).toEqual([]);
  return plan.schedule!;
}

function planOf(schedule: AllocatedSchedule, target: 'webgpu' | 'wasm') {
  const pages = schedule.slabs.reduce((sum, slab) => sum + slab.bytes, 0) / 65536;
  const wasm = { file: 'm.wasm', bytes: 8, sha256: '0'.repeat(64), pages };
  return assemblePlan(schedule, {
    target,
    budgetBytes: null,
    producer: 'test',
    emitted: schedule.kernels.map(({ name }) => ({
      ...(target === 'wasm' ? { export: name } : { wgsl: `// ${name}` }),
      grid: [1, 1, 1] as const,
    })),
    ...(target === 'wasm' ? { wasmModule: wasm } : {}),
  });
}

describe('planMemory', () => {
  it.each([
    ['webgpu', WEBGPU_DEFAULT_LIMITS],
    ['webgpu', { ...WEBGPU_DEFAULT_LIMITS, maxBufferBytes: 8192 }],
    ['wasm', WASM_LIMITS],
  ] as const)('keeps every value on %s', (target, limits) => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const result = allocated(schedule, limits, target);
        expect(sameMeaning(schedule, result)).toBe(null);
        expect(verifySchedule(schedule)).toEqual([]);
        expect(verifyAllocated(result, { limits, target })).toEqual([]);
        expect(result.arenaBytes).toBeGreaterThanOrEqual(result.peakLiveBytes);
        for (const slab of result.slabs)
          expect(slab.bytes).toBeLessThanOrEqual(limits.maxBufferBytes);
        expect(verifyPlan(planOf(result, target))).toEqual([]);
      }),
      soaked(60),
    );
  });

  it('is deterministic and prints what it parses', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const first = allocated(schedule, WEBGPU_DEFAULT_LIMITS, 'webgpu');
        expect(allocated(schedule, WEBGPU_DEFAULT_LIMITS, 'webgpu')).toEqual(first);
        expect(parseSchedule(printSchedule(schedule))).toEqual(schedule);
        expect(parseSchedule(printSchedule(first))).toEqual(first);
        for (const kernel of first.kernels)
          expect(parseKernel(printKernel(kernel))).toEqual(kernel);
      }),
      soaked(30),
    );
  });

  it('orders ten thousand steps and packs them', () => {
    const schedule = randomSchedule(1, 10_000, 1);
    const { arenaBytes, peakLiveBytes } = allocated(schedule, WEBGPU_DEFAULT_LIMITS, 'webgpu');
    expect(arenaBytes / peakLiveBytes).toBeLessThan(1.05);
  });
});

describe('orderProgram', () => {
  it('respects dependencies and is never above the traced order', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        for (const program of schedule.programs) {
          const use = programAccess(schedule, program, 256);
          const model = memoryModel(use);
          const { order, peakBytes } = orderProgram(use);
          const traced = Int32Array.from(program.steps, (_, step) => step);
          expect(peakBytes).toBe(peakOfOrder(model, order));
          expect(peakBytes).toBeLessThanOrEqual(peakOfOrder(model, traced));
          expect(order.toSorted()).toEqual(traced);
          const position = new Int32Array(order.length);
          order.forEach((step, i) => {
            position[step] = i;
          });
          const { offsets, targets } = stepDependencies(use.steps);
          for (const step of traced) {
            for (const after of targets.subarray(offsets[step], offsets[step + 1]))
              expect(position[step]).toBeLessThan(position[after]);
          }
        }
      }),
      soaked(60),
    );
  });

  it('says the peak that the allocation has', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const { peakLiveBytes } = allocated(schedule, WEBGPU_DEFAULT_LIMITS, 'webgpu');
        const peaks = schedule.programs.map(
          (program) => orderProgram(programAccess(schedule, program, 256)).peakBytes,
        );
        expect(peakLiveBytes).toBe(Math.max(...peaks));
      }),
      soaked(40),
    );
  });
});

describe('LiveProfile', () => {
  const nothing: StepAccess = { reads: [], writes: [], pairs: [] };
  const peakOf = (use: ProgramAccess) =>
    peakOfOrder(
      memoryModel(use),
      Int32Array.from(use.steps, (_, step) => step),
    );

  it('has the peak of the order, also while steps are joined, moved and put back', () => {
    fc.assert(
      fc.property(schedules, fc.nat(), (schedule, seed) => {
        const below = randomBelow(seed);
        for (const program of schedule.programs) {
          const use = programAccess(schedule, program, 256);
          const profile = new LiveProfile(use);
          expect(profile.peakBytes).toBe(peakOf(use));
          const steps: StepAccess[] = [...use.steps];
          for (let change = 0; change < 20; change++) {
            const [from, to] = [below(steps.length), below(steps.length)];
            const moved = new Map([
              [to, steps[from]],
              [from, nothing],
            ]);
            const before = profile.replace(moved);
            if (below(3) === 0) profile.replace(before);
            else for (const [position, step] of moved) steps[position] = step;
            const fresh = new LiveProfile({ ...use, steps });
            expect(profile.peakBytes).toBe(fresh.peakBytes);
          }
        }
      }),
      soaked(40),
    );
  });
});

function permutations(count: number): number[][] {
  let orders: number[][] = [[]];
  for (let next = 0; next < count; next++)
    orders = orders.flatMap((order) =>
      Array.from({ length: order.length + 1 }, (_, at) => order.toSpliced(at, 0, next)),
    );
  return orders;
}

describe('packBlocks', () => {
  const problems = fc
    .record({ seed: fc.nat(), count: fc.integer({ min: 1, max: 80 }), slabs: fc.boolean() })
    .map(({ seed, count, slabs }) => {
      const below = randomBelow(seed);
      const first = Int32Array.from({ length: count }, () => below(50));
      const last = Int32Array.from(first, (step) => step + below(below(8) === 0 ? 50 : 8));
      const bytes = Float64Array.from(first, () => 256 * (1 + below(40)));
      const reserved = slabs ? [below(5) * 256, 40 * 256, 512] : [256 * below(3)];
      const space = { slabBytes: slabs ? 50 * 256 : 2 ** 40, reserved };
      return { blocks: { bytes, first, last } satisfies Blocks, space };
    });

  it('keeps blocks apart, inside their slabs and above what is reserved', () => {
    fc.assert(
      fc.property(problems, ({ blocks, space }) => {
        const { bytes, first, last } = blocks;
        const { addresses, extents, bytes: total } = packBlocks(blocks, space);
        const ends = new Array<number>(extents.length).fill(0);
        addresses.forEach((address, i) => {
          const slab = Math.floor(address / space.slabBytes);
          const start = slab * space.slabBytes + (space.reserved[slab] ?? 0);
          expect(address % 256).toBe(0);
          expect(address).toBeGreaterThanOrEqual(start);
          expect(address + bytes[i]).toBeLessThanOrEqual((slab + 1) * space.slabBytes);
          ends[slab] = Math.max(ends[slab], address + bytes[i] - start);
          for (let j = 0; j < i; j++) {
            if (first[i] > last[j] || first[j] > last[i]) continue;
            expect(addresses[j] >= address + bytes[i] || address >= addresses[j] + bytes[j]).toBe(
              true,
            );
          }
        });
        expect(extents).toEqual(ends);
        expect(total).toBe(ends.reduce((sum, end) => sum + end, 0));
        expect(total).toBeGreaterThanOrEqual(peakLiveBytes(blocks));
      }),
      soaked(100),
    );
  });

  it('by branch and bound finds the least that any order of the blocks gives, and proves it', () => {
    const small = fc
      .record({ seed: fc.nat(), count: fc.integer({ min: 1, max: 6 }) })
      .map(({ seed, count }): Blocks => {
        const below = randomBelow(seed);
        const first = Int32Array.from({ length: count }, () => below(6));
        return {
          bytes: Float64Array.from(first, () => 1 + below(6)),
          first,
          last: first.map((step) => step + below(4)),
        };
      });
    fc.assert(
      fc.property(small, (blocks) => {
        const { bytes } = blocks;
        const packer = new Packer(blocks, { slabBytes: 2 ** 30, reserved: [] });
        const top = (addresses: Float64Array) =>
          addresses.reduce((most, address, i) => Math.max(most, address + bytes[i]), 0);
        let least = Number.POSITIVE_INFINITY;
        for (const order of permutations(bytes.length))
          least = Math.min(least, top(packer.pack(Int32Array.from(order), 'first-fit')!));
        const search = new CanonicalSearch(blocks);
        expect(search.search(least - 1, [1e6])).toBe('infeasible');
        expect(top(search.search(least, [1e6]) as Float64Array)).toBe(least);
      }),
      soaked(150),
    );
  });

  it('uses the gap before the first live block', () => {
    // Block 0 lies at 0 in step 0; block 1 above it lives on, and block 2 fits below block 1.
    const blocks = {
      bytes: Float64Array.of(512, 768, 512),
      first: Int32Array.of(0, 0, 1),
      last: Int32Array.of(0, 1, 1),
    };
    const { bytes, addresses } = packBlocks(blocks, { slabBytes: 2 ** 30, reserved: [] });
    expect(bytes).toBe(1280);
    expect(addresses[2]).toBe(addresses[0]);
  });
});
