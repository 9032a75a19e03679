import { describe, expect, test } from 'vitest';
import {
  adam,
  adamw,
  batchNorm,
  type CompileOptions,
  compile,
  defineModel,
  dropout,
  frozen,
  globalNorm,
  init,
  linear,
  type Model,
  type Optimiser,
  param,
  sgd,
  type Tensor,
  tensor,
} from '../../compiler/index.ts';
import { load, type Session } from '../../runtime/index.ts';
import { openSafetensors } from '../../runtime/weights/index.ts';
import { programOf } from './run-program.ts';

async function sessionOf(model: Model, options: CompileOptions = {}): Promise<Session> {
  const { plan, module, parameters, diagnostics } = await compile(model, {
    ...{ target: 'wasm', ...options },
  });
  expect(diagnostics).toEqual([]);
  return load(plan!, { module: module!, parameters: parameters! });
}

/** Numbers that look random and are the same every time. */
const numbers = (count: number, seed = 1) =>
  Float32Array.from({ length: count }, (_, k) => Math.sin(12.9898 * (k + 1) * seed) * 0.9);

function regression(optimizer: Optimiser, rows: number, extra = {}): Model {
  const hidden = linear(3, 5);
  const out = linear(5, 1);
  return defineModel({
    name: 'regression',
    inputs: { x: tensor([rows, 3]), y: tensor([rows, 1]) },
    build: ({ x }) => ({ y: out(hidden(x).tanh()) }),
    train: {
      loss: (outputs, { y }) => outputs.y.sub(y).square().mean(),
      optimizer,
      gradientMetrics: (gradients) => ({ norm: globalNorm(gradients) }),
      ...extra,
    },
  });
}

function expectClose(given: Record<string, ArrayLike<number>>, wanted: typeof given, digits = 6) {
  expect(Object.keys(given).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, values] of Object.entries(wanted))
    Array.from(values).forEach((value, k) => {
      expect(given[name][k], `${name}[${k}]`).toBeCloseTo(value, digits);
    });
}

/** All that a checkpoint has of tensors. */
async function parametersAndStates(session: Session): Promise<Record<string, number[]>> {
  const file = await openSafetensors(await session.saveCheckpoint());
  const values: Record<string, number[]> = {};
  for (const name of file.tensors.keys())
    values[name] = Array.from((await file.read(name)).data, Number);
  return values;
}

const OPTIMISERS: Readonly<Record<string, () => Optimiser>> = {
  'adamw with decay and averages': () =>
    adamw({ learningRate: 0.05, weightDecay: 0.1, average: 0.9 }),
  sgd: () => sgd({ learningRate: 0.1, momentum: 0.9 }),
  'adam with clipping': () => adam({ learningRate: 0.05, clipNorm: 0.3 }),
};

