import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import { load, type Session } from '../../runtime/index.ts';
import { decomposed, norm, randomMatrix, SMALL } from './random-matrix.ts';

type Values = Record<string, Float32Array>;

/** A session of the model with these parameters. */
async function opened(model: btc.Model, parameters: Values): Promise<Session> {
  const { plan, module, diagnostics } = await btc.compile(model, { target: 'wasm' });
  expect(diagnostics.filter(({ category }) => category === 'error')).toEqual([]);
  return load(plan!, { module: module!, parameters });
}

/** The parameters of a decomposed weight. */
function named(weight: string, { cores }: btc.Decomposition): Values {
  return Object.fromEntries(
    cores.map(({ name, data }) => [`${weight}.${name}`, Float32Array.from(data)]),
  );
}

function relative(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  return norm(Array.from(found, (value, k) => value - wanted[k])) / norm(wanted);
}

describe('a linear layer with the factorisation takes the cores and makes the matrix', () => {
  const dense = randomMatrix(24, 24, 8);
  const identity = Float32Array.from({ length: 24 * 24 }, (_, k) => (k % 25 === 0 ? 1 : 0));

  test.each(Object.entries(SMALL))('%s', async (_, weight) => {
    const found = decomposed(dense, weight, { sweeps: 20 });
    const model = btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([24, 24]) },
      build: ({ x }) => ({ y: btc.linear(24, 24, { name: 'layer', weight, bias: false })(x) }),
    });
    const session = await opened(model, named('layer.weight', found));
    const { y } = await session.run('predict', { x: identity });
    expect(relative(y, dense.data)).toBeCloseTo(found.relativeError, 5);
    session.destroy();
  });
});

test('an embedding takes the cores of its table', async () => {
  const dense = randomMatrix(30, 8, 2);
  const weight = btc.tensorTrain({ inputModes: [5, 6], outputModes: [2, 4], rank: 10 });
  const model = btc.defineModel({
    name: 'm',
    inputs: { index: btc.tensor([30], 'i32') },
    build: ({ index }) => ({ rows: btc.embedding(30, 8, { name: 'words', weight })(index) }),
  });
  const session = await opened(model, named('words.weight', decomposed(dense, weight)));
  const index = Int32Array.from({ length: 30 }, (_, k) => k);
  expect(relative((await session.run('predict', { index })).rows, dense.data)).toBeLessThan(1e-6);
  session.destroy();
});

test.each([
  ['lstm', btc.lstm, 4],
  ['gru', btc.gru, 3],
  ['rnn', btc.rnn, 1],
] as const)('%s takes cores of both matrices, the gates folded in', async (_, layer, gates) => {
  const [input, hidden] = [randomMatrix(12, gates * 6, 3), randomMatrix(6, gates * 6, 4)];
  const inputWeight = btc.blockTerm({
    inputModes: [3, 4],
    outputModes: [2, 3],
    rank: Math.max(6 * gates, 12),
    blocks: 1,
  });
  const hiddenWeight = btc.tucker({ inputModes: [2, 3], outputModes: [3, 2], rank: 3 * gates });
  const model = (options: btc.RecurrentOptions) =>
    btc.defineModel({
      name: 'm',
      inputs: { x: btc.tensor([2, 3, 12]) },
      build: ({ x }) => ({ y: layer(12, 6, { name: 'cell', ...options })(x).outputs }),
    });
  const biases: Values = { 'cell.bias': new Float32Array(gates * 6) };
  if (gates === 3) biases['cell.hiddenBias'] = new Float32Array(gates * 6);
  const plain = await opened(model({}), {
    ...biases,
    'cell.inputWeight': Float32Array.from(input.data),
    'cell.hiddenWeight': Float32Array.from(hidden.data),
  });
  const compact = await opened(model({ inputWeight, hiddenWeight }), {
    ...biases,
    ...named('cell.inputWeight', decomposed(input, inputWeight, { gates })),
    ...named('cell.hiddenWeight', decomposed(hidden, hiddenWeight, { gates })),
  });
  const x = Float32Array.from({ length: 72 }, (_, k) => Math.sin(k));
  const [wanted, found] = await Promise.all(
    [plain, compact].map((one) => one.run('predict', { x })),
  );
  expect(relative(found.y, wanted.y)).toBeLessThan(1e-5);
  for (const session of [plain, compact]) session.destroy();
});
