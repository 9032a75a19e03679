import { THREEFRY_PARITY, THREEFRY_ROTATIONS } from '../../../ir/random.ts';

// Functions that generated code calls, in WebAssembly text. Where a function has a form for four lanes, the scalar form
// is its first lane, so that a value does not depend on its place in a vector.

const f32s = (value: number) => `(v128.const f32x4 ${value} ${value} ${value} ${value})`;
const i32s = (value: number) => `(v128.const i32x4 ${value} ${value} ${value} ${value})`;
const f64 = (value: number) => `(f64.const ${value})`;
const get = (name: string) => `(local.get $${name})`;
const set = (name: string, value: string) => `(local.set $${name} ${value})`;

/** Horner's scheme over `type`: coefficients from the highest power to the constant. */
function polynomial(type: 'f32x4' | 'f64', x: string, coefficients: readonly number[]): string {
  const constant = type === 'f64' ? f64 : f32s;
  return coefficients
    .slice(1)
    .reduce(
      (sum, c) => `(${type}.add (${type}.mul ${sum} ${get(x)}) ${constant(c)})`,
      constant(coefficients[0]),
    );
}

const firstLane = (name: string) =>
  `(func $${name} (param $x f32) (result f32)
  (f32x4.extract_lane 0 (call $${name}4 (f32x4.splat ${get('x')}))))`;

/** 1.5 · 2^23: adding it to a small float32 rounds to an integer, which stands in the low bits of the sum. */
const ROUND = 12582912;
const ROUND_BITS = 0x4b400000;

// Cephes' expf: x = n·ln 2 + r with ln 2 in two parts, a polynomial on |r| <= ln 2 / 2, and 2^n in two factors so that
// results may be subnormal.
const EXP4 = `(func $exp4 (param $x v128) (result v128) (local $t v128) (local $n v128) (local $half v128)
  ${set('x', `(f32x4.pmax (f32x4.pmin ${get('x')} ${f32s(89)}) ${f32s(-104)})`)}
  ${set('t', `(f32x4.add (f32x4.mul ${get('x')} ${f32s(Math.LOG2E)}) ${f32s(ROUND)})`)}
  ${set('n', `(f32x4.sub ${get('t')} ${f32s(ROUND)})`)}
  ${set('x', `(f32x4.sub ${get('x')} (f32x4.mul ${get('n')} ${f32s(0.693359375)}))`)}
  ${set('x', `(f32x4.add ${get('x')} (f32x4.mul ${get('n')} ${f32s(2.1219444e-4)}))`)}
  ${set('n', `(i32x4.sub ${get('t')} ${i32s(ROUND_BITS)})`)}
  ${set('half', `(i32x4.shr_s ${get('n')} (i32.const 1))`)}
  ${set('t', polynomial('f32x4', 'x', [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 0.16666665459, 0.50000001201]))}
  ${set('t', `(f32x4.add (f32x4.mul (f32x4.mul ${get('t')} ${get('x')}) ${get('x')}) ${get('x')})`)}
  (f32x4.mul (f32x4.mul (f32x4.add ${get('t')} ${f32s(1)})
    (i32x4.shl (i32x4.add ${get('half')} ${i32s(127)}) (i32.const 23)))
    (i32x4.shl (i32x4.add (i32x4.sub ${get('n')} ${get('half')}) ${i32s(127)}) (i32.const 23))))`;

