import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import { load, type Session } from '../../runtime/index.ts';
import { openSafetensors } from '../../runtime/weights/index.ts';
import { openSession } from '../support/agreement.ts';
import values from './averages/values.json' with { type: 'json' };
import { programOf } from './run-program.ts';

const RATE = 0.1;
const DECAY = 0.8;
/** Slopes of the loss by step: it is linear, so that each step is known. */
const SLOPES = [1, -3, 2, 0.5, -0.25];

async function sessionOf(model: btc.Model, options: btc.CompileOptions = {}): Promise<Session> {
  const { plan, module, parameters, diagnostics } = await btc.compile(model, {
    ...{ target: 'wasm', ...options },
  });
  expect(diagnostics).toEqual([]);
  return load(plan!, { module: module!, parameters: parameters! });
}

/** Parameters and what training keeps beside. */
async function allOf(session: Session): Promise<Record<string, number[]>> {
  const file = await openSafetensors(await session.saveCheckpoint());
  const values: Record<string, number[]> = {};
  for (const name of file.tensors.keys())
    values[name] = Array.from((await file.read(name)).data, Number);
  return values;
}

/** A parameter after each step of plain descent. */
const path = (slopes: readonly number[], start = 1, rate = RATE) => {
  let now = start;
  return slopes.map((slope) => {
    now -= rate * slope;
    return now;
  });
};

/** Σ d^(n-k)·(1-d)·θ_k, and the first one in place of what was before it. */
const decayed = (values: readonly number[], d = DECAY) =>
  values.reduce(
    (sum, value, k) => sum + value * d ** (values.length - 1 - k) * (k === 0 ? 1 : 1 - d),
    0,
  );
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const line = (optimizer: btc.Optimiser, extra = {}) => {
  const scale = () => btc.param('w', [2], btc.init.ones);
  return btc.defineModel({
    name: 'line',
    inputs: { x: btc.tensor([]) },
    build: ({ x }) => ({ y: scale().mul(x) }),
    train: { loss: ({ y }) => y.sum(), optimizer, ...extra },
    programs: {
      predict: ({ x }) => ({ y: btc.averaged(scale)().mul(x) }),
      plain: ({ x }) => ({ y: scale().mul(x) }),
    },
  });
};

test.each<[btc.Average, (values: readonly number[]) => number]>([
  [DECAY, decayed],
  [0.999, (values) => decayed(values, 0.999)],
  [0.1, (values) => decayed(values, 0.1)],
  ['equal', mean],
])('averages %s are those of the closed form, step by step', async (average, closed) => {
  const session = await sessionOf(line(btc.sgd({ learningRate: RATE, average })));
  // Before any step the average is the parameter.
  expect([...(await session.run('predict', { x: 1 })).y]).toEqual([1, 1]);
  for (const [step, x] of SLOPES.entries()) {
    await session.run('train', { x });
    const so = path(SLOPES.slice(0, step + 1));
    const { y } = await session.run('predict', { x: 2 });
    const plain = await session.run('plain', { x: 2 });
    for (const k of [0, 1]) {
      expect(y[k]).toBeCloseTo(2 * closed(so), 5);
      expect(plain.y[k]).toBeCloseTo(2 * so.at(-1)!, 5);
    }
  }
});

test('the interpreter keeps the same averages in float64', () => {
  const model = line(btc.sgd({ learningRate: RATE, average: DECAY }));
  const [train, predict] = [programOf(model, 'train'), programOf(model, 'predict')];
  let values: Record<string, Float64Array> = {
    w: Float64Array.of(1, 1),
    'w.average': new Float64Array(2),
    'averages.count': new Float64Array(1),
  };
  for (const [step, x] of SLOPES.entries()) {
    values = train({ x: [x], step: [step], learningRate: [RATE] }, values).updates;
    const so = path(SLOPES.slice(0, step + 1));
    expect(values['w.average'][0]).toBeCloseTo(decayed(so), 12);
    expect(values['averages.count'][0]).toBe(step + 1);
    expect(predict({ x: [1] }, values).outputs.y[1]).toBeCloseTo(decayed(so), 12);
  }
});