describe.each(Object.keys(OPTIMISERS))('%s', (name) => {
  const optimiser = OPTIMISERS[name];
  const x = numbers(24);
  const y = numbers(8, 3);

  test('three steps over accumulated quarters are three steps over the whole', async () => {
    const whole = await sessionOf(regression(optimiser(), 8));
    const parts = await sessionOf(regression(optimiser(), 2, { accumulate: true }));
    for (let step = 0; step < 3; step++) {
      const wanted = await whole.run('train', { x, y });
      let loss = 0;
      for (let part = 0; part < 4; part++) {
        const given = {
          x: x.subarray(part * 6, part * 6 + 6),
          y: y.subarray(part * 2, part * 2 + 2),
        };
        const outputs = await parts.run('accumulate', given);
        expect(Object.keys(outputs)).toEqual(['loss']);
        loss += outputs.loss[0] / 4;
      }
      expect(loss).toBeCloseTo(wanted.loss[0], 6);
      const { norm } = await parts.run('update');
      expect(norm[0]).toBeCloseTo(wanted.norm[0], 5);
      expectClose(await parts.readParameters(), await whole.readParameters());
    }
  });

  test('sums outlive a checkpoint, and an update clears them', async () => {
    const parts = await sessionOf(regression(optimiser(), 8, { accumulate: true }));
    const other = await sessionOf(regression(optimiser(), 8, { accumulate: true }));
    await parts.run('accumulate', { x, y });
    await other.loadCheckpoint(await parts.saveCheckpoint());
    for (const session of [parts, other]) {
      await session.run('accumulate', { x: numbers(24, 5), y });
      await session.run('update');
      await session.run('accumulate', { x, y });
      await session.run('update');
    }
    const once = await sessionOf(regression(optimiser(), 8, { accumulate: true }));
    await once.run('accumulate', { x, y });
    await once.run('accumulate', { x: numbers(24, 5), y });
    await once.run('update');
    await once.run('accumulate', { x, y });
    await once.run('update');
    expectClose(await other.readParameters(), await parts.readParameters(), 12);
    expectClose(await other.readParameters(), await once.readParameters(), 12);
  });

  test('sums that are cleared are none', async () => {
    const model = () => regression(optimiser(), 8, { accumulate: true });
    const [cleared, plain] = [await sessionOf(model()), await sessionOf(model())];
    await cleared.run('accumulate', { x: numbers(24, 5), y });
    expect(await cleared.run('clear')).toEqual({});
    for (const session of [cleared, plain]) {
      await session.run('accumulate', { x, y });
      await session.run('update');
    }
    expect(await cleared.readParameters()).toEqual(await plain.readParameters());
  });

  test('an update by no gradients at all changes nothing', async () => {
    const options = { precision: 'f16', lossScale: 'dynamic' } as const;
    for (const extra of [{}, options]) {
      const model = regression(optimiser(), 8, { accumulate: true, ...extra });
      const session = await sessionOf(model);
      await session.run('accumulate', { x, y });
      await session.run('update');
      const before = await parametersAndStates(session);
      await session.run('update');
      expect(await parametersAndStates(session)).toEqual(before);
      await session.run('accumulate', { x, y });
      await session.run('clear');
      await session.run('update');
      expect(await parametersAndStates(session)).toEqual(before);
    }
  });

  test('two machines that average gradients take the step of one', async () => {
    const whole = await sessionOf(regression(optimiser(), 8));
    const peers = [1, 2].map(() => sessionOf(regression(optimiser(), 4, { exchange: true })));
    const [first, second] = await Promise.all(peers);
    for (let step = 0; step < 3; step++) {
      const wanted = await whole.run('train', { x, y });
      const halves = [first, second].map((peer, k) =>
        peer.run('gradients', {
          x: x.subarray(k * 12, k * 12 + 12),
          y: y.subarray(k * 4, k * 4 + 4),
        }),
      );
      const [a, b] = await Promise.all(halves);
      expect(Object.keys(a)).toEqual([
        'loss',
        ...['linear1.weight', 'linear1.bias', 'linear2.weight', 'linear2.bias'].map(
          (parameter) => `${parameter}.gradient`,
        ),
        'norm',
      ]);
      const averages = Object.fromEntries(
        Object.entries(a)
          .filter(([output]) => output.endsWith('.gradient'))
          .map(([output, values]) => [
            output,
            values.map((value, k) => (value + b[output][k]) / 2),
          ]),
      );
      for (const peer of [first, second]) {
        const { norm } = await peer.run('apply', averages);
        expect(norm[0]).toBeCloseTo(wanted.norm[0], 5);
        expectClose(await peer.readParameters(), await whole.readParameters());
      }
    }
  });
});