// FreeBSD's logf: x = 2^k·(1 + f) with 1 + f in [sqrt(1/2), sqrt 2), log(1 + f) by a polynomial in s = f / (2 + f).
const LOG4 = `(func $log4 (param $x v128) (result v128)
  (local $y v128) (local $k v128) (local $f v128) (local $s v128) (local $z v128) (local $w v128) (local $h v128)
  ${set('h', `(f32x4.lt ${get('x')} ${f32s(1.1754943508222875e-38)})`)}
  ${set('y', `(v128.bitselect (f32x4.mul ${get('x')} ${f32s(8388608)}) ${get('x')} ${get('h')})`)}
  ${set('y', `(i32x4.add ${get('y')} ${i32s(0x3f800000 - 0x3f3504f3)})`)}
  ${set('k', `(i32x4.sub (i32x4.shr_s ${get('y')} (i32.const 23)) (v128.bitselect ${i32s(150)} ${i32s(127)} ${get('h')}))`)}
  ${set('k', `(f32x4.convert_i32x4_s ${get('k')})`)}
  ${set('f', `(f32x4.sub (i32x4.add (v128.and ${get('y')} ${i32s(0x7fffff)}) ${i32s(0x3f3504f3)}) ${f32s(1)})`)}
  ${set('s', `(f32x4.div ${get('f')} (f32x4.add ${get('f')} ${f32s(2)}))`)}
  ${set('z', `(f32x4.mul ${get('s')} ${get('s')})`)}
  ${set('w', `(f32x4.mul ${get('z')} ${get('z')})`)}
  ${set('z', `(f32x4.mul ${get('z')} ${polynomial('f32x4', 'w', [0.28498786688, 0.66666662693])})`)}
  ${set('z', `(f32x4.add ${get('z')} (f32x4.mul ${get('w')} ${polynomial('f32x4', 'w', [0.24279078841, 0.40000972152])}))`)}
  ${set('h', `(f32x4.mul (f32x4.mul ${get('f')} ${get('f')}) ${f32s(0.5)})`)}
  ${set('y', `(f32x4.mul ${get('s')} (f32x4.add ${get('h')} ${get('z')}))`)}
  ${set('y', `(f32x4.add ${get('y')} (f32x4.mul ${get('k')} ${f32s(9.0580006145e-6)}))`)}
  ${set('y', `(f32x4.add (f32x4.sub ${get('y')} ${get('h')}) ${get('f')})`)}
  ${set('y', `(f32x4.add ${get('y')} (f32x4.mul ${get('k')} ${f32s(0.69313812256)}))`)}
  ${set('y', `(v128.bitselect ${get('y')} ${get('x')} (f32x4.lt ${get('x')} (v128.const f32x4 inf inf inf inf)))`)}
  ${set('y', `(v128.bitselect (v128.const f32x4 -inf -inf -inf -inf) ${get('y')} (f32x4.eq ${get('x')} ${f32s(0)}))`)}
  (v128.bitselect (v128.const f32x4 nan nan nan nan) ${get('y')} (f32x4.lt ${get('x')} ${f32s(0)})))`;

// Cephes' tanhf: a polynomial below 0.625, 1 - 2 / (exp(2 |x|) + 1) above.
const TANH4 = `(func $tanh4 (param $x v128) (result v128) (local $a v128) (local $large v128) (local $z v128)
  ${set('a', `(f32x4.abs ${get('x')})`)}
  ${set('large', `(f32x4.add (call $exp4 (f32x4.add ${get('a')} ${get('a')})) ${f32s(1)})`)}
  ${set('large', `(f32x4.sub ${f32s(1)} (f32x4.div ${f32s(2)} ${get('large')}))`)}
  ${set('large', `(v128.or ${get('large')} (v128.and ${get('x')} ${i32s(-2147483648)}))`)}
  ${set('z', `(f32x4.mul ${get('x')} ${get('x')})`)}
  ${set('z', `(f32x4.mul ${get('z')} ${polynomial('f32x4', 'z', [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 0.133314422036, -0.333332819422])})`)}
  (v128.bitselect (f32x4.add (f32x4.mul ${get('z')} ${get('x')}) ${get('x')}) ${get('large')}
    (f32x4.lt ${get('a')} ${f32s(0.625)})))`;

// exp of the negative magnitude only, so that neither end overflows.
const SIGMOID4 = `(func $sigmoid4 (param $x v128) (result v128) (local $e v128)
  ${set('e', `(call $exp4 (f32x4.neg (f32x4.abs ${get('x')})))`)}
  (f32x4.div (v128.bitselect ${get('e')} ${f32s(1)} (f32x4.lt ${get('x')} ${f32s(0)}))
    (f32x4.add ${get('e')} ${f32s(1)})))`;