test.each<[string, () => btc.Optimiser]>([
  ['adam', () => btc.adam({ average: DECAY })],
  ['adamw', () => btc.adamw({ average: DECAY })],
  ['momentum', () => btc.sgd({ momentum: 0.9, average: DECAY })],
  ['rmsprop', () => btc.rmsprop({ average: DECAY })],
  ['adagrad', () => btc.adagrad({ average: DECAY })],
  ['lion', () => btc.lion({ average: DECAY })],
])('%s keeps them of the parameters that it makes', async (_, optimiser) => {
  const session = await sessionOf(line(optimiser()));
  const values: number[] = [];
  for (const x of SLOPES) {
    await session.run('train', { x });
    const now = await allOf(session);
    values.push(now.w[0]);
    expect(now['w.average'][0]).toBeCloseTo(decayed(values), 5);
  }
});

test('updates of accumulated and of exchanged gradients count as steps, accumulation does not', async () => {
  const model = line(btc.sgd({ learningRate: RATE, average: DECAY }), {
    ...{ accumulate: true, exchange: true },
  });
  const session = await sessionOf(model);
  await session.run('accumulate', { x: 1 });
  await session.run('accumulate', { x: 3 });
  expect((await allOf(session))['w.average'][0]).toBe(0);
  await session.run('update');
  await session.run('apply', { 'w.gradient': new Float32Array([-3, -3]) });
  await session.run('train', { x: 4 });
  const { y } = await session.run('predict', { x: 1 });
  expect(y[0]).toBeCloseTo(decayed(path([2, -3, 4])), 5);
});

test('steps that a dynamic scale skips are not averaged, the first one neither', async () => {
  const model = line(btc.sgd({ learningRate: RATE, average: DECAY }), { lossScale: 'dynamic' });
  const session = await sessionOf(model);
  for (const x of [1e36, 1, 1e36, 2]) await session.run('train', { x });
  expect((await allOf(session))['averages.count'][0]).toBe(2);
  const { y } = await session.run('predict', { x: 1 });
  expect(y[0]).toBeCloseTo(decayed(path([1, 2])), 5);
});

test('averages outlive a checkpoint, and are no weights', async () => {
  const model = () => line(btc.sgd({ learningRate: RATE, average: DECAY }));
  const [session, other] = [await sessionOf(model()), await sessionOf(model())];
  for (const x of SLOPES.slice(0, 2)) await session.run('train', { x });
  await other.loadCheckpoint(await session.saveCheckpoint());
  for (const x of SLOPES.slice(2)) await other.run('train', { x });
  expect(Object.keys(await other.readParameters())).toEqual(['w']);
  const { y } = await other.run('predict', { x: 1 });
  expect(y[0]).toBeCloseTo(decayed(path(SLOPES)), 5);
});

