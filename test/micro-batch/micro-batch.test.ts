import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import type { Session } from '../../runtime/index.ts';
import { openSession } from '../support/agreement.ts';
import { compileText } from '../support/compile-text.ts';
import { compileWitnessed, randomInputs } from '../support/reference.ts';

// A training step in micro-batches is the step of the whole batch, up to rounding.

const BATCH = 8;
const CLASSES = 5;
const STEPS = 3;
type Inputs = Readonly<Record<string, Float32Array | Int32Array>>;

const classifier = (x: btc.Tensor, body: (x: btc.Tensor) => btc.Tensor): { logits: btc.Tensor } => {
  const features = body(x);
  return { logits: btc.linear(features.shape[1], CLASSES)(features) };
};

const trainedBy = (optimizer: () => btc.Optimiser) => ({
  optimizer: optimizer(),
  loss: ({ logits }: { logits: btc.Tensor }, { label }: { label: btc.Tensor }) =>
    btc.crossEntropy(logits, label),
  metrics: ({ logits }: { logits: btc.Tensor }) => ({ scores: logits }),
});

const image = { x: btc.tensor([BATCH, 6, 6, 2]), label: btc.tensor([BATCH], 'i32') };
const rows = { x: btc.tensor([BATCH, 6]), label: btc.tensor([BATCH], 'i32') };

const perceptron = (optimizer: () => btc.Optimiser) => () =>
  btc.defineModel({
    name: 'mlp',
    inputs: rows,
    build: ({ x }) => classifier(x, (x) => btc.dropout(btc.relu(btc.linear(6, 16)(x)), 0.3)),
    train: trainedBy(optimizer),
  });

const convolutional = (norm: boolean) => () =>
  btc.defineModel({
    name: 'cnn',
    inputs: image,
    build: ({ x }) =>
      classifier(x, (x) => {
        const y = btc.convolution(2, 8, { kernel: 3, padding: 'same', bias: !norm })(x);
        return btc.mean(btc.relu(norm ? btc.batchNorm(8)(y) : y), [1, 2]);
      }),
    train: trainedBy(() => btc.sgd({ learningRate: 0.1, momentum: 0.9 })),
  });

const recurrent = () =>
  btc.defineModel({
    name: 'rnn',
    inputs: { words: btc.tensor([BATCH, 5], 'i32'), label: btc.tensor([BATCH], 'i32') },
    build: ({ words }) => {
      const steps = btc.embedding(CLASSES, 6)(words);
      return classifier(
        btc.mean(btc.softmax(btc.matmul(steps, btc.transpose(steps, [0, 2, 1]))), 1),
        btc.tanh,
      );
    },
    train: trainedBy(() => btc.adam({ learningRate: 0.01, epsilon: 1e-3 })),
  });

const masked = () =>
  btc.defineModel({
    name: 'masked',
    inputs: rows,
    build: ({ x }) => ({ logits: btc.linear(6, CLASSES)(x) }),
    train: {
      optimizer: btc.sgd({ weightDecay: 0.1 }),
      loss: ({ logits }, { label }) => btc.crossEntropy(logits, label, { ignoreIndex: 2 }),
    },
  });

const MODELS = {
  'dropout, adam': perceptron(() => btc.adam({ learningRate: 0.01, epsilon: 1e-3 })),
  'weight decay, clipping of the norm': perceptron(() =>
    btc.sgd({ learningRate: 0.1, weightDecay: 0.1, clipNorm: 0.05 }),
  ),
  'clipping of values': perceptron(() => btc.adamw({ clipValue: 0.01, epsilon: 1e-3 })),
  convolutions: convolutional(false),
  'an embedding, contractions of examples with themselves': recurrent,
  'a mean over what the labels leave': masked,
};

async function trained(
  model: () => btc.Model,
  options: btc.CompileOptions,
  inputsOf?: (inputs: Inputs) => Inputs,
) {
  const made = await btc.compile(model, { target: 'wasm', ...options });
  if (!made.plan) throw new Error(made.diagnostics.map(({ message }) => message).join('\n'));
  const session: Session = await openSession(made);
  const seen: Record<string, number[]> = {};
  for (let step = 0; step < STEPS; step++)
    for (const program of ['train', 'predict']) {
      const inputs = randomInputs(made.plan, program, { classes: CLASSES, step, seed: 3 });
      const outputs = await session.run(program, inputsOf ? inputsOf(inputs) : inputs);
      for (const [name, data] of Object.entries(outputs))
        seen[`${program}.${name} ${step}`] = [...data];
    }
  for (const [name, data] of Object.entries(await session.readParameters())) seen[name] = [...data];
  session.destroy();
  return { plan: made.plan, seen };
}

