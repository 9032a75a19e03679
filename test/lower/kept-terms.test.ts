import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { finaliseNests, keepTermsOf, lowerModule } from '../../compiler/lower/index.ts';
import { type LoopNest, withAxes } from '../../compiler/lower/loop-nest.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { parseGraph } from '../../ir/graph-text.ts';
import { type Expression, type Kernel, pointCount } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { parseKernel, printKernel } from '../../ir/kernel-text.ts';
import type { Schedule, ScheduleTensor } from '../../ir/schedule.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { moduleOf } from '../support/module-of.ts';
import { kernelCases } from '../support/random-kernel.ts';
import { runSchedule } from '../support/run-schedule.ts';
import { runScheduleInF32 } from '../support/run-schedule-f32.ts';
import { soaked } from '../support/soak.ts';

/** Evaluations of exp. */
const exponentials = (kernel: Kernel) =>
  kernel.nodes.filter((node) => node.kind === 'apply' && node.op === 'exp').length *
  pointCount(kernel, 'parallel') *
  pointCount(kernel, 'reduced');

/** A target on which an exponential takes as long as a hundred bytes. */
const slow = {
  ...{
    arrayBytes: 0,
    needsHolder: false,
    clusters: false,
    hasWorkgroups: false,
    splitsReductions: false,
  },
  time: (kernel: Kernel) => kernelCost(kernel).bytes + 100 * exponentials(kernel),
};
/** One on which it takes nothing. */
const fast = { ...slow, time: (kernel: Kernel) => kernelCost(kernel).bytes };

const totalOf = ({ kernels, programs }: Schedule) =>
  programs[0].steps.reduce((sum, { kernel }) => sum + exponentials(kernels[kernel]), 0);

/** exp(x - max) / Σ exp(x - max) over some axes of x, as the functions of the language make it. */
const softmax = (shape: readonly number[], axes: readonly number[]) => {
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const few = kept.map((axis) => shape[axis]);
  const spread = (value: string) => `broadcast(${value}) shape=[${shape}] axes=[${kept}]`;
  return `graph main {
  %0 = input name="x" : f32[${shape}]
  %1 = reduceMax(%0) axes=[${axes}] : f32[${few}]
  %2 = ${spread('%1')} : f32[${shape}]
  %3 = sub(%0, %2) : f32[${shape}]
  %4 = exp(%3) : f32[${shape}]
  %5 = reduceSum(%4) axes=[${axes}] : f32[${few}]
  %6 = ${spread('%5')} : f32[${shape}]
  %7 = div(%4, %6) : f32[${shape}]
  output "y" = %7
}
`;
};

function lowered(graph: string, stages: typeof slow): Schedule {
  const schedule = lowerModule(moduleOf(parseGraph(graph)), {
    ...{ maxStorageBuffers: 8, fusion: orderProgram, stages },
  });
  expect(verifySchedule(schedule)).toEqual([]);
  return schedule;
}

describe('the exponentials of a softmax', () => {
  const { NaN: none, POSITIVE_INFINITY: infinite } = Number;
  const special = [none, infinite, -infinite, 0, -0, 3e38, -3e38, 1e-40];

  test.each<[string, readonly number[], readonly number[]]>([
    ['rows', [12, 40], [1]],
    ['columns', [40, 12], [0]],
    ['the middle', [5, 16, 7], [1]],
    ['both ends', [5, 16, 6], [0, 2]],
    ['all', [4, 24], [0, 1]],
  ])('are computed once, of %s, to the same bits', (_, shape, axes) => {
    const [twice, once] = [fast, slow].map((stages) => lowered(softmax(shape, axes), stages));
    const elements = shape.reduce((a, b) => a * b);
    expect([totalOf(twice), totalOf(once)]).toEqual([2 * elements, elements]);
    const x = Float32Array.from({ length: elements }, (_, i) => 8 * Math.sin(i * i));
    const rough = x.map((value, i) => (i % 5 === 0 ? special[(i / 5) % special.length] : value));
    const masked = x.map((value, i) => (i % 12 < 3 ? -infinite : value));
    for (const data of [x, rough, masked, x.map(() => -infinite), x.map(() => infinite)]) {
      const [wanted, given] = [twice, once].map(
        (schedule) => runScheduleInF32(schedule, 'main', { x: data }).y,
      );
      expect([...given]).toEqual([...wanted]);
    }
  });

  test('of rows of one element are what they were', () => {
    const [twice, once] = [fast, slow].map((stages) => lowered(softmax([6, 1], [1]), stages));
    const x = Float32Array.from([1, -2, infinite, -infinite, none, 0]);
    const [wanted, given] = [twice, once].map((one) => runScheduleInF32(one, 'main', { x }).y);
    expect([...given]).toEqual([...wanted]);
  });

  test('are in the plan for wasm, within the same memory', async () => {
    const model = btc.defineModel({
      ...{ name: 'm', inputs: { x: btc.tensor([64, 256]) } },
      build: ({ x }) => ({ y: btc.softmax(x) }),
    });
    const { plan } = await compile(model, { target: 'wasm' });
    const labels = plan!.programs.predict.steps.map(({ label }) => label);
    expect(labels).toEqual(['reduceMax+sub+exp', 'reduceSum+div']);
    // Input, exponentials and result are in one place; beside them is one number of each row at a time.
    const { offset } = plan!.tensors.find(({ name }) => name.endsWith('.terms'))!;
    const [input, output] = [plan!.programs.predict.inputs[0], plan!.programs.predict.outputs[0]];
    for (const { tensor } of [input, output]) expect(plan!.tensors[tensor].offset).toBe(offset);
  });
});