describe('of a network', () => {
  const parts = () => ({
    body: btc.linear(2, 2, { name: 'body' }),
    norm: btc.batchNorm(2, { name: 'norm' }),
    head: btc.linear(2, 1, { name: 'head' }),
  });
  const inputs = { x: btc.tensor([3, 2]) };
  const x = Float32Array.of(1, 2, -1, 0.5, 3, -2);

  async function averagesOf(optimizer: btc.Optimiser, isFrozen = false) {
    const { body, norm, head } = parts();
    const network = (given: btc.Tensor) =>
      head(norm(isFrozen ? btc.frozen(body)(given) : body(given)));
    const model = btc.defineModel({
      name: 'm',
      inputs,
      build: ({ x }) => ({ y: network(x) }),
      train: { loss: ({ y }) => y.square().mean(), optimizer, evaluate: true },
      programs: {
        predict: ({ x }) => ({ y: btc.averaged(network)(x), plain: network(x) }),
        weights: () => ({
          weight: btc.averaged(head).weight,
          bias: btc.averaged(body).bias!.add(0),
        }),
      },
    });
    const session = await sessionOf(model);
    const seen: Record<string, number[]>[] = [];
    for (let step = 0; step < 4; step++) {
      await session.run('train', { x });
      seen.push(await allOf(session));
    }
    return { session, seen };
  }
  const closed = (seen: readonly Record<string, number[]>[], name: string, d = DECAY) =>
    seen[0][name].map((_, k) =>
      decayed(
        seen.map((one) => one[name][k]),
        d,
      ),
    );

  test('predictions are those of a network with averages as weights, and statistics as they are', async () => {
    const { session, seen } = await averagesOf(btc.adam({ learningRate: 0.05, average: DECAY }));
    const { y, plain } = await session.run('predict', { x });
    const weights = [
      'body.weight',
      'body.bias',
      'norm.scale',
      'norm.shift',
      'head.weight',
      'head.bias',
    ];
    const now = seen.at(-1)!;
    const { body, norm, head } = parts();
    const bare = await sessionOf(
      btc.defineModel({ name: 'b', inputs, build: ({ x }) => ({ y: head(norm(body(x))) }) }),
    );
    await bare.writeParameters({
      'norm.runningMean': Float32Array.from(now['norm.runningMean']),
      'norm.runningVariance': Float32Array.from(now['norm.runningVariance']),
      ...Object.fromEntries(weights.map((name) => [name, Float32Array.from(closed(seen, name))])),
    });
    const wanted = await bare.run('predict', { x });
    wanted.y.forEach((value, k) => {
      expect(y[k]).toBeCloseTo(value, 5);
      expect(Math.abs(plain[k] - value)).toBeGreaterThan(1e-4);
    });
    const read = await session.run('weights');
    closed(seen, 'head.weight').forEach((value, k) => {
      expect(read.weight[k]).toBeCloseTo(value, 6);
    });
  });

  test('groups average in their own way', async () => {
    const optimizer = btc.sgd({
      learningRate: 0.05,
      groups: [
        { parameters: /^head\./, settings: { average: 0.3 } },
        { parameters: /^norm\./, settings: { average: 'equal' } },
      ],
    });
    const { session, seen } = await averagesOf(optimizer);
    const now = seen.at(-1)!;
    expect(Object.keys(now).filter((name) => name.startsWith('averages'))).toHaveLength(1);
    closed(seen, 'head.weight', 0.3).forEach((value, k) => {
      expect(now['head.weight.average'][k]).toBeCloseTo(value, 5);
    });
    expect(now['norm.shift.average'][1]).toBeCloseTo(mean(seen.map((s) => s['norm.shift'][1])), 5);
    // No group has it, and the optimiser itself keeps none.
    expect(now['body.bias.average']).toBeUndefined();
    const { bias } = await session.run('weights');
    expect([...bias]).toEqual(now['body.bias']);
  });

  test('what is frozen has none, and is read as it is', async () => {
    const { session, seen } = await averagesOf(btc.sgd({ average: DECAY }), true);
    expect(Object.keys(seen[0]).filter((name) => /^body.*average/.test(name))).toEqual([]);
    const { bias } = await session.run('weights');
    expect([...bias]).toEqual(seen[0]['body.bias']);
  });
});

describe('several trainings', () => {
  const pair = (
    first: btc.Optimiser,
    second: btc.Optimiser,
    parameters: readonly (RegExp | undefined)[],
  ) => {
    const [a, b] = ['a', 'b'].map((name) => () => btc.param(name, [], btc.init.ones));
    const training = (optimizer: btc.Optimiser, own: RegExp | undefined) => ({
      ...{ loss: ({ y }: { y: btc.Tensor }) => y, optimizer },
      ...(own ? { parameters: own } : {}),
    });
    return btc.defineModel({
      name: 'pair',
      inputs: { x: btc.tensor([]) },
      build: ({ x }) => ({ y: a().add(b()).mul(x) }),
      train: { one: training(first, parameters[0]), two: training(second, parameters[1]) },
      programs: { both: () => ({ a: btc.averaged(a)().add(0), b: btc.averaged(b)().add(0) }) },
    });
  };

  test('each keeps those of the parameters that it moves', async () => {
    const [first, second] = [0.5, 'equal' as const].map((average) =>
      btc.sgd({ learningRate: RATE, average }),
    );
    const session = await sessionOf(pair(first, second, [/a/, /b/]));
    for (const x of SLOPES) await session.run('one', { x });
    for (const x of SLOPES.slice(2)) await session.run('two', { x });
    const { a, b } = await session.run('both');
    expect(a[0]).toBeCloseTo(decayed(path(SLOPES), 0.5), 5);
    expect(b[0]).toBeCloseTo(mean(path(SLOPES.slice(2))), 5);
  });

  test('the only one that keeps them of a parameter that both move is meant', async () => {
    const kept = btc.sgd({ learningRate: RATE, average: DECAY });
    const session = await sessionOf(pair(btc.sgd(), kept, [undefined, undefined]));
    for (const x of SLOPES) await session.run('two', { x });
    expect((await session.run('both')).a[0]).toBeCloseTo(decayed(path(SLOPES)), 5);
  });
});

