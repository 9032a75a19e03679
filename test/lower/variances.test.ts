import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { lowerModule } from '../../compiler/lower/index.ts';
import { orderProgram } from '../../compiler/memory/order.ts';
import { parseGraph } from '../../ir/graph-text.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { kernelBody } from '../../ir/kernel-text.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { verifySchedule } from '../../ir/schedule-verify.ts';
import { load } from '../../runtime/index.ts';
import { moduleOf } from '../support/module-of.ts';
import { compileWitnessed, randomInputs } from '../support/reference.ts';
import { runScheduleInF32 } from '../support/run-schedule-f32.ts';

// A mean and the variance around it in one pass, in f32, beside the two passes of a plain lowering.

const ROWS = 1536;
const COLUMNS = 3;
const ELEMENTS = ROWS * COLUMNS;

/** Mean and variance of columns, as any model has them. */
const columns = `graph main {
  %0 = input name="x" : f32[${ROWS},${COLUMNS}]
  %1 = reduceSum(%0) axes=[0] : f32[${COLUMNS}]
  %2 = constant dtype="f32" shape=[${COLUMNS}] value=${1 / ROWS} : f32[${COLUMNS}]
  %3 = mul(%1, %2) : f32[${COLUMNS}]
  %4 = broadcast(%3) shape=[${ROWS},${COLUMNS}] axes=[1] : f32[${ROWS},${COLUMNS}]
  %5 = sub(%0, %4) : f32[${ROWS},${COLUMNS}]
  %6 = mul(%5, %5) : f32[${ROWS},${COLUMNS}]
  %7 = reduceSum(%6) axes=[0] : f32[${COLUMNS}]
  %8 = mul(%7, %2) : f32[${COLUMNS}]
  output "mean" = %3
  output "variance" = %8
}
`;

/** The same of what a model computes first, and of groups that it cuts columns into. */
const groups = `graph main {
  %0 = input name="x" : f32[${ROWS},${COLUMNS}]
  %1 = reshape(%0) shape=[${ROWS / 2},2,${COLUMNS}] : f32[${ROWS / 2},2,${COLUMNS}]
  %2 = constant dtype="f32" shape=[${ROWS / 2},2,${COLUMNS}] value=3 : f32[${ROWS / 2},2,${COLUMNS}]
  %3 = mul(%1, %2) : f32[${ROWS / 2},2,${COLUMNS}]
  %4 = reduceSum(%3) axes=[0,1] : f32[${COLUMNS}]
  %5 = constant dtype="f32" shape=[${COLUMNS}] value=${1 / ROWS} : f32[${COLUMNS}]
  %6 = mul(%4, %5) : f32[${COLUMNS}]
  %7 = broadcast(%6) shape=[${ROWS / 2},2,${COLUMNS}] axes=[2] : f32[${ROWS / 2},2,${COLUMNS}]
  %8 = sub(%7, %3) : f32[${ROWS / 2},2,${COLUMNS}]
  %9 = mul(%8, %8) : f32[${ROWS / 2},2,${COLUMNS}]
  %10 = reduceSum(%9) axes=[0,1] : f32[${COLUMNS}]
  %11 = mul(%10, %5) : f32[${COLUMNS}]
  output "mean" = %6
  output "variance" = %11
}
`;

/** Only bytes count, and only on a device with workgroups. */
const stages = {
  ...{
    arrayBytes: 0,
    needsHolder: false,
    clusters: true,
    hasWorkgroups: true,
    splitsReductions: true,
  },
  time: (kernel: Kernel) => kernelCost(kernel).bytes,
};

const lowered = (graph: string, onePass: boolean): Schedule => {
  const schedule = lowerModule(moduleOf(parseGraph(graph)), {
    ...{ maxStorageBuffers: 8, fusion: orderProgram },
    ...(onePass ? { stages } : {}),
  });
  expect(verifySchedule(schedule)).toEqual([]);
  return schedule;
};

/** Steps that read all of the input. */
const passes = ({ programs: [{ steps, inputs }], kernels }: Schedule) =>
  steps.filter(({ kernel, operands }) =>
    operands.some(
      (tensor, b) =>
        tensor === inputs[0].tensor && kernels[kernel].buffers[b].elements === ELEMENTS,
    ),
  ).length;