const nestOf = ({ axes, nodes, reductions, stores }: Kernel): LoopNest => ({
  ...{ axes, nodes, reductions, stores, ops: ['exp', 'reduceSum'], origins: [] },
});

const tensorOf = ({ dtype, elements }: Kernel['buffers'][number], i: number): ScheduleTensor => ({
  ...{ name: `b${i}`, dtype, shape: [elements], role: 'state', program: null, source: null },
});

/** Two kernels that have nothing to do with others, but take so much memory that nothing else is at the peak. */
function largeStep(tensor: number): LoopNest[] {
  const constant: Expression = { kind: 'constant', dtype: 'f32', value: 1 };
  const index = { offset: 0, coefficients: [1] };
  const load: Expression = { kind: 'load', dtype: 'f32', buffer: tensor, index, bounds: [] };
  return [constant, load].map((node, k) => ({
    axes: [{ extent: LARGE, kind: 'parallel' }],
    nodes: [node],
    reductions: [],
    stores: [{ buffer: tensor + k, index, value: 0, accumulate: false }],
    ...{ ops: ['copy'], origins: [] },
  }));
}

const LARGE = 1 << 14;
const large = (name: string): ScheduleTensor => ({
  ...{ name, dtype: 'f32', shape: [LARGE], role: 'activation', program: 0, source: null },
});

/** Kernels one behind the other, and what becomes of them where terms are kept. */
function schedules(nests: readonly LoopNest[], tensors: readonly ScheduleTensor[], isLow = true) {
  const count = tensors.length;
  const module = {
    ...{ name: 'test', alignment: 4, remarks: [] },
    tensors: isLow ? [...tensors, large('t0'), large('t1')] : tensors,
    programs: [
      {
        ...{ name: 'main', inputs: [], outputs: [] },
        nests: isLow ? [...nests, ...largeStep(count)] : nests,
      },
    ],
  };
  const kept = keepTermsOf(module, { maxStorageBuffers: 12, stages: slow });
  return [module, kept].map(finaliseNests);
}

const run = (schedule: Schedule, data: readonly Float64Array[]) => {
  const memory = Object.fromEntries(data.map((one, i) => [`b${i}`, one.slice()]));
  runSchedule(schedule, 'main', {}, memory);
  return data.map((_, i) => memory[`b${i}`]);
};

/** A kernel of the same terms at parallel points, by axes in the other order where asked; it stores them into a tensor. */
function elementwise(nest: LoopNest, node: number, tensor: number, turns: boolean): LoopNest {
  const order = [...nest.axes.keys()];
  if (turns) order.reverse();
  const axes = order.map((axis) => ({ extent: nest.axes[axis].extent, kind: 'parallel' as const }));
  let stride = 1;
  const coefficients = nest.axes.map(({ extent }) => {
    const own = stride;
    stride *= extent;
    return own;
  });
  const store = { buffer: tensor, index: { offset: 0, coefficients }, value: node };
  return withAxes(
    { ...nest, reductions: [], stores: [{ ...store, accumulate: false }], ops: ['exp'] },
    axes,
    (affine) => ({
      offset: affine.offset,
      coefficients: order.map((axis) => affine.coefficients[axis]),
    }),
  );
}

