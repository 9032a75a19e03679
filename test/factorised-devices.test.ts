import { describe, expect, test } from 'vitest';
import {
  add,
  blockTerm,
  convolution,
  cp,
  cpKernel,
  defineModel,
  embedding,
  type Factorisation,
  gru,
  hierarchicalTucker,
  init,
  linear,
  lowRank,
  lstm,
  mul,
  param,
  rnn,
  sgd,
  sum,
  type Tensor,
  tensor,
  tensorRing,
  tensorTrain,
  tensorTrainKernel,
  tucker,
  tuckerKernel,
} from '../compiler/index.ts';
import { load } from '../runtime/index.ts';
import { testGpu } from './support/gpu.ts';
import { compileWitnessed, randomInputs } from './support/reference.ts';

// That factorised layers equal their dense matrices is tested in float64; here devices are held against float64.

const MODES = { inputModes: [3, 4, 2], outputModes: [2, 3, 4] };
const FORMS: Readonly<Record<string, Factorisation>> = {
  'low-rank': lowRank({ rank: 5 }),
  CP: cp({ ...MODES, rank: 4 }),
  Tucker: tucker({ ...MODES, rank: 2 }),
  'tensor-train': tensorTrain({ ...MODES, ranks: [3, 2] }),
  'tensor-ring': tensorRing({ ...MODES, rank: 2 }),
  'block-term': blockTerm({
    ...MODES,
    ranks: [
      [2, 3, 2],
      [1, 2, 2],
    ],
  }),
  'hierarchical Tucker': hierarchicalTucker({ ...MODES, rank: 3 }),
};
const inputWeight = FORMS['tensor-train'];
const hiddenWeight = FORMS['block-term'];
const convolved = (weight: NonNullable<Parameters<typeof convolution>[2]['weight']>) =>
  [[2, 5, 6, 4], convolution(4, 6, { kernel: 3, padding: 'same', weight })] as const;

/** A shape of inputs, and a layer. */
const LAYERS: Readonly<Record<string, readonly [readonly number[], (x: Tensor) => Tensor]>> = {
  ...Object.fromEntries(
    Object.entries(FORMS).map(([name, weight]) => [name, [[5, 24], linear(24, 24, { weight })]]),
  ),
  RNN: [[3, 4, 24], (x) => rnn(24, 24, { inputWeight, hiddenWeight })(x).outputs],
  GRU: [[3, 4, 24], (x) => gru(24, 24, { inputWeight, hiddenWeight })(x).outputs],
  LSTM: [[3, 4, 24], (x) => lstm(24, 24, { inputWeight, hiddenWeight })(x).outputs],
  'Tucker-2 kernel': convolved(tuckerKernel({ inputRank: 2, outputRank: 3 })),
  'CP kernel': convolved(cpKernel({ rank: 3 })),
  'tensor-train kernel': convolved(tensorTrainKernel({ ranks: [3, 4, 3] })),
};

/** Gradient descent of rate 1 on Σ y·dy: parameters move by their gradients, `shift` by that of the input. */
function modelOf(shape: readonly number[], layer: (x: Tensor) => Tensor) {
  const y = (x: Tensor) => layer(add(x, param('shift', shape, init.zeros)));
  return defineModel({
    name: 'devices',
    inputs: { x: tensor([...shape]) },
    build: ({ x }) => ({ y: y(x) }),
    train: {
      loss: ({ y: result }) => sum(mul(result, add(result, 1))),
      optimizer: sgd({ learningRate: 0.125 }),
    },
  });
}

function expectClose(given: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  let [error, size] = [0, 0];
  for (let k = 0; k < wanted.length; k++) {
    error += (given[k] - wanted[k]) ** 2;
    size += wanted[k] ** 2;
  }
  expect(size, what).toBeGreaterThan(0);
  expect(Math.sqrt(error / size), what).toBeLessThan(1e-4);
}

/** A software GPU takes seconds to compile each kernel with barriers. Chains in workgroup memory are in test/agreement.test.ts. */
const LIMITS = { wasm: {}, webgpu: { limits: { maxWorkgroupBytes: 0 } } } as const;

const change = (after: ArrayLike<number>, before: ArrayLike<number>) =>
  Float64Array.from(after, (value, k) => value - before[k]);

describe.each(['wasm', 'webgpu'] as const)(
  'on %s results and gradients are within 1e-4',
  (target) => {
    test.each(Object.entries(LAYERS))('%s', async (_, [shape, layer]) => {
      const { plan, module, parameters, reference } = await compileWitnessed(
        modelOf(shape, layer),
        { target, ...LIMITS[target] },
      );
      const session = await load(plan, {
        parameters,
        ...(target === 'wasm' ? { module } : { gpu: await testGpu() }),
      });
      const inputs = randomInputs(plan, 'predict', { classes: 2, step: 0, seed: 11 });
      const { y } = await session.run('predict', inputs);
      expectClose(y, reference.run('predict', inputs)['y'], 'y');
      const before = { ...reference.parameters };
      await session.run('train', inputs);
      reference.run('train', { ...inputs, learningRate: [0.125] });
      for (const [name, values] of Object.entries(await session.readParameters()))
        expectClose(
          change(values, before[name]),
          change(reference.parameters[name], before[name]),
          `gradient of ${name}`,
        );
      session.destroy();
    });

    test('embedding', async () => {
      const words = embedding(24, 24, { weight: inputWeight });
      const model = defineModel({
        name: 'rows',
        inputs: { words: tensor([7], 'i32') },
        build: ({ words: index }) => ({ y: words(index) }),
      });
      const { plan, module, parameters, reference } = await compileWitnessed(model, {
        target,
        ...LIMITS[target],
      });
      const session = await load(plan, {
        parameters,
        ...(target === 'wasm' ? { module } : { gpu: await testGpu() }),
      });
      const [program] = Object.keys(plan.programs);
      const inputs = randomInputs(plan, program, { classes: 24, step: 0, seed: 11 });
      const { y } = await session.run(program, inputs);
      expectClose(y, reference.run(program, inputs)['y'], 'y');
      session.destroy();
    });
  },
);
