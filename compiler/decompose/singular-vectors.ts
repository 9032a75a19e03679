import { orthonormalised, symmetricEigenvalues, symmetricEigenvectors } from './linear-algebra.ts';
import { addProduct, rowGram, transposed } from './matrix-product.ts';
import { subspaceIteration } from './subspace.ts';
import { squaredNorm } from './tensor.ts';

/** Above this the eigenvectors of a matrix take seconds, and a small part of them is found faster without the others. */
const MOST_WHOLE = 1024;
/** Which part is small. */
const FEW = 1 / 8;

/**
 * The `count` leading left singular vectors of X [rows, columns] as orthonormal columns [rows, count], count ≤ rows, from
 * the eigenvectors of X·Xᵀ or Xᵀ·X, whichever is smaller. Singular values below 1e-8 of the largest are not told apart (the
 * projection onto the vectors is as near to X as the best of that rank to about 1e-8 of X, which is less than float32
 * keeps); all vectors together span X's columns to 1e-15. A few vectors of a large matrix come from {@link subspaceIteration}.
 */
export function leadingLeftVectors(
  x: Float64Array,
  rows: number,
  columns: number,
  count: number,
): Float64Array {
  const smaller = Math.min(rows, columns);
  if (smaller > MOST_WHOLE && count <= FEW * smaller)
    return subspaceIteration(x, rows, columns, count);
  if (rows <= columns) return symmetricEigenvectors(rowGram(x, rows, columns), rows, count);
  const within = Math.min(count, columns);
  const gram = rowGram(transposed(x, rows, columns), columns, rows);
  const right = symmetricEigenvectors(gram, columns, within);
  const spanned = new Float64Array(rows * within);
  addProduct([rows, columns, within], x, 0, right, 0, spanned, 0);
  return completed(orthonormalised(spanned, rows, within).q, rows, within, count);
}

/**
 * The relative error of the best approximation of every rank from 0: the root of the sum of the squares of the singular values
 * behind it, over the norm (Eckart and Young 1936). Known to about 1e-8.
 */
export function truncationErrors(x: Float64Array, rows: number, columns: number): Float64Array {
  const gram =
    rows <= columns
      ? rowGram(x, rows, columns)
      : rowGram(transposed(x, rows, columns), columns, rows);
  const increasing = symmetricEigenvalues(gram, Math.min(rows, columns));
  const norm = squaredNorm(x) || 1;
  let tail = 0;
  const errors = [0];
  for (const value of increasing) {
    tail += Math.max(0, value);
    errors.push(Math.sqrt(tail / norm));
  }
  return Float64Array.from(errors.reverse());
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
