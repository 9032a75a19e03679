import { CholeskyDecomposition, EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import { addProduct, rowGram, transposed } from './matrix-product.ts';
import { squaredNorm } from './tensor.ts';

// Row-major float64 matrices in flat arrays to and from the library that decomposes them.

function toMatrix(data: Float64Array, rows: number, columns: number): Matrix {
  const matrix = new Matrix(rows, columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) matrix.set(i, j, data[i * columns + j]);
  return matrix;
}

function toArray(matrix: Matrix): Float64Array {
  const { rows, columns } = matrix;
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) data[i * columns + j] = matrix.get(i, j);
  return data;
}

/** The eigenvectors [n, count] of the largest eigenvalues of a symmetric matrix [n, n], in their order. */
function leadingEigenvectors(symmetric: Float64Array, n: number, count: number): Float64Array {
  const { eigenvectorMatrix } = new EigenvalueDecomposition(toMatrix(symmetric, n, n), {
    assumeSymmetric: true,
  });
  const vectors = new Float64Array(n * count);
  // Eigenvalues are in increasing order.
  for (let i = 0; i < n; i++)
    for (let j = 0; j < count; j++) vectors[i * count + j] = eigenvectorMatrix.get(i, n - 1 - j);
  return vectors;
}

/**
 * The `count` leading left singular vectors of X [rows, columns] as orthonormal columns [rows, count], count ≤ rows, from
 * the eigenvectors of X·Xᵀ or Xᵀ·X, whichever is smaller. Singular values below 1e-8 of the largest are not told apart (the
 * projection onto the vectors is as near to X as the best of that rank to about 1e-8 of X, which is less than float32
 * keeps); all vectors together span X's columns to 1e-15.
 */
export function leadingLeftVectors(
  x: Float64Array,
  rows: number,
  columns: number,
  count: number,
): Float64Array {
  if (rows <= columns) return leadingEigenvectors(rowGram(x, rows, columns), rows, count);
  const within = Math.min(count, columns);
  const gram = rowGram(transposed(x, rows, columns), columns, rows);
  const right = leadingEigenvectors(gram, columns, within);
  const spanned = new Float64Array(rows * within);
  addProduct([rows, columns, within], x, 0, right, 0, spanned, 0);
  return completed(orthonormalised(spanned, rows, within).q, rows, within, count);
}

/** More orthonormal columns behind those that there are: what Gram and Schmidt, twice, leave of unit vectors. */
function completed(q: Float64Array, rows: number, have: number, want: number): Float64Array {
  const columns = Array.from({ length: have }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => q[i * have + j]),
  );
  // The squares of what is left of all unit vectors sum to rows - columns, so that one of them is always long enough.
  const least = 1e-4 / rows;
  for (let unit = 0; unit < rows && columns.length < want; unit++) {
    const rest = new Float64Array(rows);
    rest[unit] = 1;
    for (const column of [...columns, ...columns]) {
      const dot = rest.reduce((sum, value, i) => sum + value * column[i], 0);
      for (let i = 0; i < rows; i++) rest[i] -= dot * column[i];
    }
    const square = squaredNorm(rest);
    if (square > least) columns.push(rest.map((value) => value / Math.sqrt(square)));
  }
  return Float64Array.from({ length: rows * want }, (_, at) => columns[at % want][(at / want) | 0]);
}

/** X = Q·R for X [rows, columns], rows ≥ columns: Q with orthonormal columns, R upper triangular, its diagonal not negative. */
export function orthonormalised(
  x: Float64Array,
  rows: number,
  columns: number,
): { readonly q: Float64Array; readonly r: Float64Array } {
  const qr = new QrDecomposition(toMatrix(x, rows, columns));
  const q = toArray(qr.orthogonalMatrix);
  const r = toArray(qr.upperTriangularMatrix);
  for (let k = 0; k < columns; k++) {
    if (r[k * columns + k] >= 0) continue;
    for (let i = 0; i < rows; i++) q[i * columns + k] *= -1;
    for (let j = 0; j < columns; j++) r[k * columns + j] *= -1;
  }
  return { q, r };
}

/** Z with Z·G = B for a symmetric positive definite G [n, n] and B [rows, n]; null where G is not positive definite. */
export function solveSymmetric(
  gram: Float64Array,
  n: number,
  b: Float64Array,
  rows: number,
): Float64Array | null {
  const cholesky = new CholeskyDecomposition(toMatrix(gram, n, n));
  if (!cholesky.isPositiveDefinite()) return null;
  return toArray(cholesky.solve(toMatrix(b, rows, n).transpose()).transpose());
}