describe('terms that are kept', () => {
  test('are what random kernels computed', () => {
    let kept = 0;
    fc.assert(
      fc.property(kernelCases(['reduction']), fc.boolean(), (one, turns) => {
        const { kernel, buffers } = one;
        fc.pre(kernel.buffers.every(({ access }) => access !== 'read_write'));
        const [{ value }] = kernel.reductions;
        fc.pre(kernel.nodes[value].dtype === 'f32');
        // exp of a number that is not large, in place of the value.
        const apply = (op: 'mul' | 'exp' | 'sin', ...operands: number[]): Expression => ({
          ...{ kind: 'apply', dtype: 'f32', op, operands },
        });
        const sum = nestOf({
          ...kernel,
          nodes: [
            ...kernel.nodes.slice(0, value + 1),
            apply('sin', value),
            apply('exp', value + 1),
            ...kernel.nodes.slice(value + 1).map((node) => shifted(node, value, 2)),
          ],
          reductions: kernel.reductions.map((own, r) =>
            r === 0 ? { ...own, value: value + 2 } : { ...own, value: later(own.value, value, 2) },
          ),
          stores: kernel.stores.map((own) => ({ ...own, value: later(own.value, value, 2) })),
        });
        const points = pointCount(kernel, 'parallel') * pointCount(kernel, 'reduced');
        const tensor = kernel.buffers.length;
        const again = elementwise(sum, value + 2, tensor, turns);
        const output = { dtype: 'f32', access: 'write', elements: points } as const;
        const tensors = [...kernel.buffers, output].map(tensorOf);
        const [before, after] = schedules([sum, again], tensors);
        fc.pre(verifySchedule(before).length === 0);
        expect(verifySchedule(after)).toEqual([]);
        kept += Number(after.programs[0].steps.length > before.programs[0].steps.length);
        const data = [...buffers.map((own) => Float64Array.from(own)), new Float64Array(points)];
        const [wanted, given] = [run(before, data), run(after, data)];
        given.forEach((values, b) => {
          values.forEach((number, i) => {
            const most = 1e-6 * Math.max(1, Math.abs(wanted[b][i]));
            if (!(Math.abs(number - wanted[b][i]) <= most) && !Object.is(number, wanted[b][i]))
              throw new Error(
                `b${b}[${i}] is ${number}, not ${wanted[b][i]}\n${after.kernels.map(printKernel).join('')}`,
              );
          });
        });
      }),
      soaked(150),
    );
    expect(kept).toBeGreaterThan(20);
  });

  const sumOf = parseKernel(`kernel k {
  axis a0 parallel 8
  axis a1 reduced 64
  buffer b0 read f32 512
  buffer b1 write f32 8
  n0: f32 = load b0[64*a0 + a1]
  n1: f32 = exp n0
  reduce sum n1
  n2: f32 = accumulator
  store b1[a0] = n2
}
`);
  const again = (expression: string, stored = 'b1') =>
    parseKernel(`kernel k {
  axis a0 parallel 512
  buffer b0 ${stored === 'b0' ? 'read_write' : 'read'} f32 512
  buffer b1 write f32 512
  n0: f32 = load b0[a0]
  n1: f32 = ${expression} n0
  store ${stored}[a0] = n1
}
`);
  const moved = (kernel: Kernel, ...to: number[]): LoopNest => ({
    ...nestOf(kernel),
    nodes: kernel.nodes.map((node) =>
      node.kind === 'load' ? { ...node, buffer: to[node.buffer] } : node,
    ),
    stores: kernel.stores.map((store) => ({ ...store, buffer: to[store.buffer] })),
  });
  const tensors = [sumOf.buffers[0], sumOf.buffers[1], sumOf.buffers[0]].map(tensorOf);
  const steps = (...nests: LoopNest[]) =>
    schedules([nestOf(sumOf), ...nests], tensors).map(({ programs }) => programs[0].steps.length);

  test('are those that a later kernel computes', () => {
    expect(steps(moved(again('exp'), 0, 2))).toEqual([4, 5]);
    expect(steps(moved(again('sin'), 0, 2))).toEqual([4, 4]);
    expect(steps(moved(again('exp'), 2, 2))).toEqual([4, 4]);
  });

  test('are not those of what has changed since', () => {
    const double = moved(again('neg', 'b0'), 0, 2);
    expect(steps(double, moved(again('exp'), 0, 2))).toEqual([5, 5]);
    // The one that changes it may still read what is kept.
    expect(steps(moved(again('exp', 'b0'), 0, 2))).toEqual([4, 5]);
  });

  test('do not raise the peak of live bytes', () => {
    const nests = [nestOf(sumOf), moved(again('exp'), 0, 2)];
    const [before, after] = schedules(nests, tensors, false);
    expect(after.programs[0].steps.length).toBe(before.programs[0].steps.length);
  });
});

/** Numbers of nodes behind one behind which others were put. */
const later = (node: number, behind: number, by: number) => (node > behind ? node + by : node);

function shifted(node: Expression, behind: number, by: number): Expression {
  const move = (operand: number) => later(operand, behind, by);
  if (node.kind === 'apply') return { ...node, operands: node.operands.map(move) };
  if (node.kind === 'random') return { ...node, step: move(node.step) };
  if (node.kind !== 'load' || !node.indirect) return node;
  return { ...node, indirect: { ...node.indirect, node: move(node.indirect.node) } };
}