/** Mean and variance of what f32 holds of the terms, in float64; by column. */
function exact(x: Float32Array, factor: number) {
  return Array.from({ length: COLUMNS }, (_, column) => {
    const all = Array.from({ length: ROWS }, (_, row) =>
      Math.fround(factor * x[row * COLUMNS + column]),
    );
    const mean = all.reduce((a, b) => a + b) / ROWS;
    return { mean, variance: all.reduce((sum, one) => sum + (one - mean) ** 2, 0) / ROWS };
  });
}

/** A normal deviate of a fixed sequence (Box, Muller 1958). */
function normals(seed: number): () => number {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
}

function drawn(mean: number, deviation: number, outliers: Readonly<Record<number, number>> = {}) {
  const normal = normals(7);
  const x = Float32Array.from({ length: ELEMENTS }, () => mean + deviation * normal());
  for (const [row, value] of Object.entries(outliers))
    for (let column = 0; column < COLUMNS; column++) x[Number(row) * COLUMNS + column] = value;
  return x;
}

const DATA: readonly (readonly [string, Float32Array<ArrayBuffer>])[] = [
  ['of mean 1e4 and deviation 1', drawn(1e4, 1)],
  ['of mean -1e6 and deviation 100', drawn(-1e6, 100)],
  ['around 0', drawn(0, 1)],
  ['tiny', drawn(1e-6, 1e-8)],
  ['that begin and end with 0', drawn(1e4, 1, { 0: 0, [ROWS - 1]: 0 })],
  ['with an outlier among the samples', drawn(1e4, 1, { [ROWS / 2]: -1e4 })],
];

describe('the variance in the pass of the mean', () => {
  test.each([
    ['whose squares leave the range', drawn(0, 1e20)],
    ['of which one leaves it', drawn(0, 1, { 5: 1e30 })],
  ])('is infinite where that of a second pass is, of numbers %s', (_, x) => {
    const [two, one] = [lowered(columns, false), lowered(columns, true)].map((schedule) =>
      runScheduleInF32(schedule, 'main', { x }),
    );
    expect([...two.variance]).toEqual(new Array(COLUMNS).fill(Number.POSITIVE_INFINITY));
    expect([...one.variance]).toEqual([...two.variance]);
  });

  test.each(DATA)('is as exact as that of a second pass, of numbers %s', (_, x) => {
    for (const [graph, factor] of [
      [columns, 1],
      [groups, 3],
    ] as const) {
      const [two, one] = [lowered(graph, false), lowered(graph, true)];
      expect([passes(two), passes(one)]).toEqual([2, 1]);
      const wanted = exact(x, factor);
      const [before, now] = [two, one].map((schedule) => runScheduleInF32(schedule, 'main', { x }));
      wanted.forEach(({ mean, variance }, column) => {
        const off = (results: typeof now, name: string, value: number) =>
          Math.abs(results[name][column] - value) / Math.abs(value);
        expect(off(now, 'variance', variance)).toBeLessThan(1e-6);
        // Around a mean that is rounded, which alone makes an error of 2e-6 around -3e6.
        expect(off(before, 'variance', variance)).toBeLessThan(4e-6);
        if (Math.abs(mean) < 1) return;
        expect(off(now, 'mean', mean)).toBeLessThan(2e-7);
        expect(off(before, 'mean', mean)).toBeLessThan(2e-7);
      });
    }
  });

  test('is next to nothing of equal numbers, never below 0, and NaN where a number is', () => {
    const schedule = lowered(columns, true);
    const of = (x: Float32Array<ArrayBuffer>) => [
      ...runScheduleInF32(schedule, 'main', { x }).variance,
    ];
    for (const variance of of(new Float32Array(ELEMENTS).fill(0.1))) {
      expect(variance).toBeGreaterThanOrEqual(0);
      expect(variance).toBeLessThan(1e-15);
    }
    expect(of(drawn(0, 1, { 5: Number.NaN }))).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(of(drawn(0, 1, { 5: Number.POSITIVE_INFINITY }))[0]).toBeNaN();
  });

  test('is that of two passes where squares are not around what the first sum makes of the same terms', () => {
    const others = columns.replace('%6 = mul(%5, %5)', '%6 = mul(%5, %0)');
    expect(others).not.toBe(columns);
    const schedule = lowered(others, true);
    expect(schedule.kernels.map(kernelBody).join()).not.toContain('accumulator2');
    expect(passes(schedule)).toBe(2);
  });
});

