import { expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import type { CompileOptions } from '../../compiler/driver/result.ts';
import * as btc from '../../compiler/language.ts';
import { openSession } from '../support/agreement.ts';

// What becomes sums on the way from a model to kernels, measured by closed forms: all terms of a sum are equal.

/** Elements of `x`; every fifth row is of kind 1, the others of kind 0. */
const X = Math.fround(0.7);
const G = Math.fround(1.1);

const model = (side: number) => () => {
  const count = side * side;
  return btc.defineModel({
    name: 'sums',
    inputs: {
      x: btc.tensor([count, 4]),
      g: btc.tensor([count, 3]),
      kind: btc.tensor([count], 'i32'),
    },
    build: ({ x, g, kind }) => {
      const image = btc.reshape(x, [1, side, side, 4]);
      const ofKind1 = btc.mul(x, btc.reshape(btc.cast(kind, 'f32'), [count, 1]));
      return {
        sum: btc.sum(x),
        mean: btc.mean(x),
        columns: btc.sum(x, [0]),
        squares: btc.sumOfSquares(x),
        product: btc.matmul(btc.transpose(x), g),
        dot: btc.einsum('ki,ki->', x, x),
        batched: btc.einsum('ki,kj->i', x, g),
        softmax: btc.softmax(btc.reshape(x, [4 * count])),
        entropy: btc.crossEntropy(btc.slice(x, 1, 0, 2), kind),
        error: btc.meanSquaredError(g, btc.full([count, 3], 0)),
        pooled: btc.globalAveragePool(image),
        windows: btc.avgPool2d(image, side, { stride: side }),
        batchMean: btc.mean(ofKind1, [0]),
        batchVariance: btc.variance(ofKind1, [0]),
      };
    },
    train: {
      loss: ({ sum }, { x, g, kind }) => {
        const zeros = (name: string, shape: number[]) => btc.param(name, shape, btc.init.zeros);
        const weight = zeros('weight', [4, 3]);
        const bias = zeros('bias', [3]);
        const table = zeros('table', [3, 4]);
        const kernel = zeros('kernel', [3, 3, 4, 1]);
        const image = btc.reshape(x, [1, side, side, 4]);
        const parts = [
          btc.sum(btc.mul(btc.add(btc.matmul(x, weight), bias), g)),
          btc.sum(btc.mul(btc.gather(table, kind), x)),
          btc.sum(btc.conv2d(image, kernel)),
        ];
        return parts.reduce((a, b) => btc.add(a, b), btc.mul(sum, 0));
      },
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
};

/** Relative errors of all outputs and gradients, the largest of each. */
async function errorsOf(side: number, options: CompileOptions): Promise<Record<string, number>> {
  const compiled = await compile(model(side), options);
  if (!compiled.plan) throw new Error(compiled.diagnostics.map(({ message }) => message).join());
  const session = await openSession(compiled);
  const count = side * side;
  const inputs = {
    x: new Float32Array(4 * count).fill(X),
    g: new Float32Array(3 * count).fill(G),
    kind: Int32Array.from({ length: count }, (_, k) => Number(k % 5 === 0)),
  };
  const outputs = await session.run('predict', inputs);
  await session.run('train', inputs);
  const parameters = await session.readParameters();
  session.destroy();
  const ones = Math.ceil(count / 5);
  const share = ones / count;
  const wanted: Record<string, readonly number[]> = {
    sum: [4 * count * X],
    mean: [X],
    columns: [count * X],
    squares: [4 * count * X * X],
    product: [count * X * G],
    dot: [4 * count * X * X],
    batched: [3 * count * X * G],
    softmax: [1 / (4 * count)],
    entropy: [Math.LN2],
    error: [G * G],
    pooled: [X],
    windows: [X],
    weight: [-count * X * G],
    bias: [-count * G],
    table: [...Array(4).fill(-(count - ones) * X), ...Array(4).fill(-ones * X), 0, 0, 0, 0],
    kernel: [-((side - 2) ** 2) * X],
    batchMean: [share * X],
    batchVariance: [share * (1 - share) * X * X],
  };
  const given: Record<string, ArrayLike<number>> = { ...outputs, ...parameters };
  return Object.fromEntries(
    Object.entries(wanted).map(([name, values]) => {
      const errors = Array.from(given[name], (value, i) => {
        const right = values[i % values.length];
        return Math.abs(value - right) / (right === 0 ? 1 : Math.abs(right));
      });
      return [name, errors.reduce((a, b) => Math.max(a, b))];
    }),
  );
}

const small = (errors: Record<string, number>) =>
  Object.entries(errors).filter(([, error]) => !(error <= 1e-5));

test('wasm: all sums of a model over more than a million rows, 1021²', async () => {
  expect(small(await errorsOf(1021, { target: 'wasm' }))).toEqual([]);
});

test('WebGPU without workgroup memory: all sums of a model over 300² rows', async () => {
  const errors = await errorsOf(300, { target: 'webgpu', limits: { maxWorkgroupBytes: 0 } });
  expect(small(errors)).toEqual([]);
});

// A software GPU switches threads at every barrier.
test('WebGPU by default: all sums of a model over 101² rows', async () => {
  expect(small(await errorsOf(101, { target: 'webgpu' }))).toEqual([]);
});
