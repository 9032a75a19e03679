import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { programOf } from './run-program.ts';

// Parameters of layers as values, and layers that are not trained.

const inputs = { x: btc.tensor([2, 3]) };
const rolesOf = async (model: btc.Model) => {
  const { plan, diagnostics } = await compile(model);
  expect(diagnostics).toEqual([]);
  return Object.fromEntries(
    plan!.tensors
      .filter(({ role }) => ['parameter', 'state', 'optimiser'].includes(role))
      .map(({ name, role }) => [name, role]),
  );
};

describe('the parameters of a layer are values', () => {
  test('of which a loss may be made', () => {
    const fc = btc.linear(3, 2, { name: 'fc' });
    const model = btc.defineModel({
      name: 'm',
      inputs,
      build: ({ x }) => ({ y: fc(x) }),
      train: {
        loss: () => fc.weight.abs().sum().add(fc.bias!.square().sum()),
        optimizer: btc.sgd({ learningRate: 1 }),
      },
    });
    const weight = [1, -2, 3, 0.5, -0.25, 4];
    const { outputs, updates } = programOf(model, 'train')(
      { x: [1, 2, 3, 4, 5, 6], learningRate: [1] },
      { 'fc.weight': Float64Array.from(weight), 'fc.bias': Float64Array.of(2, -3) },
    );
    expect(outputs.loss[0]).toBeCloseTo(10.75 + 13, 12);
    expect([...updates['fc.weight']]).toEqual(weight.map((w) => w - Math.sign(w)));
    expect([...updates['fc.bias']]).toEqual([-2, 3]);
  });

  test('of every kind of layer, dense or factorised', () => {
    const image = { x: btc.tensor([1, 4, 4, 2]) };
    const lowRank = btc.lowRank({ rank: 1 });
    const shapes: Record<string, readonly number[]> = {};
    const note = (name: string, x: btc.Tensor | null) => {
      shapes[name] = x?.shape ?? [];
    };
    const model = btc.defineModel({
      name: 'm',
      inputs: image,
      build: ({ x }) => {
        note('linear', btc.linear(6, 4).weight);
        note('no bias', btc.linear(6, 4, { bias: false }).bias);
        note('low rank', btc.linear(6, 4, { weight: lowRank }).weight);
        note('embedding', btc.embedding(7, 3).weight);
        note('convolution', btc.convolution(4, 6, { kernel: [3, 2], groups: 2 }).weight);
        note(
          'Tucker',
          btc.convolution(4, 6, {
            kernel: 3,
            weight: btc.tuckerKernel({ inputRank: 2, outputRank: 2 }),
          }).weight,
        );
        note('convolution1d', btc.convolution1d(4, 6, { kernel: 3 })(btc.zeros([2, 5, 4])));
        note('convolution3d', btc.convolution3d(2, 3, { kernel: 2 }).weight);
        note('transposed', btc.transposedConvolution(4, 6, { kernel: 2 }).weight);
        note('batchNorm', btc.batchNorm(5).scale);
        note('layerNorm', btc.layerNorm(5).shift);
        note('gru', btc.gru(3, 2).inputWeight);
        note('gru bias', btc.gru(3, 2).hiddenBias);
        note('lstm', btc.lstm(3, 2).hiddenWeight);
        return { y: x };
      },
    });
    programOf(model, 'predict');
    expect(shapes).toEqual({
      linear: [6, 4],
      'no bias': [],
      'low rank': [6, 4],
      embedding: [7, 3],
      convolution: [3, 2, 2, 6],
      Tucker: [3, 3, 4, 6],
      convolution1d: [2, 3, 6],
      convolution3d: [2, 2, 2, 2, 3],
      transposed: [2, 2, 4, 6],
      batchNorm: [5],
      layerNorm: [5],
      gru: [3, 6],
      'gru bias': [6],
      lstm: [2, 8],
    });
  });

  test('outside of a model they are a mistake', () => {
    expect(() => btc.linear(3, 2).weight).toThrow("must be called inside 'build'");
  });
});

