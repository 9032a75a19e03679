import type { HelperRow } from './library.ts';

// What WGSL leaves open of plain arithmetic: division by very large numbers, roots and comparisons of what is no finite
// number. Decided on the bits, because implementations may assume that values are finite. Here and in the other files cases
// are selected, not branched to: in loops that are unrolled, branches cost a software GPU more than what they spare, and it
// takes gigabytes to compile hundreds of them.

export type ArithmeticHelper =
  | 'equal_f32'
  | 'less_f32'
  | 'less_equal_f32'
  | 'div_f32'
  | 'sqrt_f32'
  | 'mod_f32';

const compare = (name: string, operator: string): HelperRow => ({
  needs: ['is_nan'],
  text: `fn ${name}(a: f32, b: f32) -> bool { return (a ${operator} b) & !(is_nan(a) | is_nan(b)); }`,
});

export const ARITHMETIC: Readonly<Record<ArithmeticHelper, HelperRow>> = {
  equal_f32: compare('equal_f32', '=='),
  less_f32: compare('less_f32', '<'),
  less_equal_f32: compare('less_equal_f32', '<='),
  // The quotient has a stated error for divisors from 2^-126 to 2^126 alone.
  div_f32: {
    needs: ['is_nan'],
    text: `fn div_f32(a: f32, b: f32) -> f32 {
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  let sign_bit = (bitcast<u32>(a) ^ bitcast<u32>(b)) & 0x80000000u;
  let scale = select(1f, 0.25f, y > 0x7e800000u);
  let quotient = (a * scale) / (b * scale);
  let infinite = (y == 0u) | (x == 0x7f800000u);
  let none = is_nan(a) | is_nan(b) | ((x == y) & infinite);
  let limit = select(select(sign_bit, sign_bit | 0x7f800000u, infinite), 0x7fc00000u, none);
  let is_limit = (y == 0u) | (y >= 0x7f800000u) | (((y < 0x00800000u) | (y > 0x7e800000u)) & (x >= 0x7f800000u));
  return select(quotient, bitcast<f32>(limit), is_limit);
}`,
  },
  // The builtin may be 1 / inverseSqrt(x).
  sqrt_f32: {
    needs: ['float_bits', 'is_nan'],
    text: `fn sqrt_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let unchanged = ((bits << 1u) == 0u) | (bits == 0x7f800000u);
  return select(select(sqrt(x), x, unchanged), float_bits(0x7fc00000u), (bits > 0x7f800000u) & !unchanged);
}`,
  },
  // Exact remainder with the sign of the dividend, by long division of the significands (as in musl's fmodf); the
  // builtin subtracts a rounded quotient.
  mod_f32: {
    needs: ['float_bits'],
    text: `fn mod_parts(bits: u32) -> vec2<i32> {
  let exponent = i32(bits >> 23u);
  let shift = countLeadingZeros(bits) - 8u;
  let normal = vec2<i32>(i32((bits & 0x7fffffu) | 0x800000u), exponent);
  return select(normal, vec2<i32>(i32(bits << (shift & 31u)), 1i - i32(shift)), exponent == 0i);
}
fn mod_f32(a: f32, b: f32) -> f32 {
  let sign_bit = bitcast<u32>(a) & 0x80000000u;
  let dividend = bitcast<u32>(a) & 0x7fffffffu;
  let divisor = bitcast<u32>(b) & 0x7fffffffu;
  let none = (divisor == 0u) | (divisor > 0x7f800000u) | (dividend >= 0x7f800000u);
  let unchanged = dividend < divisor;
  var x = mod_parts(dividend);
  let y = mod_parts(divisor);
  x.y = select(x.y, y.y, none | unchanged);
  while (x.y > y.y) {
    x.x = (x.x - select(0i, y.x, x.x >= y.x)) << 1u;
    x.y -= 1;
  }
  x.x -= select(0i, y.x, x.x >= y.x);
  let shift = countLeadingZeros(u32(x.x)) - 8u;
  let significand = u32(x.x) << (shift & 31u);
  let exponent = x.y - i32(shift);
  let normal = (significand & 0x7fffffu) | (u32(exponent) << 23u);
  let subnormal = significand >> (u32(1 - exponent) & 31u);
  let rest = select(select(subnormal, normal, exponent > 0), 0u, x.x == 0i);
  return select(select(bitcast<f32>(rest | sign_bit), a, unchanged), float_bits(0x7fc00000u), none);
}`,
  },
};
