import {
  ERF_COEFFICIENTS,
  ERFC_COEFFICIENTS,
  EXP_COEFFICIENTS,
  LN2_HIGH,
  LN2_LOW,
  LOG_COEFFICIENTS,
  SQRT_HALF_BITS,
  TANH_COEFFICIENTS,
} from '../../polynomials.ts';
import type { HelperRow } from './library.ts';

// The exponential, the logarithm and what is made of them. The builtins are allowed errors of 3 + 2|x| units in the last
// place and more, and anything at infinities and poles. Where the order of roundings matters, sums go through fma, which
// is not regrouped as plain sums may be, and powers of two are added to exponents as integers.

/** Horner's scheme, highest power first. */
export const hornerText = (x: string, [first, ...rest]: readonly number[]): string =>
  rest.reduce(
    (sum, c) =>
      `${sum === `${first}f` ? sum : `(${sum})`} * ${x} ${c < 0 ? '-' : '+'} ${Math.abs(c)}f`,
    `${first}f`,
  );

/** Below the logarithm of the largest number; from here on 2^k would be infinite. */
const MOST = '88.72283f';

export type ExponentialHelper =
  | 'exp_series'
  | 'exp_f32'
  | 'expm1_f32'
  | 'log_series'
  | 'log_f32'
  | 'log1p_f32'
  | 'tanh_f32'
  | 'sigmoid_f32'
  | 'softplus_f32'
  | 'erfc_tail'
  | 'erf_f32'
  | 'erfc_f32';

