import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compile } from '../../compiler/driver/compile.ts';
import * as btc from '../../compiler/language.ts';
import { expectWitnessesToAgree, openSession } from '../support/agreement.ts';
import { programOf } from './run-program.ts';

// Recurrent layers in stacks and in both directions, with lengths, against PyTorch in float64 (namesakes/recurrent.py): outputs, last
// states, and gradients of inputs, initial states and all weights.

interface Case {
  readonly kind: 'rnn' | 'lstm' | 'gru';
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly initial: boolean;
  readonly lengths: readonly number[] | null;
  readonly nonlinearity: btc.Nonlinearity;
  readonly parameters: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>
  >;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly results: readonly (readonly number[])[];
}
const CASES: readonly Case[] = JSON.parse(
  readFileSync(new URL('namesakes/recurrent.json', import.meta.url), 'utf8'),
);
const LAYERS = { rnn: btc.rnn, lstm: btc.lstm, gru: btc.gru };
const RESULTS = ['outputs', 'hidden', 'cell'];

function modelOf({ kind, layers, bidirectional, initial, lengths, nonlinearity, ...own }: Case) {
  const layer = LAYERS[kind](2, 3, { name: 'r', layers, bidirectional, nonlinearity });
  const given = (name: string) =>
    btc.param(name, own.parameters[name].shape, btc.init.constant(0.1));
  return btc.defineModel({
    name: 'recurrent',
    inputs: lengths ? { lengths: btc.tensor([3], 'i32') } : ({} as btc.Inputs),
    build: (inputs) => {
      const state = initial
        ? { hidden: given('hidden'), ...(kind === 'lstm' ? { cell: given('cell') } : {}) }
        : undefined;
      const { outputs, state: last } = layer(
        given('x'),
        state,
        lengths ? { lengths: inputs.lengths } : {},
      );
      return { outputs, hidden: last.hidden, ...(last.cell ? { cell: last.cell } : {}) };
    },
    train: {
      loss: (outputs) =>
        Object.values(outputs as btc.Outputs)
          .map((y) => {
            const places = btc.arange(y.shape.reduce((a, b) => a * b, 1));
            return y.reshape([-1]).mul(btc.mod(places, 5).cast('f32').mul(0.25).add(1)).sum();
          })
          .reduce((a, b) => a.add(b)),
      metrics: (outputs) => outputs,
      optimizer: btc.sgd({ learningRate: 1 }),
    },
  });
}

type Arrays = Readonly<Record<string, ArrayLike<number>>>;

function expectCase(one: Case, outputs: Arrays, after: Arrays, digits: number) {
  const expectClose = (given: ArrayLike<number>, wanted: readonly number[], what: string) => {
    expect(given.length, what).toBe(wanted.length);
    wanted.forEach((value, i) => {
      const error = Math.abs(given[i] - value) / Math.max(1, Math.abs(value));
      expect(error, `${what}[${i}] is ${given[i]}, not ${value}`).toBeLessThan(digits);
    });
  };
  for (const [k, wanted] of one.results.entries())
    expectClose(outputs[RESULTS[k]], wanted, RESULTS[k]);
  for (const [name, gradient] of Object.entries(one.gradients)) {
    const { data } = one.parameters[name];
    expectClose(
      data.map((x, i) => x - after[name][i]),
      gradient,
      `gradient of ${name}`,
    );
  }
}

const inputsOf = ({ lengths }: Case): Record<string, Int32Array> =>
  lengths ? { lengths: Int32Array.from(lengths) } : {};
const valuesOf = (one: Case) =>
  Object.fromEntries(Object.entries(one.parameters).map(([name, { data }]) => [name, data]));

