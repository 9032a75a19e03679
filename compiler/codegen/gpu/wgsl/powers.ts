import type { HelperRow } from './library.ts';

export type PowerHelper = 'pow_f32';

/** 2·atanh(s) = 2·(s + s³/3 + s⁵·(0.6 …)/3): coefficients of fdlibm's e_powf.c (Sun Microsystems 1993; Taylor, Cygnus). */
const SERIES =
  '0.6f + s2 * (0.42857143f + s2 * (0.33333334f + s2 * (0.2727281f + s2 * (0.23066075f + s2 * 0.20697501f))))';

// The builtin is exp2(b · log2(a)), whose error grows with the product, and undefined for negative bases.
export const POWERS: Readonly<Record<PowerHelper, HelperRow>> = {
  // pow_positive follows fdlibm: the logarithm to base 2 in two parts, of 12 bits and the rest, so that its product with
  // the head of the exponent is exact. What is exact there by the order of operations is so here by integers or by fma.
  pow_f32: {
    needs: ['exp_series', 'float_bits', 'is_nan'],
    text: `fn pow_head(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
fn pow_positive(x: f32, y: f32) -> f32 {
  let tiny = bitcast<u32>(x) < 0x00800000u;
  let bits = select(bitcast<u32>(x), bitcast<u32>(f32(bitcast<u32>(x))), tiny);
  let significand = i32(bits & 0x7fffffu) + 0x800000i;
  // The significand relative to 1 or 3/2, in units of 2^-24.
  let upper = significand >= 0xddb3d7i;
  let middle = (significand > 0x9cc471i) & !upper;
  let n = i32(bits >> 23u) - select(127i, 276i, tiny) + select(0i, 1i, upper);
  let m = select(significand * 2i, significand, upper);
  let base = select(0x1000000i, 0x1800000i, middle);
  let sum = m + base;
  let u = f32(m - base) * 5.9604645e-8f;
  let t_high = f32(sum & ~0x3fffi) * 5.9604645e-8f;
  let t_low = f32(sum & 0x3fffi) * 5.9604645e-8f;
  let v = 1f / (f32(sum) * 5.9604645e-8f);
  let s = u * v;
  let s_high = pow_head(s);
  let s_low = v * fma(-s_high, t_low, fma(-s_high, t_high, u));
  let s2 = s * s;
  let r = s2 * s2 * (${SERIES}) + s_low * (s_high + s);
  let q_high = pow_head(3f + s_high * s_high + r);
  let q_low = fma(s_high, s_high, 3f - q_high) + r;
  let rest = s_low * q_high + q_low * s;
  let p_high = pow_head(s_high * q_high + rest);
  let p_low = fma(s_high, q_high, -p_high) + rest;
  let shift = f32(n) + select(0f, 0.5849609375f, middle);
  let l_rest = -1.1736857402e-4f * p_high + p_low * 0.9617967009f + select(0f, 1.56322085e-6f, middle);
  let l_high = pow_head(shift + 0.9619140625f * p_high + l_rest);
  let l_low = fma(0.9619140625f, p_high, shift - l_high) + l_rest;
  // No power of another number than 1 is finite and positive for larger exponents.
  let exponent = clamp(y, -8589934592f, 8589934592f);
  let y_high = pow_head(exponent);
  let z_low = (exponent - y_high) * l_high + exponent * l_low;
  let z = y_high * l_high + z_low;
  let k = round(clamp(z, -151f, 128f));
  let power = 1f + exp_series((fma(y_high, l_high, -k) + z_low) * 0.6931472f);
  let over = (z >= 128f) | (i32(bitcast<u32>(power) >> 23u) + i32(k) >= 255i);
  let under = z < -150f;
  return select(select(scale_by_power(power, i32(k)), 0f, under), float_bits(0x7f800000u), over & !under);
}
fn pow_f32(a: f32, b: f32) -> f32 {
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let infinite = (bitcast<u32>(b) & 0x7fffffffu) == 0x7f800000u;
  let whole = infinite | (trunc(b) == b);
  let grows = select((x == 0u) == (b < 0f), (x > 0x3f800000u) == (b > 0f), infinite);
  let limit = select(0f, float_bits(0x7f800000u), grows);
  let y = select(pow_positive(abs(a), b), limit, infinite | (x == 0u) | (x == 0x7f800000u));
  let odd = whole & (abs(b) < 16777216f) & ((u32(abs(b)) & 1u) == 1u);
  let power = bitcast<f32>(bitcast<u32>(y) | select(0u, bitcast<u32>(a) & 0x80000000u, odd));
  let none = (bitcast<u32>(a) > 0x80000000u) & (x < 0x7f800000u) & !whole;
  let number = select(select(power, float_bits(0x7fc00000u), none), a * a, b == 2f);
  let known = select(number, a + b, is_nan(a) | is_nan(b));
  return select(known, 1f, ((b == 0f) & !is_nan(b)) | ((a == 1f) & !is_nan(a)) | (infinite & (x == 0x3f800000u)));
}`,
  },
};