// sin(x + quarter·π/2) in float64. FreeBSD's sinf: below 2^28 reduction by π/2 in two parts. Above: Payne and Hanek's, x =
// m·2^e times the 64 bits of 2/π that matter; the wrapping product is the angle in units of 2^-62 quadrants.
const SINE = `(func $sine (param $x f32) (param $quarter i32) (result f32)
  (local $r f64) (local $z f64) (local $n f64) (local $p i64) (local $shift i64) (local $q i32) (local $bits i32)
  (if (f32.lt (f32.abs ${get('x')}) (f32.const 268435456))
    (then
      ${set('r', `(f64.promote_f32 ${get('x')})`)}
      ${set('n', `(f64.nearest (f64.mul ${get('r')} ${f64(0.6366197723675814)}))`)}
      ${set('r', `(f64.sub (f64.sub ${get('r')} (f64.mul ${get('n')} ${f64(1.5707963109016418)})) (f64.mul ${get('n')} ${f64(1.5893254773528196e-8)}))`)}
      ${set('q', `(i32.trunc_sat_f64_s ${get('n')})`)})
    (else
      ${set('bits', `(i32.and (i32.reinterpret_f32 ${get('x')}) (i32.const 0x7fffffff))`)}
      (if (i32.ge_u ${get('bits')} (i32.const 0x7f800000))
        (then (return (f32.sub ${get('x')} ${get('x')}))))
      ${set('p', `(i64.extend_i32_u (i32.or (i32.and ${get('bits')} (i32.const 0x7fffff)) (i32.const 0x800000)))`)}
      ${set('shift', `(i64.extend_i32_u (i32.sub (i32.shr_u ${get('bits')} (i32.const 23)) (i32.const 152)))`)}
      ${set(
        'p',
        `(i64.mul ${get('p')} (select
        (i64.or (i64.shl (i64.const 0xa2f9836e4e441529) ${get('shift')})
          (i64.shr_u (i64.const 0x7e13abe8fa9a6ee0) (i64.sub (i64.const 63) ${get('shift')})))
        (i64.or (i64.shl (i64.const 0xfc2757d1f534ddc0) ${get('shift')})
          (i64.shr_u (i64.const 0x6db14acc9e21c820) (i64.sub (i64.const 63) ${get('shift')})))
        (i64.lt_u ${get('shift')} (i64.const 64))))`,
      )}
      ${set('q', `(i32.wrap_i64 (i64.shr_u (i64.add ${get('p')} (i64.const 0x2000000000000000)) (i64.const 62)))`)}
      ${set('p', `(i64.sub ${get('p')} (i64.shl (i64.extend_i32_u ${get('q')}) (i64.const 62)))`)}
      ${set('r', `(f64.mul (f64.convert_i64_s ${get('p')}) ${f64((Math.PI / 2) * 2 ** -62)})`)}
      (if (f32.lt ${get('x')} (f32.const 0))
        (then
          ${set('q', `(i32.sub (i32.const 0) ${get('q')})`)}
          ${set('r', `(f64.neg ${get('r')})`)}))))
  ${set('q', `(i32.add ${get('q')} ${get('quarter')})`)}
  ${set('z', `(f64.mul ${get('r')} ${get('r')})`)}
  ${set(
    'r',
    `(if (result f64) (i32.and ${get('q')} (i32.const 1))
    (then ${polynomial('f64', 'z', [2.439044879627741e-5, -0.001388676377460993, 0.04166662332373906, -0.499999997251031, 1])})
    (else (f64.mul ${get('r')} ${polynomial('f64', 'z', [2.718311493989822e-6, -1.9839334836096632e-4, 0.008333329385889463, -0.16666666641626524, 1])})))`,
  )}
  (f32.demote_f64 (select (f64.neg ${get('r')}) ${get('r')} (i32.and ${get('q')} (i32.const 2)))))`;