test.each<[string, CompileOptions]>([
  ['in parts of the batch', { microBatch: 4 }],
  ['in half precision', { precision: 'f16' }],
  ['by recomputation', { recompute: 'memory' }],
])('all parts %s do what they do otherwise', async (_, options) => {
  const model = () => regression(adam({ clipNorm: 0.3 }), 8, { accumulate: true, exchange: true });
  const plain = await sessionOf(model());
  const other = await sessionOf(model(), options);
  const given = { x: numbers(24), y: numbers(8, 3) };
  const digits = options.precision === 'f16' ? 2 : 6;
  for (let step = 0; step < 2; step++) {
    const results = [];
    for (const session of [plain, other]) {
      const { loss, norm, ...gradients } = await session.run('gradients', given);
      const applied = await session.run('apply', gradients);
      const accumulated = await session.run('accumulate', given);
      const updated = await session.run('update');
      results.push({ loss, ...gradients, norm, first: applied.norm, ...accumulated, ...updated });
    }
    expectClose(results[1], results[0], digits);
    expectClose(await other.readParameters(), await plain.readParameters(), digits);
  }
});

test('the gradients that go out are those of finite differences', () => {
  const model = regression(sgd(), 4, { exchange: true });
  const run = programOf(model, 'gradients');
  const inputs = { x: Float64Array.from(numbers(12)), y: Float64Array.from(numbers(4, 3)) };
  const parameters: Record<string, Float64Array> = {
    'linear1.weight': Float64Array.from(numbers(15, 7)),
    'linear1.bias': Float64Array.from(numbers(5, 11)),
    'linear2.weight': Float64Array.from(numbers(5, 13)),
    'linear2.bias': Float64Array.from(numbers(1, 17)),
  };
  const { outputs, updates } = run(inputs, parameters);
  expect(updates).toEqual({});
  let squares = 0;
  for (const [name, values] of Object.entries(parameters))
    values.forEach((value, k) => {
      const at = (moved: number) => {
        const other = { ...parameters, [name]: values.with(k, moved) };
        return run(inputs, other).outputs.loss[0];
      };
      const slope = (at(value + 1e-5) - at(value - 1e-5)) / 2e-5;
      const gradient = outputs[`${name}.gradient`][k];
      squares += gradient ** 2;
      expect(gradient, `${name}[${k}]`).toBeCloseTo(slope, 7);
    });
  expect(outputs.norm[0]).toBeCloseTo(Math.sqrt(squares), 9);
});

describe('evaluate', () => {
  test('gives loss and metrics without dropout and with running statistics, and moves nothing', async () => {
    const norm = batchNorm(3);
    const head = linear(3, 1);
    const forward = (x: Tensor) => head(dropout(norm(x), 0.5));
    const session = await sessionOf(
      defineModel({
        name: 'noisy',
        inputs: { x: tensor([6, 3]), y: tensor([6, 1]) },
        build: ({ x }) => ({ y: forward(x) }),
        train: {
          loss: (outputs, { y }) => outputs.y.sub(y).square().mean(),
          metrics: (outputs, { y }) => ({ worst: outputs.y.sub(y).abs().max() }),
          optimizer: adam(),
          evaluate: true,
        },
      }),
    );
    const x = numbers(18);
    const y = numbers(6, 3);
    for (let step = 0; step < 3; step++) await session.run('train', { x, y });
    const before = await session.saveParameters();
    const first = await session.run('evaluate', { x, y });
    const second = await session.run('evaluate', { x, y });
    expect(first).toEqual(second);
    expect(await session.saveParameters()).toEqual(before);
    const predicted = await session.run('predict', { x });
    const errors = Array.from(predicted.y, (value, k) => value - y[k]);
    expect(Object.keys(first)).toEqual(['loss', 'worst']);
    expect(first.loss[0]).toBeCloseTo(errors.reduce((sum, e) => sum + e * e, 0) / 6, 5);
    expect(first.worst[0]).toBeCloseTo(Math.max(...errors.map(Math.abs)), 5);
  });
});

