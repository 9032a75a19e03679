import { COS_COEFFICIENTS, SIN_COEFFICIENTS } from '../../polynomials.ts';
import { hornerText } from './exponentials.ts';
import type { HelperRow } from './library.ts';

export type AngleHelper = 'reduce_angle' | 'sin_f32' | 'cos_f32';

/** The bits of 2/π behind 32 zeros. */
const TWO_OVER_PI = [
  0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
];
const table = TWO_OVER_PI.map((word) => `0x${word.toString(16)}u`).join(', ');

// Sines of any angle: the builtins are undefined outside of [-π, π].
export const ANGLES: Readonly<Record<AngleHelper, HelperRow>> = {
  // |x| = quarter·π/2 + r with |r| <= π/4, by the product of the significand with the 96 bits of 2/π that matter at its
  // exponent (Payne, Hanek 1983), modulo 4 and to 62 bits behind the point. It is all in integers, which are exact.
  reduce_angle: {
    needs: [],
    text: `const two_over_pi = array<u32, ${TWO_OVER_PI.length}>(${table});
struct Angle { r: f32, quarter: u32 }
fn high_product(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let left = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let right = (a & 0xffffu) * (b >> 16u) + (left & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (left >> 16u) + (right >> 16u);
}
fn two_over_pi_from(bit: u32) -> u32 {
  let word = bit >> 5u;
  let next = two_over_pi[min(word + 1u, ${TWO_OVER_PI.length - 1}u)];
  return (two_over_pi[word] << (bit & 31u)) | ((next >> 1u) >> (31u - (bit & 31u)));
}
fn reduce_angle(x: f32) -> Angle {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  if (bits <= 0x3f490fdau) { return Angle(abs(x), 0u); }
  let m = (bits & 0x7fffffu) | 0x800000u;
  let first = (bits >> 23u) - 120u;
  let middle = two_over_pi_from(first + 32u);
  let carry = high_product(m, two_over_pi_from(first + 64u));
  var low = m * middle + carry;
  var high = m * two_over_pi_from(first) + high_product(m, middle) + select(0u, 1u, low < carry);
  let quarter = (high + 0x20000000u) >> 30u;
  high -= quarter << 30u;
  let negative = high >= 0x80000000u;
  if (negative) {
    high = ~high + select(0u, 1u, low == 0u);
    low = ~low + 1u;
  }
  let zeros = select(32u + countLeadingZeros(low), countLeadingZeros(high), high != 0u);
  let leading = select(low << (zeros & 31u), (high << (zeros & 31u)) | ((low >> 1u) >> (31u - (zeros & 31u))), zeros < 32u);
  let r = f32(leading) * 1.5707964f * bitcast<f32>((97u - zeros) << 23u);
  return Angle(select(r, -r, negative), quarter & 3u);
}
fn sine_of_turned(x: f32, turns: u32) -> f32 {
  if ((bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u) { return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u); }
  let angle = reduce_angle(x);
  let quarter = angle.quarter + turns;
  let s = angle.r * angle.r;
  let sine = angle.r + angle.r * s * (${hornerText('s', SIN_COEFFICIENTS)});
  let cosine = 1f - 0.5f * s + s * s * (${hornerText('s', COS_COEFFICIENTS)});
  let y = select(sine, cosine, (quarter & 1u) == 1u);
  return select(y, -y, (quarter & 2u) == 2u);
}`,
  },
  sin_f32: {
    needs: ['reduce_angle'],
    text: `fn sin_f32(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(sine_of_turned(x, 0u)) ^ (bitcast<u32>(x) & 0x80000000u));
}`,
  },
  cos_f32: {
    needs: ['reduce_angle'],
    text: 'fn cos_f32(x: f32) -> f32 { return sine_of_turned(x, 1u); }',
  },
};