test('training computes with the parameters themselves', async () => {
  const fc = btc.linear(1, 1, { name: 'fc', bias: false });
  const model = btc.defineModel({
    name: 'm',
    inputs: { x: btc.tensor([1, 1]) },
    build: ({ x }) => ({ y: btc.averaged(fc)(x) }),
    train: {
      loss: ({ y }) => y.sum(),
      optimizer: btc.sgd({ learningRate: RATE, average: DECAY }),
    },
  });
  const session = await sessionOf(model);
  const [start] = (await session.readParameters())['fc.weight'];
  for (const slope of SLOPES) await session.run('train', { x: Float32Array.of(slope) });
  const so = path(SLOPES, start);
  expect((await session.readParameters())['fc.weight'][0]).toBeCloseTo(so.at(-1)!, 5);
  expect((await session.run('predict', { x: Float32Array.of(1) })).y[0]).toBeCloseTo(
    decayed(so),
    5,
  );
});

test.each([0, 1, 1.5, -0.1, Number.NaN, '0.9'])('%j is no decay', async (average) => {
  const optimizer = btc.sgd({ average: average as never });
  const { diagnostics } = await btc.compile(line(optimizer), { target: 'wasm' });
  expect(diagnostics.map(({ message }) => message)).toEqual([
    `'sgd': 'average' is ${average}; it must be a decay in (0, 1), or 'equal', or { decay, from }`,
  ]);
});

test.each<[btc.Average, string]>([
  [{ decay: 1, from: 2 }, "'average.decay' is 1; it must be a decay in (0, 1), or 'equal'"],
  [{ from: -1 }, "'average.from' is -1; it must be a number of steps, 0 or more"],
  [{ from: 1.5 }, "'average.from' is 1.5; it must be a number of steps, 0 or more"],
  [{} as never, "'average.from' is undefined; it must be a number of steps, 0 or more"],
])('%j is no average', async (average, message) => {
  const { diagnostics } = await btc.compile(line(btc.sgd({ average })), { target: 'wasm' });
  expect(diagnostics.map((one) => one.message)).toEqual([`'sgd': ${message}`]);
});

describe('from a step on', () => {
  test.each(['equal', 'decayed'] as const)('averages are those of swa_utils: %s', async (kind) => {
    const { from } = values;
    const average = kind === 'equal' ? { from } : { decay: values.decay, from };
    const layer = btc.linear(3, 2, { name: 'fc', bias: false });
    const model = btc.defineModel({
      name: 'swa',
      inputs: { x: btc.tensor([4, 3]), y: btc.tensor([4, 2]) },
      build: ({ x }) => ({ y: layer(x) }),
      train: {
        loss: (out, { y }) => out.y.sub(y).square().mean(),
        optimizer: btc.sgd({ learningRate: 0.1, momentum: 0.9, average }),
      },
      programs: { mean: () => ({ weight: btc.averaged(layer).weight.add(0) }) },
    });
    const session = await sessionOf(model);
    await session.writeParameters({ 'fc.weight': Float32Array.from(values.start) });
    for (const [step, wanted] of values[kind].entries()) {
      await session.run('train', {
        x: Float32Array.from(values.x[step]),
        y: Float32Array.from(values.y[step]),
      });
      const { weight } = await session.run('mean');
      wanted.forEach((value, k) => {
        expect(weight[k], `step ${step}, ${k}`).toBeCloseTo(value, 5);
      });
      // Not only near to the weights.
      if (step <= from) expect(weight).toEqual((await session.readParameters())['fc.weight']);
    }
  });

  test('skipped steps do not count, and a checkpoint goes on where it was', async () => {
    const model = () =>
      line(btc.sgd({ learningRate: RATE, average: { from: 2 } }), { lossScale: 'dynamic' });
    const [session, other] = [await sessionOf(model()), await sessionOf(model())];
    for (const x of [1, 1e36, -3]) await session.run('train', { x });
    await other.loadCheckpoint(await session.saveCheckpoint());
    for (const x of [2, 1e36, 0.5]) await other.run('train', { x });
    const { y } = await other.run('predict', { x: 1 });
    expect(y[0]).toBeCloseTo(mean(path([1, -3, 2, 0.5]).slice(2)), 5);
  });
});

