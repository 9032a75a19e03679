import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import type { CompileOptions } from '../../compiler/driver/result.ts';
import * as btc from '../../compiler/language.ts';
import type { Plan, Target } from '../../ir/plan.ts';
import { load } from '../../runtime/index.ts';

// How often memory goes by for softmax, cross-entropy and norms, counted from plans; and that one pass is as right as several.

const [ROWS, COLUMNS] = [4096, 256];
const TENSOR_BYTES = 4 * ROWS * COLUMNS;

type Layer = (x: btc.Tensor) => btc.Tensor;

const alone =
  (layer: Layer, shape: readonly number[] = [ROWS, COLUMNS]) =>
  () =>
    btc.defineModel({
      ...{ name: 'm', inputs: { x: btc.tensor(shape) } },
      build: ({ x }) => ({ y: layer(x) }),
    });

/** Between two products, so that what is normalised and its gradient are activations. */
const within = (layer: Layer) => () =>
  btc.defineModel({
    ...{ name: 'm', inputs: { x: btc.tensor([ROWS, 64]), label: btc.tensor([ROWS], 'i32') } },
    build: ({ x }) => {
      const wide = layer(btc.linear(64, COLUMNS, { name: 'before' })(x));
      return { y: btc.linear(COLUMNS, 16, { name: 'behind' })(wide) };
    },
    train: {
      loss: ({ y }, { label }) => btc.crossEntropy(y, label),
      optimizer: btc.sgd({ learningRate: 0.1 }),
    },
  });

const crossEntropy = (rows: number, columns: number) => () =>
  btc.defineModel({
    ...{ name: 'm', inputs: { label: btc.tensor([rows], 'i32') } },
    build: () => ({ y: btc.param('x', [rows, columns], btc.init.uniform(-1, 1)) }),
    train: {
      loss: ({ y }, { label }) => btc.crossEntropy(y, label),
      optimizer: btc.sgd({ learningRate: 0.1 }),
    },
  });

async function planOf(
  model: () => btc.Model,
  target: Target,
  profile?: CompileOptions['profile'],
): Promise<Plan> {
  const { plan, diagnostics } = await compile(model, { target, ...(profile ? { profile } : {}) });
  if (!plan) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  return plan;
}

/** Dispatches of a program that move a whole tensor or more, products aside. */
function passes({ programs, kernels }: Plan, program: string, bytes = TENSOR_BYTES): number {
  return programs[program].steps.filter(
    ({ kernel, bytesMoved }) => bytesMoved >= bytes && !kernels[kernel].name.startsWith('contract'),
  ).length;
}

const layerNorm = btc.layerNorm(COLUMNS, { name: 'n' });
const batchNorm = btc.batchNorm(COLUMNS, { name: 'n' });

describe.each(['wasm', 'webgpu'] as const)('on %s', (target) => {
  test.each([
    ['softmax', (x: btc.Tensor) => btc.softmax(x)],
    ['log softmax', (x: btc.Tensor) => btc.logSoftmax(x)],
    ['layer norm', layerNorm],
  ] as const)('%s is one pass', async (_, layer) => {
    const plan = await planOf(alone(layer), target);
    expect(passes(plan, 'predict')).toBe(1);
    // Each element is read once and written once.
    const moved = plan.programs.predict.steps.reduce((sum, { bytesMoved }) => sum + bytesMoved, 0);
    expect(moved).toBeLessThan(2.1 * TENSOR_BYTES);
  });

  test('cross-entropy is one pass, and one for its gradient', async () => {
    expect(passes(await planOf(crossEntropy(ROWS, COLUMNS), target), 'train')).toBeLessThanOrEqual(
      2,
    );
  });

  test.each([
    // Beside these, the bias gradient of the layer in front. Forward layer norm is one pass, batch norm two; backward each is two.
    ['layer norm', layerNorm, 4],
    ['batch norm', batchNorm, 5],
  ] as const)('%s in training', async (_, layer, most) => {
    const plan = await planOf(within(layer), target);
    expect(passes(plan, 'train')).toBeLessThanOrEqual(most);
  });
});