describe('frozen layers', () => {
  const block = () => {
    const [first, second] = [
      btc.linear(3, 4, { name: 'first' }),
      btc.linear(4, 3, { name: 'second' }),
    ];
    return (x: btc.Tensor) => second(btc.tanh(first(x)));
  };
  const modelOf = (wrap: <L extends (x: btc.Tensor) => btc.Tensor>(layer: L) => L) => {
    const [front, body] = [btc.linear(3, 3, { name: 'front' }), wrap(block())];
    return btc.defineModel({
      name: 'm',
      inputs,
      build: ({ x }) => ({ y: body(front(x)) }),
      train: { loss: ({ y }) => btc.sumOfSquares(y), optimizer: btc.adam() },
    });
  };

  test('have no gradients and no state, and gradients pass through them', async () => {
    const roles = await rolesOf(modelOf(btc.frozen));
    expect(Object.keys(roles).filter((name) => roles[name] === 'parameter')).toEqual([
      'front.weight',
      'front.bias',
    ]);
    expect(Object.keys(roles).filter((name) => roles[name] === 'optimiser')).toHaveLength(4);
    expect(roles['second.weight']).toBe('state');
    const given = { x: [1, 2, 3, 4, 5, 6], step: [0], learningRate: [0.1] };
    const values = (sizes: Record<string, number>) =>
      Object.fromEntries(
        Object.entries(sizes).map(([name, size], k) => [
          name,
          Float64Array.from(
            { length: size },
            (_, i) => Math.sin(1 + k + i) * (name.includes('.m') || name.includes('.v') ? 0 : 1),
          ),
        ]),
      );
    const sizes = {
      'front.weight': 9,
      'front.bias': 3,
      'first.weight': 12,
      'first.bias': 4,
      'second.weight': 12,
      'second.bias': 3,
    };
    const states = (names: readonly string[]) =>
      Object.fromEntries(
        names.flatMap((name) =>
          ['m', 'v'].map((s) => [`${name}.${s}`, sizes[name as keyof typeof sizes]]),
        ),
      );
    const own = values(sizes);
    const all = { ...own, ...values(states(Object.keys(sizes))) };
    const trained = programOf(
      modelOf((layer) => layer),
      'train',
    )(given, all).updates;
    const held = programOf(modelOf(btc.frozen), 'train')(given, {
      ...own,
      ...values(states(['front.weight', 'front.bias'])),
    }).updates;
    expect(
      Object.keys(held).filter((name) => name.startsWith('first') || name.startsWith('second')),
    ).toEqual([]);
    expect([...held['front.weight']]).toEqual([...trained['front.weight']]);
  });

  test('keep what they say of themselves, their parameters and their methods', async () => {
    const cell = btc.frozen(btc.lstm(3, 2, { name: 'cell' }));
    expect(cell.hiddenFeatures).toBe(2);
    const head = btc.linear(2, 1, { name: 'head' });
    const model = btc.defineModel({
      name: 'm',
      inputs,
      build: ({ x }) => {
        const hidden = btc.zeros([2, 2]);
        const state = cell.step(x, { hidden, cell: hidden });
        return { y: head(state.hidden).add(cell.bias.sum()) };
      },
      train: { loss: ({ y }) => btc.sumOfSquares(y), optimizer: btc.sgd() },
    });
    const roles = await rolesOf(model);
    expect(roles).toEqual({
      'cell.inputWeight': 'state',
      'cell.hiddenWeight': 'state',
      'cell.bias': 'state',
      'head.weight': 'parameter',
      'head.bias': 'parameter',
    });
  });

  test('are so where a program trains; elsewhere it makes no difference', async () => {
    const [body, head] = [btc.linear(3, 3, { name: 'body' }), btc.linear(3, 1, { name: 'head' })];
    const modelWith = (inTraining: boolean) =>
      btc.defineModel({
        name: 'm',
        inputs,
        build: ({ x }, { training }) => {
          const used = training === inTraining ? btc.frozen(body) : body;
          return { y: head(used(x)) };
        },
        train: { loss: ({ y }) => btc.sumOfSquares(y), optimizer: btc.sgd() },
        programs: { other: ({ x }) => ({ z: body(x).add(btc.frozen(body)(x)) }) },
      });
    expect((await rolesOf(modelWith(true)))['body.weight']).toBe('state');
    expect((await rolesOf(modelWith(false)))['body.weight']).toBe('parameter');
  });

  test.each<[string, (a: btc.Linear, x: btc.Tensor) => btc.Tensor]>([
    ['frozen first', (a, x) => a(btc.frozen(a)(x))],
    ['trained first', (a, x) => btc.frozen(a)(a(x))],
    ['a weight of it', (a, x) => btc.frozen(a)(x).add(a.weight.sum())],
    ['a weight of what is frozen', (a, x) => a(x).add(btc.frozen(a).weight.sum())],
  ])('are frozen at all places of a program that trains or at none: %s', async (_, both) => {
    const [front, body] = [btc.linear(3, 3), btc.linear(3, 3, { name: 'body', bias: false })];
    const modelOfUse = (train: boolean) =>
      btc.defineModel({
        name: 'm',
        inputs,
        build: ({ x }) => ({ y: both(body, front(x)) }),
        ...(train
          ? {
              train: {
                loss: ({ y }: { y: btc.Tensor }) => btc.sumOfSquares(y),
                optimizer: btc.sgd(),
              },
            }
          : {}),
      });
    const { diagnostics } = await compile(modelOfUse(true), { target: 'wasm' });
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC1022']);
    expect(diagnostics[0].message).toContain("'body.weight'");
    expect((await compile(modelOfUse(false), { target: 'wasm' })).diagnostics).toEqual([]);
  });

  test('are functions', async () => {
    const model = btc.defineModel({
      name: 'm',
      inputs,
      build: ({ x }) => {
        btc.frozen(3 as never);
        return { y: x };
      },
    });
    expect((await compile(model)).diagnostics.map(({ message }) => message)).toEqual([
      "'frozen' takes a layer or a function, not number",
    ]);
  });
});
