import { describe, expect, it } from 'vitest';
import {
  adam,
  add,
  attention,
  batchNorm,
  compile,
  convolution,
  crossEntropy,
  defineModel,
  globalAveragePool,
  init,
  type LossScale,
  layerNorm,
  linear,
  lstm,
  type Model,
  maxPool2d,
  mean,
  mul,
  param,
  relu,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { decodeSafetensors } from '../../ir/safetensors.ts';
import { load, type Session } from '../../runtime/index.ts';
import { expectAgreement, openSession } from '../support/agreement.ts';
import { MODELS } from '../support/models.ts';
import { compileWitnessed } from '../support/reference.ts';

/** The interpreter rounds float64, targets f32: now and then to different neighbours, 2^-11 apart. */
const HALF_ERROR = 8e-3;

describe('with precision f16, wasm computes what the interpreter does behind the pass that rounds', () => {
  const some = [
    'perceptron, dropout, Adam with clipping',
    'LSTM whose steps share kernels, momentum',
    'LSTM whose parts fit no alignment',
    'embedding, layer norm, GRU, AdamW',
    'convolutions, pooling, Adam',
    'batch norm in a residual block',
  ];
  it.each(some)('%s', async (name) => {
    const options = { target: 'wasm', precision: 'f16' } as const;
    const { reference, ...made } = await compileWitnessed(MODELS[name](), options, 'halve');
    expect(made.plan.precision).toBe('f16');
    expect(made.plan.tensors.filter(({ dtype }) => dtype === 'f16')).not.toEqual([]);
    const session = await openSession(made);
    await expectAgreement([session], reference, 1, { error: HALF_ERROR });
    session.destroy();
  });
});

/** Layers of all kinds, wide enough that every activation is worth halving. */
const networks: Readonly<Record<string, () => Model>> = {
  perceptron: () =>
    classifier([64, 96], (x) => linear(128, 16)(relu(linear(128, 128)(relu(linear(96, 128)(x)))))),
  convolutions: () =>
    classifier([8, 16, 16, 3], (x) => {
      const first = relu(batchNorm(16)(convolution(3, 16, { kernel: 3, padding: 1 })(x)));
      const second = relu(convolution(16, 32, { kernel: 3, padding: 1 })(maxPool2d(first, 2)));
      return linear(32, 16)(globalAveragePool(second));
    }),
  transformer: () =>
    classifier([8, 24, 32], (x) => {
      const attended = add(x, attention(32, { heads: 4 })(layerNorm(32)(x)));
      return linear(32, 16)(mean(layerNorm(32)(attended), [1]));
    }),
  lstm: () => classifier([16, 12, 32], (x) => linear(64, 16)(lstm(32, 64)(x).state.hidden)),
};

function classifier(
  shape: readonly number[],
  build: (x: ReturnType<typeof relu>) => ReturnType<typeof relu>,
  lossScale?: LossScale,
): Model {
  return defineModel({
    name: 'net',
    inputs: { x: tensor(shape), label: tensor([shape[0]], 'i32') },
    build: ({ x }) => ({ logits: build(x) }),
    train: {
      loss: ({ logits }, { label }) => crossEntropy(logits, label),
      optimizer: adam({ clipNorm: 1 }),
      precision: 'f16',
      ...(lossScale === undefined ? {} : { lossScale }),
    },
  });
}

async function planOf(model: Model, options: Parameters<typeof compile>[1] = {}): Promise<Plan> {
  const { plan, diagnostics } = await compile(model, { target: 'wasm', ...options });
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  return plan!;
}

describe('what is stored as a half', () => {
  it.each(Object.entries(networks))('%s', async (_, make) => {
    const plan = await planOf(make());
    const { tensors } = plan;
    for (const { name, dtype, role, shape, bytes } of tensors) {
      if (role !== 'activation') expect([name, dtype]).not.toContain('f16');
      const elements = shape.reduce((product, extent) => product * extent, 1);
      expect(bytes).toBe(dtype === 'f16' ? 4 * Math.ceil(elements / 2) : 4 * elements);
    }
    // What is left in f32 are sums: few elements.
    const input = tensors.find(({ role }) => role === 'input')!;
    const wide = tensors.filter(
      ({ role, dtype, shape, bytes }) =>
        role === 'activation' &&
        dtype === 'f32' &&
        shape[0] === input.shape[0] &&
        bytes > input.bytes / 8,
    );
    expect(wide.map(({ name }) => name)).toEqual([]);
    // Weights of contractions have a copy.
    const copies = tensors.filter(({ role, dtype }) => role === 'activation' && dtype === 'f16');
    for (const { name, role, shape } of tensors)
      if (role === 'parameter' && shape.length > 1)
        expect(
          copies.filter((copy) => copy.shape.join() === shape.join()).length,
          name,
        ).toBeGreaterThanOrEqual(1);
  });

  it('activations of a deep network take little more than half', async () => {
    const deep = () =>
      classifier([256, 64], (x) => {
        let h = x;
        for (let layer = 0; layer < 12; layer++) h = relu(linear(64, 64)(h));
        return linear(64, 16)(h);
      });
    const [full, half] = [
      await planOf(deep(), { precision: 'f32' }),
      await planOf(deep(), { precision: 'f16' }),
    ];
    expect(full.precision).toBeUndefined();
    expect(half.memory.arenaBytes).toBeLessThan(0.75 * full.memory.arenaBytes);
    expect(half.memory.persistentBytes).toBeLessThanOrEqual(full.memory.persistentBytes + 32);
  });

  it('a plan for WebGPU names the feature that it needs, and one without halves does not', async () => {
    const half = await planOf(networks.perceptron(), { target: 'webgpu' });
    expect(half.features).toEqual(['shader-f16']);
    expect(half.kernels.some(({ wgsl }) => wgsl!.startsWith('enable f16;'))).toBe(true);
    const full = await planOf(networks.perceptron(), { target: 'webgpu', precision: 'f32' });
    expect(full.features).toBeUndefined();
    expect((await planOf(networks.perceptron())).features).toBeUndefined();
  });
});

/** A linear map of one weight: gradient x·y of the loss mean(y·w·x). */
function scaled(
  lossScale: LossScale | undefined,
  precision: 'f16' | 'f32' = 'f16',
  more: { readonly exchange?: boolean } = {},
): Model {
  return defineModel({
    name: 'scaled',
    inputs: { x: tensor([64, 64]), y: tensor([64, 64]) },
    build: ({ x }) => ({ out: linear(64, 64, { name: 'w', bias: false })(x) }),
    train: {
      loss: ({ out }, { y }) => mean(mul(out, y)),
      optimizer: sgd({ learningRate: 1 }),
      precision,
      ...(lossScale === undefined ? {} : { lossScale }),
      ...more,
    },
  });
}

async function sessionOf(model: Model): Promise<Session> {
  const { plan, module, parameters } = await compile(model, { target: 'wasm' });
  return load(plan!, { module: module!, parameters: parameters! });
}

const filled = (value: number) => new Float32Array(64 * 64).fill(value);
const stateOf = async (session: Session) => {
  const { tensors } = decodeSafetensors(await session.saveCheckpoint());
  const [change, good] = ['lossScale.change', 'lossScale.goodSteps'].map(
    (name) => tensors.get(name)!.data[0],
  );
  return { change, good };
};

describe('the scale of the loss', () => {
  it('keeps gradients that are below the least half', async () => {
    // The gradient of an output is y / 4096, which is 2^-32 here: no half but 0 without a scale.
    const [x, y] = [filled(1), filled(2 ** -20)];
    const moved = async (lossScale: LossScale) => {
      const session = await sessionOf(scaled(lossScale));
      const before = (await session.readParameters())['w.weight'].slice();
      await session.run('train', { x, y, learningRate: 2 ** 20 });
      const after = (await session.readParameters())['w.weight'];
      session.destroy();
      return before[0] - after[0];
    };
    expect(await moved(1)).toBe(0);
    // 64 examples, each of 2^-32, times the learning rate.
    for (const scale of [65536, 'dynamic'] as const)
      expect(await moved(scale)).toBeCloseTo(2 ** -6, 6);
  });

  it('that is a power of two changes nothing in f32', async () => {
    const run = async (lossScale: LossScale | undefined) => {
      const session = await sessionOf(scaled(lossScale, 'f32'));
      const x = filled(0.3).map((value, k) => value * Math.sin(k));
      const losses = [];
      for (let step = 0; step < 3; step++)
        losses.push((await session.run('train', { x, y: x })).loss[0]);
      const weights = (await session.readParameters())['w.weight'].slice();
      session.destroy();
      return { losses, weights };
    };
    const plain = await run(undefined);
    expect(await run(1024)).toEqual(plain);
    expect(await run('dynamic')).toEqual(plain);
  });

  it('halves and skips the step where a gradient overflows, and doubles after good steps', async () => {
    const session = await sessionOf(scaled({ initial: 1024, growthInterval: 2 }));
    const weights = async () => (await session.readParameters())['w.weight'].slice();
    const step = (y: number) => session.run('train', { x: filled(1), y: filled(y) });
    expect(await stateOf(session)).toEqual({ change: 0, good: 0 });
    await step(1);
    expect(await stateOf(session)).toEqual({ change: 0, good: 1 });
    await step(1);
    expect(await stateOf(session)).toEqual({ change: 1024, good: 0 });
    const before = await weights();
    // 2048 · 2^20 / 4096 is beyond the halves.
    const { loss } = await step(2 ** 20);
    expect(Number.isFinite(loss[0])).toBe(true);
    expect(await weights()).toEqual(before);
    expect(await stateOf(session)).toEqual({ change: 0, good: 0 });
    await step(Number.NaN);
    expect(await weights()).toEqual(before);
    expect(await stateOf(session)).toEqual({ change: -512, good: 0 });
    await step(1);
    expect(await weights()).not.toEqual(before);
    session.destroy();
  });

  it('halves and skips the step where exchanged gradients overflow, as they are handed out', async () => {
    const session = await sessionOf(scaled({ initial: 1024 }, 'f16', { exchange: true }));
    const weights = async () => (await session.readParameters())['w.weight'].slice();
    const before = await weights();
    const exchanged = async (y: number) => {
      const { loss, ...given } = await session.run('gradients', { x: filled(1), y: filled(y) });
      expect(Number.isFinite(loss[0])).toBe(true);
      await session.run('apply', given);
      return given['w.weight.gradient'][0];
    };
    expect(await exchanged(2 ** 20)).toBe(Number.POSITIVE_INFINITY);
    expect(await weights()).toEqual(before);
    expect(await stateOf(session)).toEqual({ change: -512, good: 0 });
    expect(await exchanged(1)).toBeCloseTo(1 / 64, 6);
    expect(await stateOf(session)).toEqual({ change: -512, good: 1 });
    expect(await weights()).not.toEqual(before);
    session.destroy();
  });

  it('goes on from a checkpoint', async () => {
    const first = await sessionOf(scaled({ initial: 8, growthInterval: 1 }));
    const inputs = { x: filled(1), y: filled(1) };
    await first.run('train', inputs);
    const checkpoint = await first.saveCheckpoint();
    const second = await sessionOf(scaled({ initial: 8, growthInterval: 1 }));
    await second.loadCheckpoint(checkpoint);
    expect(await stateOf(second)).toEqual({ change: 8, good: 0 });
    first.destroy();
    second.destroy();
  });

  it('works with micro-batches', async () => {
    const model = classifier([64, 32], (x) => linear(32, 16)(relu(linear(32, 32)(x))));
    const { plan, module, parameters, diagnostics } = await compile(model, {
      target: 'wasm',
      microBatch: 4,
    });
    expect(diagnostics).toEqual([]);
    const session = await load(plan!, { module: module!, parameters: parameters! });
    const x = new Float32Array(64 * 32).map((_, k) => Math.sin(k));
    const label = new Int32Array(64).map((_, k) => k % 16);
    const losses = [];
    for (let step = 0; step < 30; step++)
      losses.push((await session.run('train', { x, label })).loss[0]);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
    expect(await stateOf(session)).toEqual({ change: 0, good: 30 });
    session.destroy();
  });
});

describe('mistakes', () => {
  const messages = async (train: object, options: object = {}) => {
    const model = defineModel({
      name: 'wrong',
      inputs: { x: tensor([2, 2]) },
      build: ({ x }) => ({ out: linear(2, 2)(x) }),
      train: { loss: ({ out }) => mean(out), optimizer: sgd(), ...train },
    });
    const { plan, diagnostics } = await compile(model, { target: 'wasm', ...options });
    expect(plan).toBeNull();
    for (const { source } of diagnostics)
      if (Object.keys(options).length === 0)
        expect(source?.file).toMatch(/half-precision\.test\.ts$/);
    return diagnostics.map(({ code, message }) => `${code}: ${message}`);
  };
  it.each([
    [{ precision: 'bf16' }, "'precision' is 'bf16'; it must be 'f32' or 'f16'"],
    [{ precision: null }, "'precision' is null; it must be 'f32' or 'f16'"],
    [{ lossScale: 0 }, "'lossScale' is 0; it must be a positive number, 'dynamic' or its settings"],
    [{ lossScale: Number.NaN }, "'lossScale' is NaN; it must be a positive number"],
    [{ lossScale: 'auto' }, "'lossScale' is 'auto'; it must be a positive number"],
    [{ lossScale: { initial: 0.5 } }, "'lossScale.initial' is 0.5; it must be from 1 to 16777216"],
    [
      { lossScale: { growthInterval: 0 } },
      "'lossScale.growthInterval' is 0; it must be a number of steps",
    ],
  ])('%j', async (train, message) => {
    expect(await messages(train)).toEqual([
      expect.stringContaining(`BTC2015: 'train': ${message}`),
    ]);
  });

  it('options of the build', async () => {
    expect(await messages({}, { precision: 'bf16' })).toEqual([
      "BTC4006: 'precision' is 'bf16'; it must be one of f32, f16",
    ]);
    expect(await messages({}, { half: 'all' })).toEqual([
      "BTC4006: 'half' is 'all'; it must be one of none, auto",
    ]);
  });

  it('a parameter with the name of a state of the scale', async () => {
    const model = defineModel({
      name: 'taken',
      inputs: { x: tensor([2, 2]) },
      build: ({ x }) => ({ out: add(x, param('lossScale.change', [2, 2], init.zeros)) }),
      train: { loss: ({ out }) => mean(out), optimizer: sgd() },
    });
    const { diagnostics } = await compile(model, { target: 'wasm' });
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1016']);
  });
});