describe('several trainings', () => {
  /** min over a, max over b of a·b + a²/2: each moves its own. */
  const game = (extra = {}) =>
    defineModel({
      name: 'game',
      inputs: { x: tensor([]) },
      build: ({ x }) => {
        const a = param('minimiser.a', [], init.ones);
        const b = param('maximiser.b', [], init.constant(2));
        return { value: a.mul(b).add(a.square().div(2)).mul(x) };
      },
      train: {
        minimise: {
          loss: ({ value }) => value,
          optimizer: sgd({ learningRate: 0.1 }),
          parameters: /^minimiser\./,
          ...extra,
        },
        maximise: {
          loss: ({ value }) => value.neg(),
          optimizer: sgd({ learningRate: 0.2, momentum: 0.5 }),
          parameters: (name: string) => name.startsWith('maximiser.'),
          ...extra,
        },
      },
    });

  test('each moves the parameters that it names', async () => {
    const session = await sessionOf(game());
    let [a, b, velocity] = [1, 2, 0];
    for (let step = 0; step < 4; step++) {
      const first = await session.run('minimise', { x: 1 });
      expect(first.loss[0]).toBeCloseTo(a * b + a ** 2 / 2, 5);
      a -= 0.1 * (b + a);
      const second = await session.run('maximise', { x: 1 });
      expect(second.loss[0]).toBeCloseTo(-(a * b + a ** 2 / 2), 5);
      velocity = velocity * 0.5 - a;
      b -= 0.2 * velocity;
      const now = await session.readParameters();
      expect(now['minimiser.a'][0]).toBeCloseTo(a, 5);
      expect(now['maximiser.b'][0]).toBeCloseTo(b, 5);
    }
  });

  test('parts of several go by the name of theirs, and states too', async () => {
    const { plan } = await compile(game({ accumulate: true, exchange: true, evaluate: true }), {
      target: 'wasm',
    });
    const parts = ['', '.accumulate', '.update', '.clear', '.gradients', '.apply', '.evaluate'];
    expect(Object.keys(plan!.programs).sort()).toEqual(
      [
        'predict',
        ...['minimise', 'maximise'].flatMap((key) => parts.map((part) => key + part)),
      ].sort(),
    );
    const states = plan!.tensors.filter(({ role }) => role === 'optimiser').map(({ name }) => name);
    expect(states.sort()).toEqual([
      'maximise.gradients.count',
      'maximiser.b.maximise.gradient',
      'maximiser.b.maximise.momentum',
      'minimise.gradients.count',
      'minimiser.a.minimise.gradient',
    ]);
  });

  test('two that move the same parameter keep states apart', async () => {
    const model = defineModel({
      name: 'twice',
      inputs: { x: tensor([]) },
      build: ({ x }) => ({ y: param('w', [], init.ones).mul(x) }),
      train: {
        up: { loss: ({ y }) => y.neg(), optimizer: adam({ learningRate: 0.1 }) },
        down: { loss: ({ y }) => y.square(), optimizer: adam({ learningRate: 0.01 }) },
      },
    });
    const session = await sessionOf(model);
    await session.run('up', { x: 1 });
    // The first step of Adam is the learning rate.
    expect((await session.readParameters()).w[0]).toBeCloseTo(1.1, 5);
    await session.run('down', { x: 1 });
    expect((await session.readParameters()).w[0]).toBeCloseTo(1.09, 5);
  });

  test('what one freezes another trains', async () => {
    const body = linear(2, 2, { name: 'body' });
    const head = linear(2, 1, { name: 'head' });
    const model = defineModel({
      name: 'stages',
      inputs: { x: tensor([4, 2]) },
      build: ({ x }, { program }) => {
        const features = program.startsWith('head') ? frozen(body)(x) : body(x);
        return { y: head(features) };
      },
      train: {
        head: { loss: ({ y }) => y.square().mean(), optimizer: adam() },
        all: { loss: ({ y }) => y.square().mean(), optimizer: adam() },
      },
    });
    const { plan } = await compile(model, { target: 'wasm' });
    const of = (role: string) =>
      plan!.tensors.filter((one) => one.role === role).map(({ name }) => name);
    expect(of('parameter').sort()).toEqual([
      'body.bias',
      'body.weight',
      'head.bias',
      'head.weight',
    ]);
    expect(of('optimiser').filter((name) => /^body.*\.head\./.test(name))).toEqual([]);
    expect(of('optimiser').filter((name) => /^body.*\.all\./.test(name))).toHaveLength(4);
  });
});

