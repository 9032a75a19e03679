import fc from 'fast-check';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { describe, expect, test } from 'vitest';
import { conjugateGradients } from '../../compiler/decompose/conjugate-gradients.ts';
import { createContract } from '../../compiler/decompose/contract.ts';
import { orthonormalised, solveSymmetric } from '../../compiler/decompose/linear-algebra.ts';
import {
  addProduct,
  addProductTransposed,
  rowGram,
  transposed,
} from '../../compiler/decompose/matrix-product.ts';
import { normalNumbers } from '../../compiler/decompose/random.ts';
import { leadingLeftVectors } from '../../compiler/decompose/singular-vectors.ts';
import { subspaceIteration } from '../../compiler/decompose/subspace.ts';
import { elementCount } from '../../ir/tensor.ts';
import { norm } from './random-matrix.ts';

const product = (a: ArrayLike<number>, b: ArrayLike<number>, [m, k, n]: readonly number[]) =>
  Float64Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j];
    return sum;
  });
const difference = (a: Float64Array, b: Float64Array) => norm(a.map((value, k) => value - b[k]));
const extent = fc.integer({ min: 1, max: 9 });

test('matrix products', () => {
  fc.assert(
    fc.property(extent, extent, extent, (m, k, n) => {
      const a = normalNumbers(1, 'a', m * k);
      const b = normalNumbers(2, 'b', k * n);
      const [plain, other] = [new Float64Array(m * n), new Float64Array(m * n)];
      addProduct([m, k, n], a, 0, b, 0, plain, 0);
      addProductTransposed([m, k, n], a, 0, transposed(b, k, n), 0, other, 0);
      const expected = product(a, b, [m, k, n]);
      expect(difference(plain, expected)).toBeLessThan(1e-12);
      expect(difference(other, expected)).toBeLessThan(1e-12);
      expect(difference(rowGram(a, m, k), product(a, transposed(a, m, k), [m, k, m]))).toBeLessThan(
        1e-12,
      );
    }),
  );
});

describe('leading left singular vectors', () => {
  test.each([
    [6, 40, 3],
    [40, 6, 3],
    [12, 12, 12],
    [9, 4, 7],
    [700, 5, 5],
  ])('%i x %i, %i of them', (rows, columns, count) => {
    const x = normalNumbers(3, 'x', rows * columns);
    const u = leadingLeftVectors(x, rows, columns, count);
    const gram = product(transposed(u, rows, count), u, [count, rows, count]);
    const identity = gram.map((_, at) => (at % (count + 1) === 0 ? 1 : 0));
    expect(difference(gram, identity)).toBeLessThan(1e-11);
    const projected = product(transposed(u, rows, count), x, [count, rows, columns]);
    const rest = difference(product(u, projected, [rows, count, columns]), x);
    const { diagonal } = new SingularValueDecomposition(Matrix.from1DArray(rows, columns, [...x]), {
      autoTranspose: true,
    });
    expect(rest).toBeCloseTo(norm(diagonal.slice(count)), 10);
  });

  test('of a matrix of less rank are still orthonormal', () => {
    const x = product(normalNumbers(1, 'l', 20), normalNumbers(1, 'r', 8), [20, 1, 8]);
    const u = leadingLeftVectors(x, 20, 8, 5);
    const gram = product(transposed(u, 20, 5), u, [5, 20, 5]);
    expect(
      difference(
        gram,
        gram.map((_, at) => (at % 6 === 0 ? 1 : 0)),
      ),
    ).toBeLessThan(1e-12);
    const made = product(u, product(transposed(u, 20, 5), x, [5, 20, 8]), [20, 5, 8]);
    expect(difference(made, x) / norm(x)).toBeLessThan(1e-12);
  });
});

test('subspace iteration holds as much of a matrix as its singular vectors', () => {
  for (const [rows, columns] of [
    [60, 90],
    [90, 60],
  ]) {
    const x = normalNumbers(7, 'x', rows * columns).map(
      (value, at) => value / (1 + (at % columns)),
    );
    const u = subspaceIteration(x, rows, columns, 4);
    const made = product(u, product(transposed(u, rows, 4), x, [4, rows, columns]), [
      rows,
      4,
      columns,
    ]);
    const { diagonal } = new SingularValueDecomposition(Matrix.from1DArray(rows, columns, [...x]), {
      autoTranspose: true,
    });
    const best = norm(diagonal.slice(4));
    expect(difference(made, x)).toBeLessThan(best * (1 + 1e-8));
    expect(difference(made, x)).toBeGreaterThan(best * (1 - 1e-12));
  }
});

test('QR has orthonormal columns and a diagonal that is not negative', () => {
  const x = normalNumbers(4, 'x', 9 * 4);
  const { q, r } = orthonormalised(x, 9, 4);
  expect(difference(product(q, r, [9, 4, 4]), x)).toBeLessThan(1e-12);
  for (let k = 0; k < 4; k++) expect(r[k * 5]).toBeGreaterThanOrEqual(0);
});

test('symmetric systems, directly and by conjugate gradients', () => {
  const root = normalNumbers(5, 'root', 36);
  const gram = product(root, transposed(root, 6, 6), [6, 6, 6]);
  const right = normalNumbers(6, 'right', 12);
  const direct = solveSymmetric(gram, 6, right, 2)!;
  const { x } = conjugateGradients(
    (one) => product(one, gram, [2, 6, 6]),
    right,
    new Float64Array(12),
  );
  expect(difference(product(direct, gram, [2, 6, 6]), right)).toBeLessThan(1e-9);
  expect(difference(x, direct) / norm(direct)).toBeLessThan(1e-6);
  expect(solveSymmetric(Float64Array.of(1, 2, 2, 1), 2, Float64Array.of(1, 1), 1)).toBeNull();
});

test('contractions agree with the sum over all letters', () => {
  const letters = [...'abAijx'];
  const term = fc.uniqueArray(fc.constantFrom(...letters), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(term, { minLength: 1, maxLength: 4 }), fc.nat(1000), (terms, seed) => {
      const extents = new Map(letters.map((letter, k) => [letter, 1 + ((seed >> k) % 4)]));
      const operands = terms.map((own, k) => {
        const shape = own.map((letter) => extents.get(letter)!);
        const data = normalNumbers(seed, String(k), elementCount(shape));
        return { letters: own.join(''), shape, data };
      });
      const used = letters.filter((letter) => terms.some((own) => own.includes(letter)));
      const output = used
        .filter((_, k) => (seed >> k) % 2 === 0)
        .reverse()
        .join('');
      const found = createContract()(operands, output);
      expect(found.letters).toBe(output);
      expect(difference(found.data, naive(operands, output, used, extents))).toBeLessThan(1e-9);
    }),
  );
});

function naive(
  operands: readonly { letters: string; data: Float64Array }[],
  output: string,
  letters: readonly string[],
  extents: ReadonlyMap<string, number>,
): Float64Array {
  const result = new Float64Array(elementCount([...output].map((c) => extents.get(c)!)));
  const total = elementCount(letters.map((c) => extents.get(c)!));
  for (let index = 0; index < total; index++) {
    let rest = index;
    const at = new Map(
      letters.map((c) => {
        const digit = rest % extents.get(c)!;
        rest = Math.floor(rest / extents.get(c)!);
        return [c, digit];
      }),
    );
    const flat = (own: string) =>
      [...own].reduce((sum, c) => sum * extents.get(c)! + at.get(c)!, 0);
    result[flat(output)] += operands.reduce((p, one) => p * one.data[flat(one.letters)], 1);
  }
  return result;
}
