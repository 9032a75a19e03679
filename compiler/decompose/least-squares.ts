import { conjugateGradients } from './conjugate-gradients.ts';
import type { Gauge } from './gauge.ts';
import { solveSymmetric } from './linear-algebra.ts';
import { addProduct } from './matrix-product.ts';
import { createSurroundings, type NormalEquations, normalEquations } from './normal-equations.ts';
import type { CoreValues, Fit, Problem } from './problem.ts';
import { permuted } from './tensor.ts';

/** Above this many bond indices the normal equations are solved by conjugate gradients, without forming E·Eᵀ. */
const MOST_DIRECT = 400;
/** Of the damping, as a part of the mean of the diagonal of E·Eᵀ. */
const DAMPING = 1e-12;

/**
 * Improves each core once, in order; the error is that of the new cores. Before the last core, which is the largest in Tucker
 * terms, the gauge makes the others well conditioned.
 */
export function leastSquaresSweep(
  { target, squaredNorm, contract }: Problem,
  given: CoreValues,
  gauge: Gauge,
): Fit {
  let cores = given.map((network) => [...network]);
  let { around, changed } = createSurroundings(contract, cores);
  const last = cores[0].length - 1;
  let error = 0;
  for (let k = 0; k <= last; k++) {
    if (k === last) {
      cores = gauge(cores).map((network) => [...network]);
      ({ around, changed } = createSurroundings(contract, cores));
    }
    const equations = normalEquations(target, contract, cores, k, around);
    const { x, product } =
      equations.width <= MOST_DIRECT
        ? solvedDirectly(equations)
        : conjugateGradients(equations.times, equations.right, equations.old);
    equations.coresOf(x).forEach((core, n) => {
      cores[n][k] = permuted(core, cores[n][k].letters);
    });
    changed(k);
    error = errorOf(squaredNorm, equations.right, x, product);
  }
  return { cores, error };
}

/** From ‖W - X·E‖² = ‖W‖² - 2·⟨X, W·Eᵀ⟩ + ⟨X, X·E·Eᵀ⟩. */
function errorOf(
  norm: number,
  right: Float64Array,
  x: Float64Array,
  product: Float64Array,
): number {
  const square = x.reduce((sum, value, i) => sum + value * (product[i] - 2 * right[i]), norm);
  return Math.sqrt(Math.max(0, square) / (norm || 1));
}

/**
 * X·(E·Eᵀ + δ·1) = W·Eᵀ + δ·X_old: the step is damped towards the old core, so that a singular E·Eᵀ is none and the solution
 * of a fit that is exact already stays.
 */
function solvedDirectly({ rows, width, right, old, gram: form }: NormalEquations) {
  const gram = form();
  let trace = 0;
  for (let i = 0; i < width; i++) trace += gram[i * width + i];
  let x: Float64Array | null = null;
  for (let damping = DAMPING; !x; damping *= 100) {
    const delta = (damping * trace) / width || 1;
    const damped = gram.slice();
    for (let i = 0; i < width; i++) damped[i * width + i] += delta;
    const shifted = right.map((value, i) => value + delta * old[i]);
    x = solveSymmetric(damped, width, shifted, rows);
  }
  const product = new Float64Array(rows * width);
  addProduct([rows, width, width], x, 0, gram, 0, product, 0);
  return { x, product };
}
