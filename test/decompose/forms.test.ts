import fc from 'fast-check';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import { soaked } from '../support/soak.ts';
import {
  decomposed,
  errorOf,
  MODES,
  norm,
  randomMatrix,
  randomStructured,
  SMALL,
} from './random-matrix.ts';

/** Singular values of rows of the given length, by a library. */
function singularValues(rows: readonly (readonly number[])[]): number[] {
  return new SingularValueDecomposition(new Matrix(rows as number[][]), { autoTranspose: true })
    .diagonal;
}

function rowsOf({ rows, columns, data }: btc.DenseMatrix): number[][] {
  return Array.from({ length: rows }, (_, i) =>
    Array.from(data).slice(i * columns, (i + 1) * columns),
  );
}

describe.each(Object.entries(SMALL))('%s', (_, factorisation) => {
  test('finds again what has its structure', () => {
    for (const seed of [1, 2]) {
      const matrix = decomposed(randomMatrix(24, 24, 0), factorisation, { sweeps: 1 }).matrix;
      const dense = randomStructured(matrix, seed);
      const found = decomposed(dense, factorisation, { sweeps: 1000, starts: 12 });
      expect(errorOf(dense, found)).toBeLessThan(1e-6);
    }
  });

  test('reports the error that the reconstruction has, and the layer has its cores', async () => {
    const dense = randomMatrix(24, 24, 3);
    const found = decomposed(dense, factorisation, { sweeps: 10 });
    expect(found.relativeError).toBeGreaterThan(0.1);
    expect(found.relativeError).toBeLessThan(1);
    expect(Math.abs(errorOf(dense, found) - found.relativeError)).toBeLessThan(1e-12);
    expect(found.cores.flatMap(({ data }) => [...data]).every(Number.isFinite)).toBe(true);
    expect(found.parameters).toBe(found.cores.reduce((sum, { data }) => sum + data.length, 0));
  });

  test('is the same for the same seed', () => {
    const dense = randomMatrix(24, 24, 4);
    const [first, second] = [0, 1].map(() =>
      decomposed(dense, factorisation, { sweeps: 5, seed: 7 }),
    );
    expect(first.cores).toEqual(second.cores);
  });

  test('the source that it prints makes the same network', () => {
    const dense = randomMatrix(24, 24, 5);
    const found = decomposed(dense, factorisation, { sweeps: 1 });
    const again = new Function(...Object.keys(btc), `return ${found.source}`)(
      ...Object.values(btc),
    );
    expect(again.network(24, 24, 1)).toEqual(found.matrix);
  });

  test('survives matrices of zeros and of one repeated number', () => {
    for (const value of [0, 3]) {
      const dense = { rows: 24, columns: 24, data: new Float64Array(24 * 24).fill(value) };
      const found = decomposed(dense, factorisation, { sweeps: 50 });
      expect(found.relativeError).toBeLessThan(1e-6);
      expect(found.cores.flatMap(({ data }) => [...data]).every(Number.isFinite)).toBe(true);
    }
  });
});

describe('with full ranks nothing is lost', () => {
  const full = { inputModes: [4, 6], outputModes: [3, 4] };
  test.each([
    ['low-rank', btc.lowRank({ rank: 12 })],
    ['tensor-train', btc.tensorTrain({ ...full, rank: 12 })],
    ['Tucker', btc.tucker({ ...full, rank: 6 })],
    ['block-term of one block', btc.blockTerm({ ...full, rank: 24, blocks: 1 })],
    ['hierarchical Tucker', btc.hierarchicalTucker({ ...full, rank: 12 })],
    [
      'tensor-train of one mode',
      btc.tensorTrain({ inputModes: [24], outputModes: [12], ranks: [] }),
    ],
    ['CP of one mode', btc.cp({ inputModes: [24], outputModes: [12], rank: 1 })],
  ])('%s', (_, factorisation) => {
    const dense = randomMatrix(24, 12, 1);
    const found = decomposed(dense, factorisation);
    expect(found.relativeError).toBeLessThan(1e-12);
    expect(errorOf(dense, found)).toBeLessThan(1e-12);
  });
});

test('low-rank is the best of its rank (Eckart and Young)', () => {
  for (const [rows, columns] of [
    [20, 9],
    [9, 20],
    [12, 12],
  ]) {
    // biome-ignore format: one line
    const dense = randomMatrix(rows, columns, 2);
    const values = singularValues(rowsOf(dense));
    for (const rank of [1, 4, 8]) {
      const best = norm(values.slice(rank)) / norm(values);
      const found = decomposed(dense, btc.lowRank({ rank }));
      expect(Math.abs(found.relativeError - best)).toBeLessThan(1e-10);
      // Both cores carry the roots of the singular values.
      const [left, right] = found.cores.map(({ data }) => norm(data));
      expect(left / right).toBeCloseTo(1, 8);
    }
  }
});

test("TT-SVD keeps Oseledets' bound: the squared error is at most the sum of the unfoldings'", () => {
  const sizes = MODES.inputModes.map((extent, k) => extent * MODES.outputModes[k]);
  fc.assert(
    fc.property(
      fc.nat(1e6),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 7 }),
      (seed, r1, r2) => {
        const dense = randomMatrix(24, 24, seed);
        const found = decomposed(dense, btc.tensorTrain({ ...MODES, ranks: [r1, r2] }));
        const paired = pairedTensor(dense);
        const tail = (rows: number, rank: number) => {
          const columns = paired.length / rows;
          const unfolded = Array.from({ length: rows }, (_, i) =>
            paired.slice(i * columns, (i + 1) * columns),
          );
          return norm(singularValues(unfolded).slice(rank));
        };
        const bound =
          Math.hypot(tail(sizes[0], r1), tail(sizes[0] * sizes[1], r2)) / norm(dense.data);
        expect(found.relativeError).toBeLessThan(bound + 1e-12);
        const least =
          Math.max(tail(sizes[0], r1), tail(sizes[0] * sizes[1], r2)) / norm(dense.data);
        expect(found.relativeError).toBeGreaterThan(least - 1e-12);
      },
    ),
    soaked(20),
  );
});

/** Elements in the order of I_1, J_1, I_2, J_2, I_3, J_3. */
function pairedTensor({ data }: btc.DenseMatrix): number[] {
  const [[i1, i2, i3], [j1, j2, j3]] = [MODES.inputModes, MODES.outputModes];
  const result: number[] = [];
  for (let a = 0; a < i1; a++)
    for (let A = 0; A < j1; A++)
      for (let b = 0; b < i2; b++)
        for (let B = 0; B < j2; B++)
          for (let c = 0; c < i3; c++)
            for (let C = 0; C < j3; C++)
              result.push(data[((a * i2 + b) * i3 + c) * (j1 * j2 * j3) + (A * j2 + B) * j3 + C]);
  return result;
}

test('gates are folded into the first output mode', () => {
  const dense = randomMatrix(12, 4 * 8, 6);
  const modes = { inputModes: [3, 4], outputModes: [2, 4] };
  const found = decomposed(dense, btc.tensorTrain({ ...modes, rank: 3 }), { gates: 4 });
  expect(found.matrix.outputModes).toEqual([8, 4]);
  expect(found.source).toBe('tensorTrain({ inputModes: [3, 4], outputModes: [2, 4], ranks: [3] })');
  const flat = decomposed(
    dense,
    btc.tensorTrain({ inputModes: [3, 4], outputModes: [8, 4], rank: 3 }),
  );
  expect(flat.cores).toEqual(found.cores);
});
