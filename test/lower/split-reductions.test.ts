import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { finaliseNests, type StageModel } from '../../compiler/lower/index.ts';
import type { LoopNest } from '../../compiler/lower/loop-nest.ts';
import { splitReductionsOf } from '../../compiler/lower/split-reductions.ts';
import { type Kernel, pointCount } from '../../ir/kernel.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import type { Schedule, ScheduleTensor } from '../../ir/schedule.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { disagreements, type KernelCase, kernelCases } from '../support/random-kernel.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { serialStages } from '../support/serial-stages.ts';
import { soaked } from '../support/soak.ts';

/** The schedule of one kernel over tensors of its own, with reductions in parts. */
function split(
  { kernel }: Pick<KernelCase, 'kernel'>,
  fewTerms = 8,
  stages: StageModel = serialStages,
): Schedule {
  const tensors = kernel.buffers.map(
    ({ dtype, elements }, i): ScheduleTensor => ({
      ...{ name: `b${i}`, dtype, shape: [elements], role: 'state', program: null, source: null },
    }),
  );
  const { axes, nodes, reductions, stores } = kernel;
  const nest: LoopNest = { axes, nodes, reductions, stores, ops: ['test'], origins: [] };
  const lowered = {
    ...{ name: 'test', tensors, alignment: 4, remarks: [] },
    programs: [{ name: 'main', nests: [nest], inputs: [], outputs: [] }],
  };
  return finaliseNests(
    splitReductionsOf(lowered, { stages, fewTerms, leastTerms: 2, mostOfReads: 100 }),
  );
}

function run(schedule: Schedule, { buffers }: KernelCase): Float64Array[] {
  const memory = Object.fromEntries(
    buffers.map((data, i) => [`b${i}`, Float64Array.from(data)] as const),
  );
  runSchedule(schedule, 'main', {}, memory);
  return buffers.map((_, i) => memory[`b${i}`]);
}

describe('reductions in two', () => {
  test('compute what one kernel computes', () => {
    let cut = 0;
    fc.assert(
      fc.property(kernelCases(['reduction', 'window', 'contraction']), (one) => {
        // Random expressions may leave the result out.
        fc.pre(verifySchedule(split(one, Number.POSITIVE_INFINITY)).length === 0);
        const schedule = split(one);
        cut += Number(schedule.kernels.length > 1);
        const problems = [...verifySchedule(schedule), ...disagreements(one, run(schedule, one))];
        if (problems.length > 0)
          throw new Error(
            `${problems.join('\n')}\n${printKernel(one.kernel)}${schedule.kernels.map(printKernel).join('')}`,
          );
      }),
      soaked(150),
    );
    expect(cut).toBeGreaterThan(40);
  });

  const sum = (terms: number) =>
    parseKernel(`kernel sum {
axis a0 reduced ${terms}
buffer b0 read f32 ${terms}
buffer b1 write f32 1
n0: f32 = load b0[a0]
n1: f32 = exp n0
reduce sum n1
n2: f32 = accumulator
store b1[0] = n2
}
`);

  test('a number of terms without divisors is cut too, and nothing behind its end is added', () => {
    const schedule = split({ kernel: sum(1009) });
    expect(schedule.kernels).toHaveLength(2);
    const b0 = new Float64Array(1009).fill(0);
    const memory = { b0, b1: new Float64Array(1) };
    runSchedule(schedule, 'main', {}, memory);
    expect(memory.b1[0]).toBe(1009);
  });

  test('there are as many parts as run at a time, which need be no power of two', () => {
    const rounds = {
      ...serialStages,
      time: (kernel: Kernel) =>
        Math.ceil(pointCount(kernel, 'parallel') / 20) * pointCount(kernel, 'reduced'),
    };
    const [parts] = split({ kernel: sum(1009) }, 8, rounds).kernels;
    expect(pointCount(parts, 'parallel')).toBe(20);
  });

  /** A sum where a kernel takes its terms, but `memory` at least, and how often each kernel is asked for its time. */
  function timed(memory: number, stages: Partial<StageModel> = {}) {
    const asked = new Map<string, number>();
    const time = (kernel: Kernel) => {
      const text = printKernel({ ...kernel, name: 'k' });
      asked.set(text, (asked.get(text) ?? 0) + 1);
      return Math.max(memory, pointCount(kernel, 'reduced'));
    };
    const schedule = split({ kernel: sum(1009) }, 8, { ...serialStages, ...stages, time });
    return { schedule, asked };
  }

  test('numbers of parts that come to the same are tried once', () => {
    const { asked } = timed(0);
    expect(asked.size).toBeGreaterThan(8);
    expect(new Set(asked.values())).toEqual(new Set([1]));
  });

  test('where parts wait for memory and more of them gain nothing, no more are tried', () => {
    const leastSeconds = (_: number, kernels: number) => (kernels === 1 ? 64 : 0);
    const [all, few] = [timed(64), timed(64, { leastSeconds })];
    expect(few.schedule).toEqual(all.schedule);
    expect(pointCount(few.schedule.kernels[0], 'parallel')).toBe(16);
    expect(few.asked.size).toBeLessThan(all.asked.size);
  });

  test('long parts begin where vectors do', () => {
    const [parts] = split({ kernel: sum(4099) }, 8, {
      ...serialStages,
      time: (kernel) => Math.abs(pointCount(kernel, 'reduced') - 512),
    }).kernels;
    const [load] = parts.nodes;
    expect(load).toMatchObject({ kind: 'load', index: { coefficients: [528, 1] } });
  });

  test('where all axes are short, parts are over several of them', () => {
    const short = parseKernel(`kernel short {
axis a0 parallel 2
axis a1 reduced 8
axis a2 reduced 9
axis a3 reduced 7
buffer b0 read f32 1008
buffer b1 write f32 2
n0: f32 = load b0[a0 + 2*a3 + 14*a1 + 112*a2]
reduce sum n0
n1: f32 = accumulator
store b1[a0] = n1
}
`);
    const schedule = split({ kernel: short });
    expect(schedule.kernels.map((kernel) => pointCount(kernel, 'reduced'))).toEqual([21, 24]);
    const memory = {
      b0: Float64Array.from({ length: 1008 }, (_, k) => k),
      b1: new Float64Array(2),
    };
    runSchedule(schedule, 'main', {}, memory);
    expect([...memory.b1]).toEqual([253512, 254016]);
  });

  test('products stay products, so that their parts are made in tiles', () => {
    const product = parseKernel(`kernel product {
axis a0 parallel 8
axis a1 parallel 8
axis a2 reduced 1009
buffer b0 read f32 8072
buffer b1 read f32 8072
buffer b2 write f32 64
n0: f32 = load b0[a0 + 8*a2]
n1: f32 = load b1[a1 + 8*a2]
n2: f32 = mul n0, n1
reduce sum n2
n3: f32 = accumulator
store b2[8*a0 + a1] = n3
}
`);
    const [parts] = split({ kernel: product }).kernels;
    expect(parts.nodes[parts.reductions[0].value]).toMatchObject({ kind: 'apply', op: 'mul' });
    // What is loaded within bounds is 0 outside of them as it is.
    expect(parts.nodes.map(({ kind }) => kind)).toEqual(['load', 'load', 'apply', 'accumulator']);
  });
});