// exp2(b·log2 |a|) in float64: the series of artanh for the logarithm, of exp for the power, each to about 2^-40. The
// special cases are those of Math.pow.
const POW = `(func $pow (param $a f32) (param $b f32) (result f32)
  (local $x f64) (local $k f64) (local $s f64) (local $z f64) (local $bits i64) (local $odd i32)
  (if (f32.eq ${get('b')} (f32.const 0)) (then (return (f32.const 1))))
  (if (i32.or (f32.ne ${get('a')} ${get('a')}) (f32.ne ${get('b')} ${get('b')}))
    (then (return (f32.add ${get('a')} ${get('b')}))))
  (if (i32.and (f32.eq (f32.abs ${get('b')}) (f32.const inf)) (f32.eq (f32.abs ${get('a')}) (f32.const 1)))
    (then (return (f32.const nan))))
  ${set('odd', `(i32.and (f32.eq (f32.trunc ${get('b')}) ${get('b')}) (f32.ne (f32.mul (f32.trunc (f32.mul ${get('b')} (f32.const 0.5))) (f32.const 2)) ${get('b')}))`)}
  (if (i32.and (i32.and (f32.lt ${get('a')} (f32.const 0)) (f32.ne (f32.trunc ${get('b')}) ${get('b')})) (f32.ne ${get('a')} (f32.const -inf)))
    (then (return (f32.const nan))))
  (if (i32.or (f32.eq ${get('a')} (f32.const 0)) (f32.eq (f32.abs ${get('a')}) (f32.const inf)))
    (then (return (f32.copysign
      (select (f32.const 0) (f32.const inf) (i32.xor (f32.eq ${get('a')} (f32.const 0)) (f32.lt ${get('b')} (f32.const 0))))
      (select ${get('a')} (f32.const 1) ${get('odd')})))))
  ${set('bits', `(i64.add (i64.reinterpret_f64 (f64.promote_f32 (f32.abs ${get('a')}))) (i64.const 0x00095f619980c433))`)}
  ${set('k', `(f64.convert_i64_s (i64.sub (i64.shr_s ${get('bits')} (i64.const 52)) (i64.const 1023)))`)}
  ${set('x', `(f64.sub (f64.reinterpret_i64 (i64.add (i64.and ${get('bits')} (i64.const 0x000fffffffffffff)) (i64.const 0x3fe6a09e667f3bcd))) ${f64(1)})`)}
  ${set('s', `(f64.div ${get('x')} (f64.add ${get('x')} ${f64(2)}))`)}
  ${set('z', `(f64.mul ${get('s')} ${get('s')})`)}
  ${set(
    'x',
    `(f64.add ${get('k')} (f64.mul (f64.mul ${get('s')} ${f64(2 * Math.LOG2E)}) ${polynomial(
      'f64',
      'z',
      [17, 15, 13, 11, 9, 7, 5, 3, 1].map((n) => 1 / n),
    )}))`,
  )}
  ${set('x', `(f64.max ${f64(-200)} (f64.min ${f64(200)} (f64.mul ${get('x')} (f64.promote_f32 ${get('b')}))))`)}
  ${set('k', `(f64.nearest ${get('x')})`)}
  ${set('x', `(f64.mul (f64.sub ${get('x')} ${get('k')}) ${f64(Math.LN2)})`)}
  ${set('x', polynomial('f64', 'x', [1 / 3628800, 1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1]))}
  ${set('x', `(f64.mul ${get('x')} (f64.reinterpret_i64 (i64.shl (i64.add (i64.trunc_sat_f64_s ${get('k')}) (i64.const 1023)) (i64.const 52))))`)}
  (f32.demote_f64 (select (f64.neg ${get('x')}) ${get('x')} (i32.and ${get('odd')} (f32.lt ${get('a')} (f32.const 0))))))`;

// Long division in chunks of 24 bits, exact in float64: s = |b|·2^max(0, d - 24), where d is the difference of exponents.
const MOD = `(func $mod (param $a f32) (param $b f32) (result f32) (local $r f64) (local $y f64) (local $s f64) (local $d i64)
  (if (i32.or (i32.or (f32.ne ${get('b')} ${get('b')}) (f32.eq ${get('b')} (f32.const 0)))
      (i32.eqz (f32.lt (f32.abs ${get('a')}) (f32.const inf))))
    (then (return (f32.const nan))))
  ${set('r', `(f64.abs (f64.promote_f32 ${get('a')}))`)}
  ${set('y', `(f64.abs (f64.promote_f32 ${get('b')}))`)}
  (block $done (loop $divide
    (br_if $done (f64.lt ${get('r')} ${get('y')}))
    ${set('d', `(i64.sub (i64.shr_u (i64.reinterpret_f64 ${get('r')}) (i64.const 52)) (i64.shr_u (i64.reinterpret_f64 ${get('y')}) (i64.const 52)))`)}
    ${set('d', `(i64.sub ${get('d')} (i64.const 24))`)}
    ${set('d', `(select ${get('d')} (i64.const 0) (i64.gt_s ${get('d')} (i64.const 0)))`)}
    ${set('s', `(f64.mul ${get('y')} (f64.reinterpret_i64 (i64.shl (i64.add ${get('d')} (i64.const 1023)) (i64.const 52))))`)}
    ${set('r', `(f64.sub ${get('r')} (f64.mul (f64.trunc (f64.div ${get('r')} ${get('s')})) ${get('s')}))`)}
    (if (f64.lt ${get('r')} ${f64(0)}) (then ${set('r', `(f64.add ${get('r')} ${get('s')})`)}))
    (br $divide)))
  (f32.copysign (f32.demote_f64 ${get('r')}) ${get('a')}))`;

