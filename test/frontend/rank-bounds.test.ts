import { describe, expect, test } from 'vitest';
import { traceModel } from '../../compiler/frontend/trace.ts';
import { decompose, type FormRequest } from '../../compiler/index.ts';
import * as btc from '../../compiler/language.ts';

// A rank above what its place can carry holds more numbers and no more matrices: low-rank refuses it, and so do the others.

const MODES = { inputModes: [2, 3, 4], outputModes: [2, 3, 2] };
const [INPUTS, OUTPUTS] = [24, 12];

function refusal(layer: (x: btc.Tensor) => btc.Tensor, shape: readonly number[]): string {
  const inputs = { x: btc.tensor(shape) };
  const { diagnostics } = traceModel(
    btc.defineModel({ name: 'm', inputs, build: ({ x }) => ({ y: layer(x) }) }),
  );
  return diagnostics
    .filter(({ category }) => category === 'error')
    .map(({ code, message }) => `${code} ${message}`)
    .join('\n');
}

/** Each form by its rank, the largest one that it takes, and how the message names the place. */
const FORMS: readonly [string, (rank: number) => btc.Factorisation, number, string][] = [
  ['low-rank', (rank) => btc.lowRank({ rank }), 12, 'the matrix'],
  // Pairs of modes of 4, 9 and 8 elements.
  ['tensor-train', (rank) => btc.tensorTrain({ ...MODES, rank }), 8, 'all bonds'],
  ['CP', (rank) => btc.cp({ ...MODES, rank }), 32, 'the factors'],
  ['CP', (rank) => btc.cp({ ...MODES, rank, split: true }), 72, 'the factors'],
  ['Tucker', (rank) => btc.tucker({ ...MODES, rank }), 4, 'all inputs'],
  ['block-term', (rank) => btc.blockTerm({ ...MODES, rank, blocks: 2 }), 9, 'all modes'],
  ['hierarchical Tucker', (rank) => btc.hierarchicalTucker({ ...MODES, rank }), 9, 'the tree'],
];

const KERNELS: readonly [string, (rank: number) => btc.KernelFactorisation, number, string][] = [
  ['tensor-train', (rank) => btc.tensorTrainKernel({ rank }), 12, 'all bonds'],
  [
    'tensor-train',
    (rank) => btc.tensorTrainKernel({ rank, inputModes: [2, 3], outputModes: [2, 2] }),
    9,
    'all bonds',
  ],
  ['CP', (rank) => btc.cpKernel({ rank }), 36, 'the factors'],
  [
    'Tucker-2',
    (rank) => btc.tuckerKernel({ inputRank: rank, outputRank: 1 }),
    6,
    'the input channels',
  ],
];

describe('the largest rank of a form is taken, and one more is refused', () => {
  test.each(FORMS)('%s of a matrix (%#)', (form, make, most, where) => {
    const layer = (rank: number) => btc.linear(INPUTS, OUTPUTS, { weight: make(rank) });
    expect(refusal(layer(most), [2, INPUTS])).toBe('');
    const wanted = `BTC2018 ${form}: rank ${most + 1} of ${where} must be from 1 to ${most}`;
    expect(refusal(layer(most + 1), [2, INPUTS]).split('\n')).toContain(wanted);
  });

  test.each(KERNELS)('%s of a kernel (%#)', (form, make, most, where) => {
    const layer = (rank: number) => btc.convolution(6, 4, { kernel: [3, 3], weight: make(rank) });
    expect(refusal(layer(most), [1, 5, 5, 6])).toBe('');
    expect(refusal(layer(most + 1), [1, 5, 5, 6])).toBe(
      `BTC2018 ${form}: rank ${most + 1} of ${where} must be from 1 to ${most}`,
    );
  });

  test('lists of ranks are held place by place', () => {
    const train = (ranks: readonly number[]) =>
      refusal(btc.linear(INPUTS, OUTPUTS, { weight: btc.tensorTrain({ ...MODES, ranks }) }), [
        2,
        INPUTS,
      ]);
    expect(train([4, 8])).toBe('');
    expect(train([5, 8])).toBe('BTC2018 tensor-train: rank 5 of bond 1 must be from 1 to 4');
    expect(train([4, 9])).toBe('BTC2018 tensor-train: rank 9 of bond 2 must be from 1 to 8');
    const tucker = btc.tucker({ inputModes: [24], outputModes: [2, 6], inputRanks: [13], rank: 2 });
    expect(refusal(btc.linear(INPUTS, OUTPUTS, { weight: tucker }), [2, INPUTS])).toBe(
      'BTC2018 Tucker: rank 13 of input 1 must be from 1 to 12',
    );
  });
});

test.each<[FormRequest, number]>([
  [{ form: 'low-rank' }, 12],
  [{ form: 'tensor-train', ...MODES }, 8],
  [{ form: 'cp', ...MODES }, 32],
  [{ form: 'tucker', ...MODES }, 4],
  [{ form: 'hierarchical-tucker', ...MODES }, 9],
])('decompose refuses them too: %j', (request, most) => {
  const data = Float32Array.from({ length: INPUTS * OUTPUTS }, (_, k) => Math.sin(k));
  const dense = { data, rows: INPUTS, columns: OUTPUTS };
  const options = { sweeps: 1, starts: 0 };
  expect(decompose(dense, { ...request, rank: most }, options).diagnostics).toEqual([]);
  const { diagnostics } = decompose(dense, { ...request, rank: most + 1 }, options);
  expect(diagnostics[0].message).toMatch(`must be from 1 to ${most}`);
});

test('what is fitted to a budget has no rank above what its place can carry', () => {
  const coresOf = (form: btc.FormName) => {
    const weight = btc.fitted(form, { parameters: 1e6 });
    const inputs = { x: btc.tensor([1, 16]) };
    const { parameters } = traceModel(
      btc.defineModel({
        name: 'm',
        inputs,
        build: ({ x }) => ({ y: btc.linear(16, 16, { weight, bias: false, name: 'w' })(x) }),
      }),
    );
    return Math.max(...parameters.flatMap(({ declaration }) => declaration.type.shape));
  };
  // Of a matrix [16, 16] in modes no bond carries more than 16.
  for (const form of ['low-rank', 'tensor-train', 'tucker', 'hierarchical-tucker'] as const)
    expect(coresOf(form), form).toBeLessThanOrEqual(16);
});
