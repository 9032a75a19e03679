import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import { decomposed, MODES, randomMatrix, randomStructured } from './random-matrix.ts';

const FORMS: readonly btc.FormName[] = [
  'low-rank',
  'cp',
  'tucker',
  'tensor-train',
  'tensor-ring',
  'block-term',
  'hierarchical-tucker',
];
const options = { sweeps: 5, starts: 0 };
const dense = randomMatrix(24, 24, 1);
const sizeOf = (request: btc.FormRequest) => decomposed(dense, request, { sweeps: 1, starts: 0 });

describe.each(FORMS)('%s', (form) => {
  const modes = form === 'low-rank' ? {} : MODES;

  test('takes the largest rank within parameters or bytes', () => {
    const within = decomposed(dense, { form, ...modes, parameters: 200 }, options);
    expect(within.parameters).toBeLessThanOrEqual(200);
    const rank = Math.max(...(within.ranks as readonly number[]));
    expect(sizeOf({ form, ...modes, rank: rank + 1 }).parameters).toBeGreaterThan(200);
    const bytes = decomposed(dense, { form, ...modes, bytes: 800 }, options);
    expect(bytes.ranks).toEqual(within.ranks);
  });

  test('takes the smallest rank within an error', () => {
    const truth = sizeOf({ form, ...modes, rank: 2 }).matrix;
    const structured = randomStructured(truth, 5);
    const found = decomposed(structured, { form, ...modes, error: 1e-3 }, { starts: 6 });
    expect(found.relativeError).toBeLessThan(1e-3);
    expect(Math.max(...(found.ranks as readonly number[]))).toBe(2);
  });

  test('chooses modes where none are given', () => {
    const { matrix } = sizeOf({ form, rank: 1 });
    expect(matrix.inputModes.reduce((a, b) => a * b)).toBe(24);
    expect(matrix.outputModes.reduce((a, b) => a * b)).toBe(24);
  });
});

const codes = (target: btc.FormRequest | btc.Factorisation, matrix = dense, more = {}) =>
  btc.decompose(matrix, target, more).diagnostics.map(({ code, message }) => `${code} ${message}`);

test.each<[string, btc.FormRequest | btc.Factorisation, string]>([
  [
    'modes that do not multiply',
    btc.cp({ inputModes: [5, 5], outputModes: [4, 6], rank: 1 }),
    'BTC2017 CP: the input modes [5, 5] multiply to 25, not to the 24 features',
  ],
  [
    'a rank out of range',
    { form: 'low-rank', rank: 25 },
    'BTC2018 low-rank: rank 25 of the matrix must be from 1 to 24',
  ],
  [
    'modes that are no pairs',
    { form: 'cp', inputModes: [4, 6], outputModes: [24], rank: 1 },
    'BTC2019',
  ],
  [
    'too few ranks',
    { form: 'tensor-train', ...MODES, ranks: [2] },
    'BTC2020 tensor-train: 1 ranks are given',
  ],
  [
    'a size that nothing keeps',
    { form: 'tensor-train', ...MODES, parameters: 5 },
    'BTC2021 tensor-train: no shape keeps the budget; the smallest has 26 parameters',
  ],
  [
    'no size',
    { form: 'cp', ...MODES },
    'BTC5013 the matrix cannot be decomposed: one of rank, ranks, parameters, bytes, error decides the size, and none is given',
  ],
  ['two sizes', { form: 'cp', rank: 2, error: 0.1 }, 'and rank and error are given'],
  [
    'a form that does not exist',
    { form: 'svd' as 'cp', rank: 2 },
    "BTC5013 the matrix cannot be decomposed: there is no form 'svd'; the forms are low-rank, cp",
  ],
  ['ranks of a form that has one', { form: 'cp', ranks: [2] }, "cp has one rank; give 'rank'"],
  ['blocks of a form without', { form: 'cp', rank: 1, blocks: 2 }, 'cp has no blocks'],
  [
    'split modes of a form without',
    { form: 'tucker', rank: 1, split: true },
    'only cp has split modes',
  ],
  [
    'an error that is no number',
    { form: 'cp', error: -1 },
    "'error' is -1; it must be a positive number",
  ],
  [
    'an error out of reach',
    { form: 'cp', ...MODES, error: 1e-9 },
    'BTC5014 CP: no rank that saves parameters reaches a relative error of 1e-9; the best is 0.',
  ],
])('%s: one message', (_, target, message) => {
  expect(codes(target, dense, options)).toEqual([expect.stringContaining(message)]);
});

test.each<[string, Partial<btc.DenseMatrix>, btc.DecomposeOptions, string]>([
  ['rows that do not fit', { rows: 23 }, {}, '576 numbers are no matrix of 23 rows and 24 columns'],
  ['gates that do not divide', {}, { gates: 5 }, '24 columns do not divide into 5 gates'],
  ['no sweeps', {}, { sweeps: 0 }, "'sweeps' is 0; it must be a positive integer"],
  ['a seed that is none', {}, { seed: -1 }, "'seed' is -1; it must be an integer from 0"],
  [
    'numbers that are not finite',
    { data: Float64Array.from(dense.data).fill(Number.NaN, 30, 31) },
    {},
    'the matrix has NaN in row 1, column 6',
  ],
])('%s: one message', (_, matrix, more, message) => {
  expect(codes({ form: 'cp', rank: 1 }, { ...dense, ...matrix }, more)).toEqual([
    `BTC5013 the matrix cannot be decomposed: ${message}`,
  ]);
});

test('a matrix that is too large is refused before anything is copied', () => {
  const data = { length: 2 ** 29 } as ArrayLike<number>;
  expect(codes({ form: 'cp', rank: 1 }, { rows: 2 ** 15, columns: 2 ** 14, data })[0]).toContain(
    'a matrix of 536,870,912 elements is too large; 268,435,456 is the most',
  );
});
