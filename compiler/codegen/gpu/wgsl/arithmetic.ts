import type { HelperRow } from './library.ts';

// What WGSL leaves open of plain arithmetic: division by very large numbers, roots and comparisons of what is no finite
// number. Decided on the bits, because implementations may assume that values are finite.

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
    needs: ['float_bits', 'is_nan'],
    text: `fn div_rare(a: f32, b: f32) -> f32 {
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (is_nan(a) || is_nan(b) || (x == y && (x == 0u || x == 0x7f800000u))) { return float_bits(0x7fc00000u); }
  let sign_bit = (bitcast<u32>(a) ^ bitcast<u32>(b)) & 0x80000000u;
  if (y == 0u || x == 0x7f800000u) { return float_bits(sign_bit | 0x7f800000u); }
  if (y == 0x7f800000u) { return float_bits(sign_bit); }
  if (y < 0x00800000u) { return a / b; }
  return (a * 0.25f) / (b * 0.25f);
}
fn div_f32(a: f32, b: f32) -> f32 {
  if ((bitcast<u32>(b) & 0x7fffffffu) - 0x00800000u <= 0x7e000000u) { return a / b; }
  return div_rare(a, b);
}`,
  },
  // The builtin may be 1 / inverseSqrt(x).
  sqrt_f32: {
    needs: ['float_bits', 'is_nan'],
    text: `fn sqrt_f32(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if ((bits << 1u) == 0u || bits == 0x7f800000u) { return x; }
  if (bits > 0x7f800000u) { return float_bits(0x7fc00000u); }
  return sqrt(x);
}`,
  },
  // Exact remainder with the sign of the dividend, by long division of the significands (as in musl's fmodf); the
  // builtin subtracts a rounded quotient.
  mod_f32: {
    needs: ['float_bits'],
    text: `fn mod_f32(a: f32, b: f32) -> f32 {
  let sign_bit = bitcast<u32>(a) & 0x80000000u;
  var x = bitcast<u32>(a) & 0x7fffffffu;
  var y = bitcast<u32>(b) & 0x7fffffffu;
  if (y == 0u || y > 0x7f800000u || x >= 0x7f800000u) { return float_bits(0x7fc00000u); }
  if (x < y) { return a; }
  var ex = i32(x >> 23u);
  var ey = i32(y >> 23u);
  if (ex == 0) { let shift = countLeadingZeros(x) - 8u; x <<= shift; ex = 1 - i32(shift); }
  else { x = (x & 0x7fffffu) | 0x800000u; }
  if (ey == 0) { let shift = countLeadingZeros(y) - 8u; y <<= shift; ey = 1 - i32(shift); }
  else { y = (y & 0x7fffffu) | 0x800000u; }
  while (ex > ey) {
    if (x >= y) { x -= y; }
    x <<= 1u;
    ex -= 1;
  }
  if (x >= y) { x -= y; }
  if (x == 0u) { return bitcast<f32>(sign_bit); }
  let shift = countLeadingZeros(x) - 8u;
  x <<= shift;
  ex -= i32(shift);
  if (ex > 0) { x = (x & 0x7fffffu) | (u32(ex) << 23u); }
  else { x >>= u32(1 - ex); }
  return bitcast<f32>(x | sign_bit);
}`,
  },
};