function expectClose(given: Record<string, number[]>, wanted: Record<string, number[]>): void {
  expect(Object.keys(given)).toEqual(Object.keys(wanted));
  for (const [name, values] of Object.entries(wanted)) {
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    const worst = values.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - given[name][i])),
      0,
    );
    expect(worst / scale, name).toBeLessThan(2e-5);
  }
}

describe('results are those of the whole batch', () => {
  test.each(Object.entries(MODELS))('%s', async (_, model) => {
    const whole = await trained(model, {});
    expect(whole.plan.microBatches).toBeUndefined();
    for (const parts of [2, 8]) {
      const cut = await trained(model, { microBatch: parts });
      expect(cut.plan.microBatches).toEqual({ parts, norm: 'whole' });
      expect(cut.plan.graphActions).toEqual(['micro-batch']);
      expectClose(cut.seen, whole.seen);
    }
  });

  test('on WebGPU', async () => {
    const options = { target: 'webgpu', limits: { maxWorkgroupBytes: 0 } } as const;
    const model = MODELS['dropout, adam'];
    const whole = await trained(model, options);
    const cut = await trained(model, { ...options, microBatch: 4 });
    expectClose(cut.seen, whole.seen);
  });

  test('and of the interpreter', async () => {
    const made = await compileWitnessed(MODELS.convolutions, { target: 'wasm', microBatch: 4 });
    const session = await openSession(made);
    const inputs = randomInputs(made.plan, 'train', { classes: CLASSES, step: 0, seed: 1 });
    const wanted = made.reference.run('train', inputs);
    const given = await session.run('train', inputs);
    expect(given.loss[0]).toBeCloseTo(wanted.loss[0], 5);
    session.destroy();
  });
});

test('batch norm takes statistics of a part where that is allowed', async () => {
  const model = convolutional(true);
  const refused = await btc.compile(model, { target: 'wasm', microBatch: 2 });
  expect(refused.diagnostics.map(({ code }) => code)).toEqual(['BTC4021']);
  // Of a batch that is one half twice, both halves have the statistics of the whole.
  const twice = (inputs: Inputs): Inputs =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, data]) => {
        const copy = data.slice();
        if (data.length >= BATCH) copy.copyWithin(data.length / 2, 0, data.length / 2);
        return [name, copy];
      }),
    );
  const whole = await trained(model, {}, twice);
  const cut = await trained(model, { microBatch: 2, microBatchNorm: true }, twice);
  expect(cut.plan.microBatches).toEqual({ parts: 2, norm: 'part' });
  expectClose(cut.seen, whole.seen);
});

describe('memory', () => {
  const deep = () =>
    btc.defineModel({
      name: 'deep',
      inputs: { x: btc.tensor([16, 16, 16, 2]) },
      build: ({ x }) => {
        let y = x;
        for (let k = 0; k < 6; k++)
          y = btc.relu(btc.convolution(y.shape[3], 8, { kernel: 3, padding: 'same' })(y));
        return { y };
      },
      train: { loss: ({ y }) => btc.mean(btc.square(y)), optimizer: btc.sgd() },
    });
  const arenaOf = async (options: btc.CompileOptions) => {
    const { plan } = await btc.compile(deep, { target: 'wasm', ...options });
    return plan!.programs.train.predicted ? plan! : null!;
  };

  test('of activations falls with the number of parts', async () => {
    const whole = (await arenaOf({})).memory.arenaBytes;
    expect((await arenaOf({ microBatch: 4 })).memory.arenaBytes).toBeLessThan(0.5 * whole);
  });

  test('a search takes them where nothing else keeps a budget, and none without a budget', async () => {
    const free = await arenaOf({ microBatch: 'auto' });
    expect(free.microBatches).toBeUndefined();
    const budgetBytes = Math.floor(0.6 * free.memory.deviceBytes);
    const options = { target: 'wasm', budgetBytes, recompute: 'none', swap: 'none' } as const;
    expect((await btc.compile(deep, options)).plan).toBeNull();
    const { plan } = await btc.compile(deep, { ...options, microBatch: 'auto' });
    expect(plan!.microBatches!.parts).toBeGreaterThan(1);
    expect(plan!.memory.deviceBytes).toBeLessThanOrEqual(budgetBytes);
  });
});

