import { CholeskyDecomposition, EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';

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
export function symmetricEigenvectors(
  symmetric: Float64Array,
  n: number,
  count: number,
): Float64Array {
  const { eigenvectorMatrix } = new EigenvalueDecomposition(toMatrix(symmetric, n, n), {
    assumeSymmetric: true,
  });
  const vectors = new Float64Array(n * count);
  // Eigenvalues are in increasing order.
  for (let i = 0; i < n; i++)
    for (let j = 0; j < count; j++) vectors[i * count + j] = eigenvectorMatrix.get(i, n - 1 - j);
  return vectors;
}

/** The eigenvalues of a symmetric matrix [n, n] in increasing order. */
export function symmetricEigenvalues(symmetric: Float64Array, n: number): readonly number[] {
  return new EigenvalueDecomposition(toMatrix(symmetric, n, n), { assumeSymmetric: true })
    .realEigenvalues;
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