describe('accumulation with a dynamic loss scale', () => {
  test('an overflow in one batch skips the update and halves the scale', async () => {
    const model = (lossScale: 'dynamic' | 1) =>
      defineModel({
        name: 'scaled',
        inputs: { x: tensor([]) },
        build: ({ x }) => ({ y: param('w', [], init.ones).mul(x) }),
        train: {
          loss: ({ y }) => y,
          optimizer: sgd({ learningRate: 0.5 }),
          accumulate: true,
          lossScale,
        },
      });
    const session = await sessionOf(model('dynamic'));
    const w = async () => (await session.readParameters()).w[0];
    await session.run('accumulate', { x: 1 });
    await session.run('accumulate', { x: 3 });
    await session.run('update');
    expect(await w()).toBeCloseTo(1 - 0.5 * 2, 6);
    await session.run('accumulate', { x: 1 });
    await session.run('accumulate', { x: 1e36 });
    await session.run('update');
    expect(await w()).toBeCloseTo(0, 6);
    await session.run('accumulate', { x: -1 });
    await session.run('update');
    expect(await w()).toBeCloseTo(0.5, 6);
  });
});

test.each<[string, unknown, string[]]>([
  ['a training called predict', { predict: { loss: 0 } }, ['BTC1016', 'BTC1017']],
  ['a pattern as text', { parameters: 'w' }, ['BTC1026']],
  ['a count in place of a flag', { accumulate: 4 }, ['BTC1026']],
  ['a misspelt option', { acumulate: true }, ['BTC1026']],
])('%s is refused', async (_, train, codes) => {
  const own = { loss: ({ y }: { y: Tensor }) => y, optimizer: sgd() };
  const model = defineModel({
    name: 'm',
    inputs: { x: tensor([]), y: tensor([]) },
    build: ({ x }: { x: Tensor }) => ({ y: param('w', [], init.ones).mul(x) }),
    train: 'predict' in (train as object) ? train : { ...own, ...(train as object) },
  } as never);
  const { diagnostics } = await compile(model, { target: 'wasm' });
  expect(diagnostics.map(({ code }) => code)).toEqual(codes);
});

test.each<[string, object]>([
  ['metrics of nothing', { gradientMetrics: () => {} }],
  ['one metric without a name', { gradientMetrics: globalNorm }],
  ['a list of metrics', { metrics: ({ y }: { y: Tensor }) => [y] }],
  ['metrics that are late', { gradientMetrics: async () => ({}) }],
])('%s are refused', async (_, training) => {
  const model = defineModel({
    name: 'm',
    inputs: { x: tensor([]) },
    build: ({ x }: { x: Tensor }) => ({ y: param('w', [], init.ones).mul(x) }),
    train: { loss: ({ y }: { y: Tensor }) => y, optimizer: sgd(), ...training },
  } as never);
  const { diagnostics } = await compile(model, { target: 'wasm' });
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1027']);
});

test.each([[null], [5], [[]]])('%j as a training is one mistake', async (train) => {
  const model = defineModel({
    ...{ name: 'm', inputs: { x: tensor([]), y: tensor([]) }, train: train as never },
    build: ({ x }) => ({ x }),
  });
  const { diagnostics } = await compile(model, { target: 'wasm' });
  expect(diagnostics.map(({ code }) => code)).toEqual(['BTC2015']);
});

test('predict can be replaced', async () => {
  const net = linear(2, 3);
  const model = defineModel({
    name: 'logits',
    inputs: { x: tensor([4, 2]) },
    build: ({ x }) => ({ logits: net(x), x }),
    train: { loss: ({ logits }) => logits.square().mean(), optimizer: sgd() },
    programs: { predict: ({ x }) => ({ class: net(x).argmax() }) },
  });
  const { plan } = await compile(model, { target: 'wasm' });
  expect(Object.keys(plan!.programs)).toEqual(['train', 'predict']);
  expect(plan!.programs.predict.outputs.map(({ name }) => name)).toEqual(['class']);
});
