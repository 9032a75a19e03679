import { orthonormalised, symmetricEigenvectors } from './linear-algebra.ts';
import { addProduct, rowGram, transposed } from './matrix-product.ts';
import { normalNumbers } from './random.ts';
import { squaredNorm } from './tensor.ts';

/** Vectors beyond those that are wanted: they speed convergence. */
const OVERSAMPLING = 12;
const MOST_PASSES = 40;
/** A pass that adds less than this part of ‖X‖² to what the vectors hold is the last. */
const GAIN = 1e-9;

/**
 * The `count` leading left singular vectors of X [rows, columns], as orthonormal columns, by randomised subspace iteration with
 * a Rayleigh-Ritz step at its end (Halko, Martinsson and Tropp 2011, algorithm 4.4). For a few vectors of a large matrix: a
 * pass takes two products of X with count + 12 vectors. What the vectors hold of ‖X‖² is within some 1e-8 of the most that so
 * many can hold where singular values near the last one are close together, and exact to rounding where they are not.
 */
export function subspaceIteration(
  x: Float64Array,
  rows: number,
  columns: number,
  count: number,
): Float64Array {
  const width = Math.min(count + OVERSAMPLING, rows, columns);
  const flipped = transposed(x, rows, columns);
  const multiply = (a: Float64Array, m: number, k: number, b: Float64Array) => {
    const result = new Float64Array(m * width);
    addProduct([m, k, width], a, 0, b, 0, result, 0);
    return result;
  };
  const enough = GAIN * squaredNorm(x);
  let right = normalNumbers(0, 'subspace', columns * width);
  let held = 0;
  for (let pass = 0; ; pass++) {
    const { q } = orthonormalised(multiply(x, rows, columns, right), rows, width);
    // Xᵀ·Q: its squared norm is what Q holds of X's.
    right = multiply(flipped, columns, rows, q);
    const now = squaredNorm(right);
    if (pass === MOST_PASSES || now - held <= enough)
      return leading(q, right, rows, columns, width, count);
    held = now;
    right = orthonormalised(right, columns, width).q;
  }
}

/** Of the span of Q's columns the directions in which X is largest. */
function leading(
  q: Float64Array,
  right: Float64Array,
  rows: number,
  columns: number,
  width: number,
  count: number,
): Float64Array {
  const gram = rowGram(transposed(right, columns, width), width, columns);
  const rotation = symmetricEigenvectors(gram, width, count);
  const result = new Float64Array(rows * count);
  addProduct([rows, width, count], q, 0, rotation, 0, result, 0);
  return result;
}