export const EXPONENTIALS: Readonly<Record<ExponentialHelper, HelperRow>> = {
  // exp(r) - 1 for the remainder r of x = k·ln 2 + r, |r| <= ln 2 / 2; and y·2^k for y near 1.
  exp_series: {
    needs: [],
    text: `fn exp_remainder(x: f32, k: f32) -> f32 { return fma(k, ${-LN2_LOW}f, fma(k, ${-LN2_HIGH}f, x)); }
fn exp_series(r: f32) -> f32 { return r + r * r * (${hornerText('r', EXP_COEFFICIENTS)}); }
fn scale_by_power(y: f32, k: i32) -> f32 {
  let low = k < -125i;
  return bitcast<f32>(bitcast<i32>(y) + ((k + select(0i, 64i, low)) << 23u)) * select(1f, 5.421011e-20f, low);
}`,
  },
  exp_f32: {
    needs: ['exp_series', 'float_bits', 'is_nan'],
    text: `fn exp_f32(x: f32) -> f32 {
  let c = clamp(x, -104f, ${MOST});
  let k = round(c * 1.442695f);
  let y = scale_by_power(1f + exp_series(exp_remainder(c, k)), i32(k));
  return select(select(y, float_bits(0x7f800000u), x > ${MOST}), x, is_nan(x));
}`,
  },
  // 2·(2^(k-1)·(exp(r) - 1) + (2^(k-1) - 1/2)), whose powers do not overflow.
  expm1_f32: {
    needs: ['exp_series', 'float_bits', 'is_nan'],
    text: `fn expm1_f32(x: f32) -> f32 {
  let c = clamp(x, -32f, ${MOST});
  let k = round(c * 1.442695f);
  let power = bitcast<f32>((i32(k) + 126i) << 23u);
  let y = 2f * fma(power, exp_series(exp_remainder(c, k)), power - 0.5f);
  return select(select(y, float_bits(0x7f800000u), x > ${MOST}), x, (abs(x) < ${2 ** -25}f) | is_nan(x));
}`,
  },
  // log((1 + y)·2^e) for 1 + y from sqrt(1/2) to sqrt(2); y and e of a positive normal number, given by its bits.
  log_series: {
    needs: [],
    text: `fn log_series(y: f32, e: f32) -> f32 {
  let z = y * y;
  return fma(e, ${LN2_HIGH}f, y + (y * z * (${hornerText('y', LOG_COEFFICIENTS)}) + fma(e, ${LN2_LOW}f, -0.5f * z)));
}
fn log_parts(bits: u32) -> vec2<f32> {
  let i = bitcast<i32>(bits) - ${SQRT_HALF_BITS}i;
  return vec2<f32>(bitcast<f32>((i & 0x7fffffi) + ${SQRT_HALF_BITS}i) - 1f, f32(i >> 23u));
}`,
  },
  // A subnormal number is its bits times 2^-149.
  log_f32: {
    needs: ['float_bits', 'is_nan', 'log_series'],
    text: `fn log_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let tiny = bits < 0x00800000u;
  let parts = log_parts(select(bits, bitcast<u32>(f32(bits)), tiny));
  let y = log_series(parts.x, parts.y - select(0f, 149f, tiny));
  let limit = select(select(0x7fc00000u, 0x7f800000u, bits == 0x7f800000u), 0xff800000u, (bits << 1u) == 0u);
  return select(y, float_bits(limit), (bits >= 0x7f800000u) | (bits == 0u));
}`,
  },
  // Where 1 + x has the exponent 0 the series takes x itself, which has lost no digits.
  log1p_f32: {
    needs: ['float_bits', 'is_nan', 'log_series'],
    text: `fn log1p_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let parts = log_parts(bitcast<u32>(1f + x));
  let y = log_series(select(parts.x, x, parts.y == 0f), parts.y);
  let limit = select(0x7fc00000u, 0xff800000u, bits == 0xbf800000u);
  let beyond = select(y, float_bits(limit), (bits >= 0xbf800000u) | is_nan(x));
  return select(beyond, x, ((bits << 1u) == 0u) | (bits == 0x7f800000u));
}`,
  },
  tanh_f32: {
    needs: ['exp_f32'],
    text: `fn tanh_f32(x: f32) -> f32 {
  let a = abs(x);
  let e = exp_f32(-2f * a);
  let s = x * x;
  let y = select(1f - 2f * e / (1f + e), a + a * s * (${hornerText('s', TANH_COEFFICIENTS)}), a < 0.625f);
  return bitcast<f32>(bitcast<u32>(y) | (bitcast<u32>(x) & 0x80000000u));
}`,
  },
  // By the exponential of -|x|, so that small results keep their precision.
  sigmoid_f32: {
    needs: ['exp_f32'],
    text: `fn sigmoid_f32(x: f32) -> f32 {
  let e = exp_f32(-abs(x));
  return select(e, 1f, x >= 0f) / (1f + e);
}`,
  },
  softplus_f32: {
    needs: ['max_f32', 'log1p_f32', 'exp_f32'],
    text: 'fn softplus_f32(x: f32) -> f32 { return max_f32(x, 0f) + log1p_f32(exp_f32(-abs(x))); }',
  },
  // erfc(a) for a >= 0. The square goes to exp in two parts, the first exact.
  erfc_tail: {
    needs: ['exp_f32'],
    text: `fn erfc_tail(x: f32) -> f32 {
  let a = min(x, 10.5f);
  let high = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
  let p = (a - 2f) / (a + 2f);
  let scaled = (${hornerText('p', ERFC_COEFFICIENTS)}) / (1f + 2f * a);
  return scaled * exp_f32((high - a) * (high + a)) * exp_f32(-high * high);
}
fn erf_series(x: f32) -> f32 {
  let s = x * x;
  return x + x * (${hornerText('s', ERF_COEFFICIENTS)});
}`,
  },
  erf_f32: {
    needs: ['erfc_tail', 'is_nan'],
    text: `fn erf_f32(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (abs(x) < 1f) { return erf_series(x); }
  let y = 1f - erfc_tail(abs(x));
  return select(y, -y, x < 0f);
}`,
  },
  erfc_f32: {
    needs: ['erfc_tail', 'is_nan'],
    text: `fn erfc_f32(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (abs(x) < 0.5f) { return 1f - erf_series(x); }
  let y = erfc_tail(abs(x));
  return select(y, 2f - y, x < 0f);
}`,
  },
};
