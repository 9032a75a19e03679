import { THREEFRY_PARITY, THREEFRY_ROTATIONS } from '../../../../ir/random.ts';
import type { LibraryRow } from '../dialect.ts';
import { ANGLES, type AngleHelper } from './angles.ts';
import { ARITHMETIC, type ArithmeticHelper } from './arithmetic.ts';
import { EXPONENTIALS, type ExponentialHelper } from './exponentials.ts';
import { HALVES, type HalfHelper } from './halves.ts';
import { POWERS, type PowerHelper } from './powers.ts';

/** WGSL functions that generated code may call, where a builtin is missing, inaccurate or undefined. */
export type Helper =
  | 'float_bits'
  | 'is_nan'
  | 'max_f32'
  | 'min_f32'
  | 'sign_f32'
  | 'to_i32'
  | 'random_words'
  | 'random_uniform'
  | 'random_quad'
  | ArithmeticHelper
  | ExponentialHelper
  | PowerHelper
  | AngleHelper
  | HalfHelper;

export type HelperRow = LibraryRow<Helper>;

export const LIBRARY: Readonly<Record<Helper, HelperRow>> = {
  // WGSL rejects constant expressions that are infinite or NaN; a call of a user's function is never constant.
  float_bits: {
    needs: [],
    text: 'fn float_bits(bits: u32) -> f32 { return bitcast<f32>(bits); }',
  },
  // On the bits, because compilers may assume that x == x.
  is_nan: {
    needs: [],
    text: 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }',
  },
  max_f32: {
    needs: ['is_nan'],
    text: 'fn max_f32(a: f32, b: f32) -> f32 { return select(max(a, b), a + b, is_nan(a) | is_nan(b)); }',
  },
  min_f32: {
    needs: ['is_nan'],
    text: 'fn min_f32(a: f32, b: f32) -> f32 { return select(min(a, b), a + b, is_nan(a) | is_nan(b)); }',
  },
  sign_f32: {
    needs: ['is_nan'],
    text: 'fn sign_f32(x: f32) -> f32 { return select(sign(x), x, is_nan(x)); }',
  },
  ...ARITHMETIC,
  ...EXPONENTIALS,
  ...POWERS,
  ...ANGLES,
  ...HALVES,
  // The builtin leaves NaN and, in older implementations, values out of range undefined.
  to_i32: {
    needs: ['is_nan'],
    text: `fn to_i32(x: f32) -> i32 {
  let whole = i32(clamp(x, -2147483648f, 2147483520f));
  return select(select(whole, 2147483647i, x >= 2147483648f), 0i, is_nan(x));
}`,
  },
  random_words: { needs: [], text: cipherText() },
  // `uniformElement` of ir/random.ts, bit for bit.
  random_uniform: {
    needs: ['random_words'],
    text: `fn random_uniform(seed: u32, stream: u32, element: u32, step: u32) -> f32 {
  let words = random_words(seed, stream, element >> 1u, step);
  return f32(select(words.x, words.y, (element & 1u) == 1u) >> 8u) * 5.9604645e-8f;
}`,
  },
  // Of four neighbours, the first of which is even.
  random_quad: {
    needs: ['random_words'],
    text: `fn random_quad(seed: u32, stream: u32, element: u32, step: u32) -> vec4<f32> {
  let low = random_words(seed, stream, element >> 1u, step);
  let high = random_words(seed, stream, (element >> 1u) + 1u, step);
  return vec4<f32>(vec4<u32>(low, high) >> vec4<u32>(8u)) * 5.9604645e-8f;
}`,
  },
};

/** Both words of Threefry-2x32-20 of ir/random.ts, bit for bit. */
function cipherText(): string {
  const hex = (value: number) => `0x${(value >>> 0).toString(16)}u`;
  const rounds = [];
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      rounds.push(`x = threefry_round(x, ${THREEFRY_ROTATIONS[(group % 2) * 4 + round]}u);`);
    }
    rounds.push(`x += vec2<u32>(k[${(group + 1) % 3}], k[${(group + 2) % 3}] + ${group + 1}u);`);
  }
  return `fn threefry_round(x: vec2<u32>, r: u32) -> vec2<u32> {
  let sum = x.x + x.y;
  return vec2<u32>(sum, ((x.y << r) | (x.y >> (32u - r))) ^ sum);
}
fn random_words(key0: u32, key1: u32, counter0: u32, counter1: u32) -> vec2<u32> {
  let k = vec3<u32>(key0, key1, ${hex(THREEFRY_PARITY)} ^ key0 ^ key1);
  var x = vec2<u32>(counter0 + k[0], counter1 + k[1]);
  ${rounds.join('\n  ')}
  return x;
}`;
}