describe.each(
  CASES.map(
    (one) =>
      [
        `${one.layers} × ${one.kind}${one.bidirectional ? ' in both directions' : ''}${one.lengths ? ' of lengths' : ''}`,
        one,
      ] as const,
  ),
)('%s', (_, one) => {
  test('in float64', () => {
    const run = programOf(modelOf(one), 'train');
    const parameters = Object.entries(valuesOf(one)).map(
      ([name, data]) => [name, Float64Array.from(data)] as const,
    );
    const { outputs, updates } = run(
      { ...inputsOf(one), learningRate: [1] },
      Object.fromEntries(parameters),
    );
    expectCase(one, outputs, updates, 2e-6);
  });

  test.each(['wasm', 'webgpu'] as const)('on %s', async (target) => {
    // A software GPU takes seconds to compile each kernel with barriers: what test/lower/recurrent-cells.test.ts is about.
    const limits = target === 'webgpu' ? { maxWorkgroupBytes: 0 } : {};
    const built = await compile(modelOf(one), { target, limits });
    expect(built.diagnostics).toEqual([]);
    const session = await openSession(built as Parameters<typeof openSession>[0]);
    expect(Object.keys(await session.readParameters()).sort()).toEqual(
      Object.keys(one.parameters).sort(),
    );
    await session.writeParameters(valuesOf(one));
    const outputs = await session.run('train', { ...inputsOf(one), learningRate: 1 });
    expectCase(one, outputs, await session.readParameters(), 1e-4);
    session.destroy();
  });
});

test('lengths that no sequence has are refused before a run', async () => {
  const built = await compile(modelOf(CASES[1]), { target: 'wasm' });
  const session = await openSession(built as Parameters<typeof openSession>[0]);
  await expect(session.run('predict', { lengths: [2, 5, 1] })).rejects.toThrow(
    /'lengths' .* is 5 at \[1\], but it is used as an index from 0 to 4/,
  );
  session.destroy();
});

const stacked = (dropout: number) =>
  btc.defineModel({
    name: 'stacked',
    inputs: { x: btc.tensor([2, 3, 4]), y: btc.tensor([2, 3, 6]) },
    build: ({ x }) => {
      const layer = btc.gru(4, 3, { layers: 2, bidirectional: true, dropout });
      // Weights are there before the first call, under the same names.
      const first = layer.cells[0].inputWeight.square().sum();
      return { y: layer(x).outputs, first };
    },
    train: {
      loss: (outputs, { y }) => btc.meanSquaredError(outputs.y, y).add(outputs.first.mul(0.01)),
      optimizer: btc.sgd(),
    },
  });

test('dropout lies between layers, in training alone, and witnesses agree on it', async () => {
  await expectWitnessesToAgree(() => stacked(0.4), 2);
  const { plan } = await compile(stacked(0.4), { target: 'wasm' });
  expect(plan!.programs.train.inputs.map(({ name }) => name)).toContain('step');
  expect(plan!.programs.predict.inputs.map(({ name }) => name)).not.toContain('step');
  const names = plan!.tensors.filter(({ role }) => role === 'parameter').map(({ name }) => name);
  expect(names).toContain('gru1.layer2.reverse.hiddenBias');
});

test.each([
  ['layers', { layers: 0 }, /'layers' is 0/],
  ['layers without end', { layers: 2 ** 40 }, /'layers' is 1099511627776/],
  ['a nonlinearity', { nonlinearity: 'sigmoid' }, /'nonlinearity' is sigmoid/],
])('wrong %s are told', async (_, options, message) => {
  const { diagnostics, plan } = await compile(
    btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([2, 3, 4]) },
      build: ({ x }) =>
        btc.rnn(4, 3, options as btc.RecurrentStackOptions)(x) && {
          y: btc.rnn(4, 3, options as btc.RecurrentStackOptions)(x).outputs,
        },
    }),
    { target: 'wasm' },
  );
  expect(plan).toBeNull();
  expect(diagnostics.map(({ message }) => message).join()).toMatch(message);
});

test('a state and lengths of other shapes are told', async () => {
  const { diagnostics } = await compile(
    btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([2, 3, 4]), h: btc.tensor([2, 3]), n: btc.tensor([3], 'i32') },
      build: ({ x, h, n }) => ({
        a: btc.gru(4, 3, { layers: 2 })(x, { hidden: h }).outputs,
        b: btc.gru(4, 3)(x, undefined, { lengths: n }).outputs,
      }),
    }),
    { target: 'wasm' },
  );
  expect(diagnostics.map(({ code, message }) => [code, message])).toEqual([
    ['BTC2003', "'gru' takes a state whose hidden is f32[2,2,3], not f32[2,3]"],
    ['BTC2003', "'gru' takes lengths i32 [2], not i32[3]"],
  ]);
});