describe.each(['wasm', 'webgpu'] as const)('on %s', (target) => {
  // The tests' own adapter has no halves.
  const halves: [string, btc.CompileOptions][] =
    target === 'wasm' ? [['in half precision', { precision: 'f16' }]] : [];
  test.each<[string, btc.CompileOptions]>([
    ['as it is', {}],
    ['in parts of the batch', { microBatch: 4 }],
    ['by recomputation', { recompute: 'memory' }],
    ...halves,
  ])('averages are of the weights %s', async (_, options) => {
    const layers = [btc.linear(3, 5, { name: 'one' }), btc.linear(5, 2, { name: 'two' })];
    const network = (x: btc.Tensor) => layers[1](layers[0](x).tanh());
    const optimizer = btc.adam({
      learningRate: 0.05,
      average: 0.7,
      groups: [{ parameters: /^two/, settings: { average: { from: 2 } } }],
    });
    const model = btc.defineModel({
      name: 'averaged',
      inputs: { x: btc.tensor([8, 3]), y: btc.tensor([8, 2]) },
      build: ({ x }) => ({ y: network(x) }),
      train: { loss: (out, { y }) => out.y.sub(y).square().mean(), optimizer },
      programs: { predict: ({ x }) => ({ y: btc.averaged(network)(x), plain: network(x) }) },
    });
    const { plan, module, parameters, diagnostics } = await btc.compile(model, {
      ...{ target, ...options },
    });
    expect(diagnostics).toEqual([]);
    const session = await openSession({
      ...{ plan: plan!, module: module ?? null, parameters: parameters! },
    });
    const numbers = (count: number, seed: number) =>
      Float32Array.from({ length: count }, (_, k) => Math.sin(k * seed));
    const seen: Record<string, number[]>[] = [];
    for (let step = 0; step < 5; step++) {
      await session.run('train', { x: numbers(24, step + 1), y: numbers(16, step + 3) });
      seen.push(await allOf(session));
    }
    const now = seen[4];
    const averages: Record<string, Float32Array> = {};
    for (const name of ['one.weight', 'one.bias', 'two.weight', 'two.bias']) {
      const closed = name.startsWith('one')
        ? (list: readonly number[]) => decayed(list, 0.7)
        : (list: readonly number[]) => mean(list.slice(2));
      averages[name] = Float32Array.from(now[name], (_, k) =>
        closed(seen.map((one) => one[name][k])),
      );
      now[`${name}.average`].forEach((value, k) => {
        expect(Math.abs(value - averages[name][k]), `${name}[${k}]`).toBeLessThan(1e-6);
      });
    }
    const x = numbers(24, 2);
    const { y, plain } = await session.run('predict', { x });
    expect(y).not.toEqual(plain);
    await session.writeParameters(averages);
    const wanted = await session.run('predict', { x });
    // Halves are stored on the way.
    const digits = options.precision === 'f16' ? 2 : 5;
    wanted.plain.forEach((value, k) => {
      expect(y[k]).toBeCloseTo(value, digits);
    });
    session.destroy();
  });
});
