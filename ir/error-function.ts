// The error function and its complement in float64, to a relative error of about 1e-14.

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI);
/** Below it the series takes at most 60 terms, above it the fraction does. */
const SERIES_LIMIT = 2.5;
/** From here on exp(-x²) is 0. */
const VANISHES = 28;
const FRACTION_TERMS = 100;
/** The difference from 1 loses a decimal and a half here; the fraction has converged from here on. */
const FRACTION_START = 1.5;

/** exp(-x²)·Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n+1)), all of one sign (Abramowitz, Stegun, 7.1.6). */
function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return TWO_OVER_ROOT_PI * Math.exp(-x * x) * sum;
}

/** The continued fraction of erfc for positive x (Abramowitz, Stegun, 7.1.14), from the far end. */
function fraction(x: number): number {
  if (x > VANISHES) return 0;
  let tail = 0;
  for (let k = FRACTION_TERMS; k > 0; k--) tail = k / 2 / (x + tail);
  return (TWO_OVER_ROOT_PI / 2) * (Math.exp(-x * x) / (x + tail));
}

/** 2/√π · ∫ exp(-t²) dt from 0 to x. */
export function erf(x: number): number {
  if (Math.abs(x) < SERIES_LIMIT) return series(x);
  return x > 0 ? 1 - fraction(x) : fraction(-x) - 1;
}

/** 1 - erf(x), with full relative precision where that is small. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  return x < FRACTION_START ? 1 - series(x) : fraction(x);
}
