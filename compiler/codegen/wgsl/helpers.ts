import { THREEFRY_PARITY, THREEFRY_ROTATIONS } from '../../../ir/random.ts';

/** WGSL functions that generated code may call, where a builtin is missing, inaccurate or undefined. */
export type Helper =
  | 'float_bits'
  | 'is_nan'
  | 'max_f32'
  | 'min_f32'
  | 'sign_f32'
  | 'exp_f32'
  | 'log_f32'
  | 'tanh_f32'
  | 'pow_f32'
  | 'mod_f32'
  | 'reduce_angle'
  | 'sin_f32'
  | 'cos_f32'
  | 'to_i32'
  | 'random_uniform';

interface HelperRow {
  readonly needs: readonly Helper[];
  readonly text: string;
}

const HELPERS: Readonly<Record<Helper, HelperRow>> = {
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
    text: 'fn max_f32(a: f32, b: f32) -> f32 { return select(max(a, b), a + b, is_nan(a) || is_nan(b)); }',
  },
  min_f32: {
    needs: ['is_nan'],
    text: 'fn min_f32(a: f32, b: f32) -> f32 { return select(min(a, b), a + b, is_nan(a) || is_nan(b)); }',
  },
  sign_f32: {
    needs: ['is_nan'],
    text: 'fn sign_f32(x: f32) -> f32 { return select(sign(x), x, is_nan(x)); }',
  },
  exp_f32: {
    needs: ['is_nan'],
    text: 'fn exp_f32(x: f32) -> f32 { return select(exp(x), x, is_nan(x)); }',
  },
  log_f32: {
    needs: ['float_bits', 'is_nan'],
    text: 'fn log_f32(x: f32) -> f32 { return select(log(x), float_bits(0x7fc00000u), x < 0f || is_nan(x)); }',
  },
  // The builtin may overflow to NaN for large |x|. Below 0.3 the series to x^9 avoids the cancellation in 1 - e.
  tanh_f32: {
    needs: ['exp_f32'],
    text: `fn tanh_f32(x: f32) -> f32 {
  let e = exp_f32(-2f * abs(x));
  let large = (1f - e) / (1f + e);
  let s = x * x;
  let small = abs(x) * (1f + s * (-0.33333334f + s * (0.13333334f + s * (-0.053968254f + s * 0.021869488f))));
  let y = select(large, small, abs(x) < 0.3f);
  return select(y, -y, x < 0f);
}`,
  },
  // The builtin is undefined for negative bases and loses precision with the size of the exponent's product;
  // small whole exponents go by squaring.
  pow_f32: {
    needs: ['float_bits', 'is_nan'],
    text: `fn pow_f32(a: f32, b: f32) -> f32 {
  if (b == 0f) { return 1f; }
  if (is_nan(a) || is_nan(b)) { return a + b; }
  let whole = trunc(b) == b;
  if (whole && abs(b) <= 64f) {
    var y = 1f;
    var square = a;
    for (var n = u32(abs(b)); n > 0u; n >>= 1u) {
      if ((n & 1u) == 1u) { y *= square; }
      square *= square;
    }
    return select(y, 1f / y, b < 0f);
  }
  if (a == 0f) { return select(0f, float_bits(0x7f800000u), b < 0f); }
  let y = pow(abs(a), b);
  if (a > 0f) { return y; }
  if (!whole && bitcast<u32>(a) != 0xff800000u) { return float_bits(0x7fc00000u); }
  let odd = whole && abs(b) < 16777216f && (u32(abs(b)) & 1u) == 1u;
  return select(y, -y, odd);
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
  // Cody and Waite's reduction to [-pi/4, pi/4] with the constants and polynomials of Cephes' sinf and cosf: the builtins
  // are undefined outside of [-pi, pi]. The quadrant is returned in y.
  reduce_angle: {
    needs: [],
    text: `fn reduce_angle(x: f32) -> vec2<f32> {
  let k = round(x * 0.63661975f);
  let r = ((x - k * 1.5703125f) - k * 4.837513e-4f) - k * 7.54979e-8f;
  return vec2<f32>(r, k - 4f * floor(k * 0.25f));
}
fn sin_kernel(r: f32) -> f32 {
  let s = r * r;
  return r + r * s * (-0.16666655f + s * (8.3321609e-3f - s * 1.9515296e-4f));
}
fn cos_kernel(r: f32) -> f32 {
  let s = r * r;
  return 1f - 0.5f * s + s * s * (4.1666646e-2f + s * (-1.3887316e-3f + s * 2.4433157e-5f));
}`,
  },
  sin_f32: {
    needs: ['reduce_angle'],
    text: `fn sin_f32(x: f32) -> f32 {
  let angle = reduce_angle(x);
  let odd = angle.y == 1f || angle.y == 3f;
  let y = select(sin_kernel(angle.x), cos_kernel(angle.x), odd);
  return select(y, -y, angle.y >= 2f);
}`,
  },
  cos_f32: {
    needs: ['reduce_angle'],
    text: `fn cos_f32(x: f32) -> f32 {
  let angle = reduce_angle(x);
  let odd = angle.y == 1f || angle.y == 3f;
  let y = select(cos_kernel(angle.x), sin_kernel(angle.x), odd);
  return select(y, -y, angle.y == 1f || angle.y == 2f);
}`,
  },
  // The builtin leaves NaN and, in older implementations, values out of range undefined.
  to_i32: {
    needs: ['is_nan'],
    text: `fn to_i32(x: f32) -> i32 {
  if (is_nan(x)) { return 0i; }
  if (x >= 2147483648f) { return 2147483647i; }
  return i32(max(x, -2147483648f));
}`,
  },
  random_uniform: { needs: [], text: uniformText() },
};

/** Threefry-2x32-20 of ir/random.ts, bit for bit. */
function uniformText(): string {
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
fn random_uniform(key0: u32, key1: u32, counter0: u32, counter1: u32) -> f32 {
  let k = vec3<u32>(key0, key1, ${hex(THREEFRY_PARITY)} ^ key0 ^ key1);
  var x = vec2<u32>(counter0 + k[0], counter1 + k[1]);
  ${rounds.join('\n  ')}
  return f32(x.x >> 8u) * 5.9604645e-8f;
}`;
}

/** The text of all helpers that `used` needs, each once, those needed before those that need them. */
export function helperText(used: ReadonlySet<Helper>): string {
  const all = new Set<Helper>();
  const add = (helper: Helper) => {
    for (const needed of HELPERS[helper].needs) add(needed);
    all.add(helper);
  };
  for (const helper of used) add(helper);
  return [...all].map((helper) => `${HELPERS[helper].text}\n`).join('');
}
