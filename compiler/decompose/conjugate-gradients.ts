/** Of the residual, relative to the right side. */
const TOLERANCE = 1e-12;
const MOST_STEPS = 200;

/**
 * Conjugate gradients (Hestenes and Stiefel 1952) for a symmetric positive semidefinite operator on matrices, from `start`.
 * The quadratic form ⟨x, A·x⟩ / 2 - ⟨x, b⟩ never rises, however early it ends.
 *
 * @returns the solution and A times it
 */
export function conjugateGradients(
  times: (x: Float64Array) => Float64Array,
  right: Float64Array,
  start: Float64Array,
): { readonly x: Float64Array; readonly product: Float64Array } {
  const x = start.slice();
  const product = times(x);
  const residual = right.map((value, i) => value - product[i]);
  const direction = residual.slice();
  const enough = TOLERANCE ** 2 * dot(right, right);
  let square = dot(residual, residual);
  for (let step = 0; step < MOST_STEPS && square > enough; step++) {
    const image = times(direction);
    const curvature = dot(direction, image);
    if (!(curvature > 0)) break;
    const length = square / curvature;
    for (let i = 0; i < x.length; i++) {
      x[i] += length * direction[i];
      product[i] += length * image[i];
      residual[i] -= length * image[i];
    }
    const next = dot(residual, residual);
    for (let i = 0; i < x.length; i++) direction[i] = residual[i] + (next / square) * direction[i];
    square = next;
  }
  return { x, product };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