// ir/scalar.ts: division by zero gives the dividend; the least integer over -1 wraps.
const DIVIDE = `(func $divide (param $a i32) (param $b i32) (result i32)
  (if (i32.eqz ${get('b')}) (then (return ${get('a')})))
  (if (i32.eq ${get('b')} (i32.const -1)) (then (return (i32.sub (i32.const 0) ${get('a')}))))
  (i32.div_s ${get('a')} ${get('b')}))`;

const REMAINDER = `(func $remainder (param $a i32) (param $b i32) (result i32)
  (if (i32.eqz ${get('b')}) (then (return (i32.const 0))))
  (i32.rem_s ${get('a')} ${get('b')}))`;

/** Threefry-2x32-20 of ir/random.ts on four counters. */
function uniformText(): string {
  const rotate = (r: number) =>
    `(v128.or (i32x4.shl ${get('x1')} (i32.const ${r})) (i32x4.shr_u ${get('x1')} (i32.const ${32 - r})))`;
  const rounds: string[] = [];
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      rounds.push(
        set('x0', `(i32x4.add ${get('x0')} ${get('x1')})`),
        set('x1', `(v128.xor ${rotate(THREEFRY_ROTATIONS[(group % 2) * 4 + round])} ${get('x0')})`),
      );
    }
    const [first, second] = [(group + 1) % 3, (group + 2) % 3];
    rounds.push(
      set('x0', `(i32x4.add ${get('x0')} ${get(`k${first}`)})`),
      set('x1', `(i32x4.add (i32x4.add ${get('x1')} ${get(`k${second}`)}) ${i32s(group + 1)})`),
    );
  }
  return `(func $uniform4 (param $key0 i32) (param $key1 i32) (param $x0 v128) (param $x1 v128) (result v128)
  (local $k0 v128) (local $k1 v128) (local $k2 v128)
  ${set('k0', `(i32x4.splat ${get('key0')})`)}
  ${set('k1', `(i32x4.splat ${get('key1')})`)}
  ${set('k2', `(v128.xor (v128.xor ${get('k0')} ${get('k1')}) ${i32s(THREEFRY_PARITY)})`)}
  ${set('x0', `(i32x4.add ${get('x0')} ${get('k0')})`)}
  ${set('x1', `(i32x4.add ${get('x1')} ${get('k1')})`)}
  ${rounds.join('\n  ')}
  (f32x4.mul (f32x4.convert_i32x4_s (i32x4.shr_u ${get('x0')} (i32.const 8))) ${f32s(2 ** -24)}))`;
}

const UNIFORM = `(func $uniform (param $key0 i32) (param $key1 i32) (param $x0 i32) (param $x1 i32) (result f32)
  (f32x4.extract_lane 0 (call $uniform4 ${get('key0')} ${get('key1')} (i32x4.splat ${get('x0')}) (i32x4.splat ${get('x1')}))))`;

const FUNCTIONS: Readonly<Record<string, string>> = {
  exp4: EXP4,
  log4: LOG4,
  tanh4: TANH4,
  sigmoid4: SIGMOID4,
  exp: firstLane('exp'),
  log: firstLane('log'),
  tanh: firstLane('tanh'),
  sigmoid: firstLane('sigmoid'),
  sine: SINE,
  pow: POW,
  mod: MOD,
  divide: DIVIDE,
  remainder: REMAINDER,
  uniform4: uniformText(),
  uniform: UNIFORM,
};

/** The functions that `text` calls, directly or not. */
export function calledFunctions(text: string): string {
  const names = new Set<string>();
  const pending = [text];
  for (let caller = pending.pop(); caller !== undefined; caller = pending.pop()) {
    for (const [, name] of caller.matchAll(/\(call \$(\w+)/g)) {
      if (names.has(name)) continue;
      names.add(name);
      pending.push(FUNCTIONS[name]);
    }
  }
  return [...names].map((name) => FUNCTIONS[name]).join('\n');
}