test('batch norm reads its input twice forward and twice backward', async () => {
  const SIZE = 28;
  const model = btc.defineModel({
    name: 'norm',
    inputs: { image: btc.tensor([16, SIZE, SIZE, 8]), label: btc.tensor([16], 'i32') },
    build({ image }) {
      const convolution = btc.convolution(8, 32, { kernel: [3, 3], padding: [1, 1], bias: false });
      const features = btc.relu(btc.batchNorm(32)(convolution(image)));
      return { logits: btc.linear(32, 10)(btc.mean(features, [1, 2])) };
    },
    train: {
      loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
      optimizer: btc.sgd({ momentum: 0.9 }),
    },
  });
  const { plan } = await compile(model, { target: 'webgpu', profile: 'h100' });
  const { tensors, kernels, programs } = plan!;
  const input = tensors.findIndex(({ name }) => name === 'train/convolution1/output');
  // Of a shift, a kernel binds what is around three terms.
  const reads = programs.train.steps.filter(({ kernel, bindings }) =>
    kernels[kernel].bindings.some(
      ({ access, bytes }, b) =>
        bindings[b] === input && access !== 'write' && bytes === tensors[input].bytes,
    ),
  );
  expect(reads.length).toBeGreaterThan(1);
  expect(reads.length).toBeLessThanOrEqual(4);
});

// Where a sample for the shift is padding, its place may be in front of the tensor, or behind it.
test.each<[string, (x: btc.Tensor) => btc.Tensor]>([
  ['sums so far', (x) => btc.normalise(btc.cumsum(x, 1))],
  ['sums from here on', (x) => btc.normalise(btc.cumsum(x, 1, { reverse: true }))],
  [
    'rows that are mostly padding',
    (x) =>
      btc.variance(
        btc.pad(x.exp(), [
          [0, 0],
          [9, 3],
        ]),
        1,
      ),
  ],
  [
    'padding alone but for the middle',
    (x) =>
      btc.variance(
        btc.pad(x.exp(), [
          [2, 2],
          [8, 8],
        ]),
        0,
      ),
  ],
])('terms that are outside of a tensor: %s', async (_, build) => {
  const model = btc.defineModel({
    name: 'outside',
    inputs: { x: btc.tensor([6, 4]) },
    build: ({ x }) => ({ y: build(x) }),
  });
  expect((await compile(model, { target: 'webgpu' })).plan).not.toBeNull();
  const { plan, module, reference } = await compileWitnessed(model, { target: 'wasm' });
  const session = await load(plan, { module });
  const inputs = randomInputs(plan, 'predict', { classes: 2, step: 0, seed: 5 });
  const { y } = await session.run('predict', inputs);
  reference.run('predict', inputs).y.forEach((value, i) => {
    expect(y[i]).toBeCloseTo(value, 4);
  });
  session.destroy();
});

test('picked rows that are normalised and sorted are trained', async () => {
  const parameter = (name: string, shape: number[]) => btc.param(name, shape, btc.init.zeros);
  const model = btc.defineModel({
    name: 'picked',
    inputs: {
      i: btc.tensor([2, 3], 'i32'),
      w: btc.tensor([7, 3, 3, 2]),
      u: btc.tensor([2, 3, 3, 7]),
    },
    build({ i, w, u }) {
      const rows = btc.maximum(
        parameter('rows', [2, 3, 7]),
        parameter('least', [7]).mul(1.01).add(0.003),
      );
      const picked = btc.gather(rows, i);
      const normal = btc
        .normalise(picked, 1e-3)
        .mul(parameter('scale', [7]))
        .add(parameter('shift', [7]));
      const sorted = btc.sort(picked.add(parameter('more', [2, 3, 3, 7]).mul(0.9)), 2).values;
      const turned = btc.transpose(normal, [3, 2, 1, 0]);
      return { y: sorted, loss: sorted.mul(u).sum().add(turned.mul(w).sum()) };
    },
    train: {
      loss: ({ loss }) => loss,
      optimizer: btc.sgd(),
      exchange: true,
      metrics: ({ y }) => ({ y }),
    },
  });
  const { plan } = await compile(model, { target: 'webgpu' });
  expect(plan).not.toBeNull();
});
