import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { finaliseNests, joinReductionsOf } from '../../compiler/lower/index.ts';
import { type LoopNest, withAxes } from '../../compiler/lower/loop-nest.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import type { Schedule, ScheduleTensor } from '../../ir/schedule.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { kernelCases } from '../support/random-kernel.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { soaked } from '../support/soak.ts';

/** A target on which only bytes count. */
const stages = {
  ...{
    arrayBytes: 0,
    needsHolder: false,
    clusters: false,
    hasWorkgroups: false,
    splitsReductions: false,
  },
  time: (kernel: Kernel) => kernelCost(kernel).bytes,
};

/** The kernels one behind the other, and what becomes of them where reductions go in one pass. */
function schedules(kernels: readonly LoopNest[], tensors: readonly ScheduleTensor[]) {
  const lowered = {
    ...{ name: 'test', tensors, alignment: 4, remarks: [] },
    programs: [{ name: 'main', nests: kernels, inputs: [], outputs: [] }],
  };
  const joined = joinReductionsOf(lowered, { maxStorageBuffers: 12, stages });
  return [lowered, joined].map(finaliseNests);
}

const tensorOf = ({ dtype, elements }: Kernel['buffers'][number], i: number): ScheduleTensor => ({
  ...{ name: `b${i}`, dtype, shape: [elements], role: 'state', program: null, source: null },
});

const nestOf = ({ axes, nodes, reductions, stores }: Kernel): LoopNest => ({
  ...{ axes, nodes, reductions, stores, ops: ['test'], origins: [] },
});

/** The same computation with the axes of each kind in the other order. */
function turned(nest: LoopNest): LoopNest {
  const parallel = nest.axes.filter(({ kind }) => kind === 'parallel').length;
  const order = [...nest.axes.keys()];
  const other = [...order.slice(0, parallel).reverse(), ...order.slice(parallel).reverse()];
  return withAxes(
    nest,
    other.map((axis) => nest.axes[axis]),
    ({ offset, coefficients }) => ({
      offset,
      coefficients: other.map((axis) => coefficients[axis]),
    }),
  );
}

const run = (schedule: Schedule, data: readonly Float64Array[]) => {
  const memory = Object.fromEntries(data.map((one, i) => [`b${i}`, one.slice()]));
  runSchedule(schedule, 'main', {}, memory);
  return data.map((_, i) => memory[`b${i}`]);
};

describe('reductions of the same terms', () => {
  test('are one kernel that computes what they do, whatever the order of their axes', () => {
    let joins = 0;
    fc.assert(
      fc.property(kernelCases(['reduction']), fc.boolean(), (one, turns) => {
        const { kernel, buffers } = one;
        // What is stored over what was loaded would be another's operand.
        fc.pre(kernel.buffers.every(({ access }) => access !== 'read_write'));
        const first = nestOf(kernel);
        const count = kernel.buffers.length;
        const again = turns ? turned(first) : first;
        const second: LoopNest = {
          ...again,
          reductions: again.reductions.map(({ value }, r) => ({
            ...{ value, combiner: (['max', 'sum', 'min'] as const)[(r + value) % 3] },
          })),
          stores: again.stores.map((store) => ({ ...store, buffer: store.buffer + count })),
        };
        const tensors = [...kernel.buffers, ...kernel.buffers].map(tensorOf);
        const [apart, together] = schedules([first, second], tensors);
        fc.pre(verifySchedule(apart).length === 0);
        expect(verifySchedule(together)).toEqual([]);
        joins += Number(together.programs[0].steps.length === 1);
        const data = [...buffers, ...buffers].map((own) => Float64Array.from(own));
        const [wanted, given] = [run(apart, data), run(together, data)];
        given.forEach((values, b) => {
          values.forEach((value, i) => {
            const most = 1e-9 * Math.max(1, Math.abs(wanted[b][i]));
            if (!(Math.abs(value - wanted[b][i]) <= most) && !Object.is(value, wanted[b][i]))
              throw new Error(
                `b${b}[${i}] is ${value}, not ${wanted[b][i]}\n${together.kernels.map(printKernel).join('')}`,
              );
          });
        });
      }),
      soaked(150),
    );
    expect(joins).toBeGreaterThan(30);
  });

  const reduction = (terms: string, index: string) =>
    parseKernel(`kernel k {
  axis a0 parallel 8
  ${terms}
  buffer b0 read f32 512
  buffer b1 write f32 8
  n0: f32 = load b0[${index}]
  reduce sum n0
  n1: f32 = accumulator
  store b1[a0] = n1
}
`);
  const whole = reduction('axis a1 reduced 64', '64*a0 + a1');
  const cut = reduction('axis a1 reduced 16\n  axis a2 reduced 4', '64*a0 + 4*a1 + a2');

  const joined = (first: Kernel, second: Kernel, move = 1) => {
    const nest = nestOf(second);
    const moved = {
      ...nest,
      stores: nest.stores.map((store) => ({ ...store, buffer: store.buffer + move })),
    };
    const tensors = [first.buffers[0], first.buffers[1], first.buffers[1]].map(tensorOf);
    const [apart, together] = schedules([nestOf(first), moved], tensors);
    expect(verifySchedule(apart)).toEqual([]);
    expect(verifySchedule(together)).toEqual([]);
    return together.programs[0].steps.length;
  };

  test('have axes that are cut in another way', () => {
    expect(joined(whole, cut)).toBe(1);
    expect(joined(cut, whole)).toBe(1);
  });

  test('are of the same points', () => {
    // The same elements, but those of a point are others'.
    expect(joined(whole, reduction('axis a1 reduced 64', 'a0 + 8*a1'))).toBe(2);
    // Other elements.
    expect(joined(whole, reduction('axis a1 reduced 32', '64*a0 + a1'))).toBe(2);
    expect(joined(whole, reduction('axis a1 reduced 64', '8*a0 + a1'))).toBe(2);
  });

  test('do not need one another', () => {
    const tensors = [whole.buffers[0], whole.buffers[1], whole.buffers[1]].map(tensorOf);
    const around = parseKernel(`kernel k {
  axis a0 parallel 8
  axis a1 reduced 64
  buffer b0 read f32 512
  buffer b1 read f32 8
  buffer b2 write f32 8
  n0: f32 = load b0[64*a0 + a1]
  n1: f32 = load b1[a0]
  n2: f32 = max n0, n1
  reduce sum n2
  n3: f32 = accumulator
  store b2[a0] = n3
}
`);
    const [, together] = schedules([nestOf(whole), nestOf(around)], tensors);
    expect(together.programs[0].steps.length).toBe(2);
    // What only the epilogue needs is there.
    const behind = { ...around, reductions: [{ combiner: 'sum' as const, value: 0 }] };
    const nodes = behind.nodes.with(2, { kind: 'accumulator', dtype: 'f32', reduction: 0 });
    const add = { kind: 'apply', dtype: 'f32', op: 'add', operands: [1, 2] } as const;
    const [apart, one] = schedules(
      [nestOf(whole), nestOf({ ...behind, nodes: nodes.with(3, add) })],
      tensors,
    );
    expect(verifySchedule(one)).toEqual([]);
    expect(one.programs[0].steps.length).toBe(1);
    const data = [512, 8, 8].map((length) => Float64Array.from({ length }, (_, i) => Math.sin(i)));
    expect(run(one, data)).toEqual(run(apart, data));
  });
});