describe('what cannot be cut is refused', () => {
  const model = (
    loss: string,
    build = 'return { y: mul(x, param("w", [3], init.ones)) }',
  ) => `defineModel({
    name: 'm', inputs: { x: tensor([6, 3]) },
    build({ x }) { ${build} },
    train: { loss: ({ y }) => ${loss}, optimizer: sgd() },
  })`;
  const codes = async (text: string, microBatch: number) =>
    (await compileText(text, { microBatch })).diagnostics.map(({ code, source }) => [
      code,
      source?.line,
    ]);

  test.each([
    ['a number that does not divide the batch', model('mean(square(y))'), 4, 'BTC4020', undefined],
    [
      'similarities of examples',
      model('mean(square(matmul(y, transpose(y, [1, 0]))))'),
      2,
      'BTC4021',
      4,
    ],
    [
      'differences to the mean example',
      model('mean(square(square(sub(y, mean(y, 0)))))'),
      2,
      'BTC4021',
      4,
    ],
    ['a loss that is no mean', model('sqrt(mean(square(y)))'), 2, 'BTC4021', 4],
    ['a softmax over examples', model('mean(square(softmax(y, 0)))'), 2, 'BTC4021', 4],
  ])('%s', async (_, text, parts, code, line) => {
    expect(await codes(text, parts)).toEqual([[code, line]]);
  });

  test('a model without a batch', async () => {
    const text = `defineModel({ name: 'm', inputs: { x: tensor([]) },
      build: ({ x }) => ({ y: mul(x, param('w', [], init.ones)) }),
      train: { loss: ({ y }) => square(y), optimizer: sgd() } })`;
    expect(await codes(text, 2)).toEqual([['BTC4022', undefined]]);
  });

  test('a batch of one', async () => {
    const text = model('mean(square(y))').replace('[6, 3]', '[1, 3]');
    expect(await codes(text, 2)).toEqual([['BTC4020', undefined]]);
  });
});

describe('tensors larger than a binding', () => {
  const model = () =>
    btc.defineModel({
      name: 'large',
      inputs: rows,
      build: ({ x }) =>
        classifier(x, (x) => btc.relu(btc.linear(64, 32)(btc.relu(btc.linear(6, 64)(x))))),
      train: trainedBy(() => btc.sgd({ learningRate: 0.1, momentum: 0.9 })),
    });

  test('are cut: parameters become several, and the batch is in parts', async () => {
    const whole = await trained(model, {});
    // The weight of 64 x 32 takes 8 KiB, hidden values 2 KiB.
    const cut = await trained(model, { limits: { maxBindingBytes: 2048 } });
    const names = Object.keys(cut.seen).filter((name) => /linear2\.weight/.test(name));
    expect(names.length).toBe(4);
    const joined = { ...cut.seen };
    for (const name of names) delete joined[name];
    const weight = Object.keys(whole.seen).find((name) => /linear2\.weight$/.test(name))!;
    joined[weight] = names.flatMap((name) => cut.seen[name]);
    const sorted = (seen: Record<string, number[]>) =>
      Object.fromEntries(Object.entries(seen).sort(([a], [b]) => (a < b ? -1 : 1)));
    expectClose(sorted(joined), sorted(whole.seen));
  });

  const table = btc.embedding(1009, 16);
  const words = btc.embedding(64, 16);
  const [inner, outer] = [btc.linear(16, 16), btc.linear(16, 1)];
  test.each<[string, btc.ModelDefinition['inputs'], btc.ModelDefinition['build'], number]>([
    [
      'a table of a prime number of rows, which no number of parts makes smaller',
      { words: btc.tensor([BATCH, 16], 'i32') },
      ({ words: chosen }) => ({ y: table(chosen) }),
      1,
    ],
    [
      'an output, which is as large in any parts',
      { words: btc.tensor([BATCH, 256], 'i32') },
      ({ words: chosen }) => ({ y: words(chosen) }),
      1,
    ],
    [
      'an input, which is as large in any parts',
      { x: btc.tensor([BATCH, 4096]) },
      ({ x }) => ({ y: x.tanh().mean(1) }),
      1,
    ],
    [
      'activations that are too large in the smallest parts',
      { words: btc.tensor([BATCH, 256], 'i32') },
      ({ words: chosen }) => ({
        y: outer(inner(words(chosen)).tanh())
          .tanh()
          .mean(1),
      }),
      2,
    ],
  ])('are given up without plans that cannot help: %s', async (_, inputs, build, plans) => {
    const lowered: string[] = [];
    const made = () => btc.defineModel({ name: 'words', inputs, build });
    const { diagnostics } = await btc.compile(made(), {
      limits: { maxBindingBytes: 8192 },
      onProgress: (at) => {
        if (at.kind === 'pass' && at.pass === 'lower') lowered.push(at.pass);
      },
    });
    expect(new Set(diagnostics.map(({ code }) => code))).toEqual(new Set(['BTC4002']));
    expect(lowered.length).toBe(plans);
  });

  test('with batch norm exactly: all parts run up to where examples are combined', async () => {
    const whole = await trained(convolutional(true), {});
    const cut = await trained(convolutional(true), { limits: { maxBindingBytes: 5120 } });
    expect(cut.plan.graphActions).toEqual(['split']);
    expectClose(cut.seen, whole.seen);
  });
});