describe.each(['swiftshader', 'lavapipe'] as const)('on %s', (profile) => {
  const shapes = [
    [ROWS, COLUMNS],
    [8192, 1024],
    [64, 50000],
  ] as const;

  test.each(shapes)('%i rows of %i are at most two passes', async (...shape) => {
    const [rows, columns] = shape;
    const bytes = 4 * rows * columns;
    const layers = [
      (x: btc.Tensor) => btc.softmax(x),
      (x: btc.Tensor) => btc.logSoftmax(x),
      btc.layerNorm(columns, { name: 'n' }),
    ];
    for (const layer of layers) {
      const plan = await planOf(alone(layer, shape), 'webgpu', profile);
      expect(passes(plan, 'predict', bytes)).toBeLessThanOrEqual(2);
    }
    const plan = await planOf(crossEntropy(...shape), 'webgpu', profile);
    expect(passes(plan, 'train', bytes)).toBeLessThanOrEqual(2);
  });

  test.each([
    ['layer norm', layerNorm],
    ['batch norm', batchNorm],
  ] as const)('%s in training is two each way, beside a bias gradient', async (_, layer) => {
    const plan = await planOf(within(layer), 'webgpu', profile);
    expect(passes(plan, 'train')).toBeLessThanOrEqual(5);
  });
});

describe('one pass on wasm', () => {
  const run = async (layer: Layer, x: Float32Array<ArrayBuffer>, shape: readonly number[]) => {
    const { plan, module, parameters } = await compile(
      () =>
        btc.defineModel({
          ...{ name: 'm', inputs: { x: btc.tensor([...shape]) } },
          build: ({ x }) => ({ y: layer(x) }),
        }),
      { target: 'wasm' },
    );
    expect(plan!.programs.predict.steps.length).toBe(1);
    const session = await load(plan!, { module: module!, parameters: parameters! });
    const { y } = await session.run('predict', { x });
    await session.destroy();
    return Array.from(y as ArrayLike<number>);
  };
  // So many rows that arrays of tiles are little beside them.
  const shape = [8192, 100] as const;
  const data = Float32Array.from({ length: 819_200 }, (_, i) => Math.fround(Math.sin(i * i)));
  const rowsOf = (values: Float32Array | readonly number[]) =>
    Array.from({ length: 256 }, (_, row) => [...values.slice(100 * row, 100 * row + 100)]);

  test('softmax is its closed form, of rows far from 0 as well', async () => {
    for (const offset of [0, 1e4, -1e4]) {
      const x = data.map((value) => value + offset);
      const given = rowsOf(await run(btc.softmax, x, shape));
      rowsOf(x).forEach((row, r) => {
        const most = Math.max(...row);
        const powers = row.map((value) => Math.exp(value - most));
        const total = powers.reduce((sum, one) => sum + one);
        powers.forEach((one, k) => {
          expect(Math.abs((given[r][k] * total) / one - 1)).toBeLessThan(1e-6);
        });
      });
    }
  });

  test('softmax of infinities and NaN is what it is in several passes', async () => {
    const x = data.slice();
    x.fill(Number.NEGATIVE_INFINITY, 0, 100);
    x.fill(Number.NEGATIVE_INFINITY, 101, 199);
    x[250] = Number.POSITIVE_INFINITY;
    x[350] = Number.NaN;
    const given = rowsOf(await run(btc.softmax, x, shape));
    expect(given[0].every(Number.isNaN)).toBe(true);
    expect(given[1].slice(1, 99)).toEqual(new Array(98).fill(0));
    expect(given[1][0] + given[1][99]).toBeCloseTo(1, 6);
    expect(given[2].every(Number.isNaN)).toBe(true);
    expect(given[3].every(Number.isNaN)).toBe(true);
  });

  test('layer norm is its closed form, of rows whose mean is 10,000 deviations from 0', async () => {
    const [rows, columns] = shape;
    const layer = btc.layerNorm(columns, { name: 'n' });
    for (const [offset, tolerance] of [
      [0, 2e-6],
      [1e4, 3e-3],
    ]) {
      const x = data.map((value) => value + offset);
      const given = await run(layer, x, [rows, columns]);
      rowsOf(x).forEach((row, r) => {
        const mean = row.reduce((sum, one) => sum + one) / columns;
        const variance = row.reduce((sum, one) => sum + (one - mean) ** 2, 0) / columns;
        row.forEach((one, k) => {
          const wanted = (one - mean) / Math.sqrt(variance + 1e-5);
          expect(Math.abs(given[r * columns + k] - wanted)).toBeLessThan(tolerance);
        });
      });
    }
  });
});
