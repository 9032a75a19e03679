import { THREEFRY_PARITY, THREEFRY_ROTATIONS } from '../../../ir/random.ts';
import {
  ERF_COEFFICIENTS,
  ERFC_COEFFICIENTS,
  EXP_COEFFICIENTS,
  EXP_SHORT_COEFFICIENTS,
  LN2_HIGH,
  LN2_LOW,
  LOG_COEFFICIENTS,
  SQRT_HALF_BITS,
  TANH_COEFFICIENTS,
} from '../polynomials.ts';
import { HALF_FUNCTIONS } from './halves.ts';
import { Inliner } from './inline.ts';
import { TILE_FUNCTIONS } from './tiles.ts';

// Functions that kernels call, as WebAssembly text. What is common is written once, on four lanes; the rare ones are
// scalar and work in float64, where a short polynomial is exact for float32. NaN, infinities and subnormals give what
// the function gives in JavaScript.

const get = (name: string) => `(local.get $${name})`;
const set = (name: string, value: string) => `(local.set $${name} ${value})`;
const constant = (value: number | string) => `(f32x4.splat (f32.const ${value}))`;
const f64 = (value: number | string) => `(f64.const ${value})`;
const chain =
  (operation: string) =>
  (...operands: string[]) =>
    operands.reduce((a, b) => `(${operation} ${a} ${b})`);
const add = chain('f32x4.add');
const sub = chain('f32x4.sub');
const mul = chain('f32x4.mul');
const dadd = chain('f64.add');
const dsub = chain('f64.sub');
const dmul = chain('f64.mul');
const SIGNS = '(v128.const i32x4 0x80000000 0x80000000 0x80000000 0x80000000)';
const choose = (condition: string, yes: string, no: string) =>
  `(v128.bitselect ${yes} ${no} ${condition})`;

/** Horner's scheme, highest power first. */
const polynomial = (x: string, coefficients: readonly number[]) =>
  coefficients
    .slice(1)
    .reduce((sum, c) => add(mul(sum, x), constant(c)), constant(coefficients[0]));
const polynomial64 = (x: string, coefficients: readonly number[]) =>
  coefficients.slice(1).reduce((sum, c) => dadd(dmul(sum, x), f64(c)), f64(coefficients[0]));

/** 3·2^22: with it, what is less than 2^22 loses its fraction, and the sum's bits are its own and the rounded number, as an integer. */
const ROUNDING = 3 * 2 ** 22;

/** Sets $n and $x so that $n·ln 2 + $x is what $x was, with |$x| at most ln 2 / 2 or little more; the low bits of $k are $n + `bias`. */
const reduceExponent = (
  bias: number,
) => `${set('k', add(mul(get('x'), constant(Math.LOG2E)), constant(ROUNDING + bias)))}
  ${set('n', sub(get('k'), constant(ROUNDING + bias)))}
  ${set('h', mul(get('n'), constant(LN2_LOW)))}
  ${set('x', sub(get('x'), mul(get('n'), constant(LN2_HIGH)), get('h')))}`;
/** Sets $x to exp($x) on that interval: short chains of instructions, for an engine's processor waits for each of them. */
const [E6, E5, E4, E3, E2] = EXP_SHORT_COEFFICIENTS.map(constant);
const EXP_SHORT = `${set('h', mul(get('x'), get('x')))}
  ${set('n', add(mul(E4, get('x')), E3))}
  ${set('p', add(mul(E6, get('x')), E5))}
  ${set('p', add(mul(add(mul(get('p'), get('h')), get('n')), get('x')), E2))}
  ${set('x', add(mul(get('p'), get('h')), get('x'), constant(1)))}`;
/** 2 to the power of what the low eight bits are, less 127. */
const exponentOf = (bits: string) => `(i32x4.shl ${bits} (i32.const 23))`;

/** The power of two comes in two factors so that subnormal results are rounded once; their bits are the halves of one number. */
const EXP = `(func $exp (param $x v128) (result v128) (local $n v128) (local $k v128) (local $h v128) (local $p v128)
  ${set('x', `(f32x4.pmin (f32x4.pmax ${get('x')} ${constant(-104)}) ${constant(89)})`)}
  ${reduceExponent(2 * 127)}
  ${EXP_SHORT}
  ${set('h', `(i32x4.shr_s ${get('k')} (i32.const 1))`)}
  ${mul(get('x'), exponentOf(get('h')), exponentOf(`(i32x4.sub ${get('k')} ${get('h')})`))})`;

/** Of operands that are 0 at most, or NaN: of the two factors of the power one is then always the same. */
const DOWN = 33;
const EXP_NEGATIVE = `(func $expNegative (param $x v128) (result v128) (local $n v128) (local $k v128) (local $h v128) (local $p v128)
  ${set('x', `(f32x4.pmax ${get('x')} ${constant(-104)})`)}
  ${reduceExponent(127 + DOWN)}
  ${EXP_SHORT}
  ${mul(get('x'), exponentOf(get('k')), constant(2 ** -DOWN))})`;

/** exp(x) - 1 on that interval: the polynomial of Cephes expf (Moshier). */
const EXP_SERIES = add(
  mul(polynomial(get('x'), EXP_COEFFICIENTS), mul(get('x'), get('x'))),
  get('x'),
);

/** 2·(2^(k-1)·(exp(r) - 1) + (2^(k-1) - 1/2)), whose powers do not overflow; x itself where it is tiny, -0 included. */
const EXPM1 = `(func $expm1 (param $x v128) (result v128) (local $given v128) (local $n v128) (local $k v128) (local $h v128)
  ${set('given', get('x'))}
  ${set('x', `(f32x4.pmin (f32x4.pmax ${get('x')} ${constant(-32)}) ${constant(89)})`)}
  ${reduceExponent(127 - 1)}
  ${set('k', exponentOf(get('k')))}
  ${choose(
    `(f32x4.lt (f32x4.abs ${get('given')}) ${constant(2 ** -25)})`,
    get('given'),
    mul(constant(2), add(mul(get('k'), EXP_SERIES), sub(get('k'), constant(0.5)))),
  )})`;

/** Sets $y to the logarithm of (1 + $y)·2^$e for 1 + $y in [sqrt(1/2), sqrt(2)): the polynomial of Cephes logf. */
const LOG_SERIES = `${set('z', mul(get('y'), get('y')))}
  ${set(
    'z',
    add(
      mul(polynomial(get('y'), LOG_COEFFICIENTS), get('y'), get('z')),
      sub(mul(get('e'), constant(LN2_LOW)), mul(constant(0.5), get('z'))),
    ),
  )}
  ${set('y', add(get('y'), get('z'), mul(get('e'), constant(LN2_HIGH))))}`;

/** Sets $y and $e so that (1 + $y)·2^$e is the positive normal number in $i. */
const SPLIT_EXPONENT = `${set('i', `(i32x4.sub ${get('i')} (i32x4.splat (i32.const ${SQRT_HALF_BITS})))`)}
  ${set('e', `(f32x4.convert_i32x4_s (i32x4.shr_s ${get('i')} (i32.const 23)))`)}
  ${set('y', sub(`(i32x4.add (v128.and ${get('i')} (i32x4.splat (i32.const 0x7fffff))) (i32x4.splat (i32.const ${SQRT_HALF_BITS})))`, constant(1)))}`;

const LOG = `(func $log (param $x v128) (result v128) (local $y v128) (local $e v128) (local $z v128) (local $i v128) (local $tiny v128)
  ${set('tiny', `(f32x4.lt ${get('x')} ${constant(2 ** -126)})`)}
  ${set('i', choose(get('tiny'), mul(get('x'), constant(2 ** 23)), get('x')))}
  ${SPLIT_EXPONENT}
  ${set('e', sub(get('e'), `(v128.and ${get('tiny')} ${constant(23)})`))}
  ${LOG_SERIES}
  ${choose(
    `(f32x4.gt ${get('x')} ${constant(0)})`,
    choose(`(f32x4.eq ${get('x')} ${constant('inf')})`, get('x'), get('y')),
    choose(`(f32x4.eq ${get('x')} ${constant(0)})`, constant('-inf'), constant('nan')),
  )})`;

/** Where 1 + x has the exponent 0 the series takes x itself, which has lost no digits. */
const LOG1P = `(func $log1p (param $x v128) (result v128) (local $y v128) (local $e v128) (local $z v128) (local $i v128)
  ${set('i', add(get('x'), constant(1)))}
  ${SPLIT_EXPONENT}
  ${set('y', choose(`(f32x4.eq ${get('e')} ${constant(0)})`, get('x'), get('y')))}
  ${LOG_SERIES}
  ${choose(
    `(f32x4.gt ${get('x')} ${constant(-1)})`,
    choose(
      `(v128.or (f32x4.eq ${get('x')} ${constant('inf')}) (f32x4.eq ${get('x')} ${constant(0)}))`,
      get('x'),
      get('y'),
    ),
    choose(`(f32x4.eq ${get('x')} ${constant(-1)})`, constant('-inf'), constant('nan')),
  )})`;

/** Of |x|, with the sign of x: the polynomial of Cephes tanhf below 0.625, 1 - 2e / (1 + e) above, where e is exp(-2|x|). */
const TANH = `(func $tanh (param $x v128) (result v128) (local $z v128) (local $a v128) (local $e v128)
  ${set('a', `(f32x4.abs ${get('x')})`)}
  ${set('z', mul(get('x'), get('x')))}
  ${set('e', `(call $expNegative ${mul(get('a'), constant(-2))})`)}
  (v128.or (v128.and ${get('x')} ${SIGNS}) ${choose(
    `(f32x4.lt ${get('a')} ${constant(0.625)})`,
    add(mul(polynomial(get('z'), TANH_COEFFICIENTS), get('z'), get('a')), get('a')),
    sub(constant(1), `(f32x4.div ${add(get('e'), get('e'))} ${add(get('e'), constant(1))})`),
  )}))`;

/** 1 / (1 + exp(-x)), by the exponential of -|x| so that small results keep their precision. */
const SIGMOID = `(func $sigmoid (param $x v128) (result v128) (local $e v128)
  ${set('e', `(call $expNegative (f32x4.neg (f32x4.abs ${get('x')})))`)}
  (f32x4.div ${choose(`(f32x4.ge ${get('x')} ${constant(0)})`, constant(1), get('e'))} ${add(constant(1), get('e'))}))`;

/** max(x, 0) + log(1 + exp(-|x|)). */
const SOFTPLUS = `(func $softplus (param $x v128) (result v128)
  ${add(`(f32x4.max ${get('x')} ${constant(0)})`, `(call $log1p (call $expNegative (f32x4.neg (f32x4.abs ${get('x')}))))`)})`;

/** erfc(a) for a >= 0. The square goes to exp in two parts, the first exact. */
const ERFC_TAIL = `(func $erfcTail (param $a v128) (result v128) (local $h v128) (local $p v128)
  ${set('a', `(f32x4.pmin ${get('a')} ${constant(10.5)})`)}
  ${set('p', `(f32x4.div ${sub(get('a'), constant(2))} ${add(get('a'), constant(2))})`)}
  ${set('h', `(v128.and ${get('a')} (i32x4.splat (i32.const 0xfffff000)))`)}
  ${mul(
    `(f32x4.div ${polynomial(get('p'), ERFC_COEFFICIENTS)} ${add(mul(get('a'), constant(2)), constant(1))})`,
    `(call $expNegative (f32x4.neg ${mul(sub(get('a'), get('h')), add(get('a'), get('h')))}))`,
    `(call $expNegative (f32x4.neg ${mul(get('h'), get('h'))}))`,
  )})`;

const ERF = `(func $erf (param $x v128) (result v128) (local $a v128) (local $z v128)
  ${set('a', `(f32x4.abs ${get('x')})`)}
  ${set('z', mul(get('x'), get('x')))}
  ${choose(
    `(f32x4.lt ${get('a')} ${constant(1)})`,
    add(mul(polynomial(get('z'), ERF_COEFFICIENTS), get('x')), get('x')),
    `(v128.or (v128.and ${get('x')} ${SIGNS}) ${sub(constant(1), `(call $erfcTail ${get('a')})`)})`,
  )})`;

/** From -1/2 to 1/2 by the series of erf, so that 1 - erf(x) is rounded once. */
const ERFC = `(func $erfc (param $x v128) (result v128) (local $a v128) (local $t v128)
  ${set('a', `(f32x4.abs ${get('x')})`)}
  ${set('t', `(call $erfcTail ${get('a')})`)}
  ${choose(
    `(f32x4.lt ${get('a')} ${constant(0.5)})`,
    sub(constant(1), `(call $erf ${get('x')})`),
    choose(`(f32x4.lt ${get('x')} ${constant(0)})`, sub(constant(2), get('t')), get('t')),
  )})`;

// 2/π as bytes; entry i is the 32 bits that end with byte i. The reduction of huge angles is that of Arm's
// optimised routines (sinf): three products of the mantissa with 96 bits of 2/π around its exponent.
const TWO_OVER_PI = 'a2f9836e4e441529fc2757d1f534ddc0db6295993c439041';
const WINDOWS = Array.from({ length: 24 }, (_, i) =>
  TWO_OVER_PI.slice(Math.max(0, 2 * i - 6), 2 * i + 2),
);
const INVERSE_PI = `(func $inversePi (param $i i32) (result i64)
${WINDOWS.map((word, i) => `  (if (i32.eq ${get('i')} (i32.const ${i})) (then (return (i64.const 0x${word}))))`).join('\n')}
  (i64.const 0))`;

const WORD = (offset: number) => `(call $inversePi (i32.add ${get('w')} (i32.const ${offset})))`;
/** Sine of x + turns·π/2. Below 2^20 the reduction is that of fdlibm with π/2 in two parts, and so are the polynomials. */
const SINE = `(func $sine (param $x f32) (param $turns i32) (result f32) (local $r f64) (local $n f64) (local $z f64) (local $b i32) (local $w i32) (local $m i64) (local $p i64)
  (if (i32.eqz (f32.lt (f32.abs ${get('x')}) (f32.const inf))) (then (return (f32.sub ${get('x')} ${get('x')}))))
  (if (f32.lt (f32.abs ${get('x')}) (f32.const 1048576))
    (then
      ${set('r', `(f64.promote_f32 ${get('x')})`)}
      ${set('n', `(f64.nearest ${dmul(get('r'), f64(2 / Math.PI))})`)}
      ${set('r', dsub(get('r'), dmul(get('n'), f64('1.57079632673412561417e+00')), dmul(get('n'), f64('6.07710050650619224932e-11'))))}
      ${set('turns', `(i32.add ${get('turns')} (i32.trunc_sat_f64_s ${get('n')}))`)})
    (else
      ${set('b', `(i32.reinterpret_f32 ${get('x')})`)}
      ${set('w', `(i32.and (i32.shr_u ${get('b')} (i32.const 26)) (i32.const 15))`)}
      ${set('m', `(i64.extend_i32_u (i32.shl (i32.or (i32.and ${get('b')} (i32.const 0x7fffff)) (i32.const 0x800000)) (i32.and (i32.shr_u ${get('b')} (i32.const 23)) (i32.const 7))))`)}
      ${set('p', `(i64.shl (i64.mul ${get('m')} ${WORD(0)}) (i64.const 32))`)}
      ${set('p', `(i64.or ${get('p')} (i64.shr_u (i64.mul ${get('m')} ${WORD(8)}) (i64.const 32)))`)}
      ${set('p', `(i64.add ${get('p')} (i64.mul ${get('m')} ${WORD(4)}))`)}
      ${set('m', `(i64.shr_u (i64.add ${get('p')} (i64.const 0x2000000000000000)) (i64.const 62))`)}
      ${set('r', dmul(`(f64.convert_i64_s (i64.sub ${get('p')} (i64.shl ${get('m')} (i64.const 62))))`, f64(Math.PI * 2 ** -63)))}
      ${set('b', `(i32.shr_s ${get('b')} (i32.const 31))`)}
      ${set('r', `(f64.mul ${get('r')} (f64.convert_i32_s (i32.or ${get('b')} (i32.const 1))))`)}
      ${set('turns', `(i32.add ${get('turns')} (i32.sub (i32.xor (i32.wrap_i64 ${get('m')}) ${get('b')}) ${get('b')}))`)}))
  ${set('z', dmul(get('r'), get('r')))}
  ${set(
    'r',
    `(if (result f64) (i32.and ${get('turns')} (i32.const 1))
    (then ${dadd(dmul(polynomial64(get('z'), [2.439044879627741e-5, -0.001388676377460993, 0.04166662332373906, -0.499999997251031]), get('z')), f64(1))})
    (else ${dadd(dmul(polynomial64(get('z'), [2.718311493989822e-6, -1.9839334836096632e-4, 0.008333329385889463, -0.16666666641626524]), get('z'), get('r')), get('r'))}))`,
  )}
  (f32.demote_f64 (select (f64.neg ${get('r')}) ${get('r')} (i32.and ${get('turns')} (i32.const 2)))))`;

// The sine of a small angle is the angle, -0 included.
const SIN = `(func $sin (param $x f32) (result f32)
  (if (result f32) (f32.lt (f32.abs ${get('x')}) (f32.const ${2 ** -13})) (then ${get('x')}) (else (call $sine ${get('x')} (i32.const 0)))))`;
const COS = `(func $cos (param $x f32) (result f32) (call $sine ${get('x')} (i32.const 1)))`;

const TERMS = 9;
/** ln of the mantissa by the series of 2 artanh(s), s = (m - 1) / (m + 1), on [sqrt(1/2), sqrt(2)). */
const ARTANH = Array.from({ length: TERMS }, (_, i) => 2 / (2 * (TERMS - 1 - i) + 1));
const FACTORIALS = [1, 1];
for (let i = 2; i <= 11; i++) FACTORIALS.push(FACTORIALS[i - 1] * i);
/** Taylor series of 2^f for |f| <= 1/2. */
const POWER_OF_TWO = FACTORIALS.map((factorial, i) => Math.LN2 ** i / factorial).reverse();

/** 2^(y·log2|x|) in float64; the sign of a negative base with an odd exponent is put back at the end. */
const POW = `(func $pow (param $x f32) (param $y f32) (result f32) (local $i i64) (local $l f64) (local $s f64) (local $t f64) (local $n f64) (local $half f32)
  (if (i32.or (f32.eq ${get('y')} (f32.const 0)) (f32.eq ${get('x')} (f32.const 1))) (then (return (f32.const 1))))
  (if (i32.and (f32.eq ${get('x')} (f32.const -1)) (f32.eq (f32.abs ${get('y')}) (f32.const inf))) (then (return (f32.const 1))))
  (if (i32.and (i32.and (f32.lt ${get('x')} (f32.const 0)) (f32.gt ${get('x')} (f32.const -inf))) (f32.ne (f32.floor ${get('y')}) ${get('y')}))
    (then (return (f32.const nan))))
  ${set('i', `(i64.sub (i64.reinterpret_f64 (f64.promote_f32 (f32.abs ${get('x')}))) (i64.const 0x3fe6a09e667f3bcd))`)}
  ${set('s', `(f64.reinterpret_i64 (i64.add (i64.and ${get('i')} (i64.const 0xfffffffffffff)) (i64.const 0x3fe6a09e667f3bcd)))`)}
  ${set('s', `(f64.div ${dsub(get('s'), f64(1))} ${dadd(get('s'), f64(1))})`)}
  ${set('l', dadd(`(f64.convert_i64_s (i64.shr_s ${get('i')} (i64.const 52)))`, dmul(polynomial64(dmul(get('s'), get('s')), ARTANH), get('s'), f64(Math.LOG2E))))}
  (if (f32.eq ${get('x')} (f32.const 0)) (then ${set('l', f64('-inf'))}))
  (if (f32.eq (f32.abs ${get('x')}) (f32.const inf)) (then ${set('l', f64('inf'))}))
  (if (f32.ne ${get('x')} ${get('x')}) (then ${set('l', f64('nan'))}))
  ${set('t', `(f64.min (f64.max ${dmul(`(f64.promote_f32 ${get('y')})`, get('l'))} ${f64(-200)}) ${f64(200)})`)}
  ${set('n', `(f64.nearest ${get('t')})`)}
  ${set('t', dmul(polynomial64(dsub(get('t'), get('n')), POWER_OF_TWO), `(f64.reinterpret_i64 (i64.shl (i64.add (i64.trunc_sat_f64_s ${get('n')}) (i64.const 1023)) (i64.const 52)))`))}
  ${set('half', `(f32.mul ${get('y')} (f32.const 0.5))`)}
  (if (i32.and (f32.eq (f32.floor ${get('y')}) ${get('y')}) (f32.ne (f32.floor ${get('half')}) ${get('half')}))
    (then ${set('t', `(f64.copysign ${get('t')} (f64.promote_f32 ${get('x')}))`)}))
  (f32.demote_f64 ${get('t')}))`;

/** Exact remainder with the sign of the dividend. Each quotient has at most 28 bits, so that its product is exact in float64. */
const MOD = `(func $mod (param $a f32) (param $b f32) (result f32) (local $r f64) (local $d f64) (local $s f64)
  ${set('r', `(f64.promote_f32 (f32.abs ${get('a')}))`)}
  ${set('d', `(f64.promote_f32 (f32.abs ${get('b')}))`)}
  (if (i32.eqz (i32.and (f64.gt ${get('d')} ${f64(0)}) (f64.lt ${get('r')} ${f64('inf')}))) (then (return (f32.const nan))))
  (block $done (loop $next
    (br_if $done (f64.lt ${get('r')} ${get('d')}))
    ${set('s', get('d'))}
    (block $scaled (loop $scale
      (br_if $scaled (f64.gt ${dmul(get('s'), f64(2 ** 28))} ${get('r')}))
      ${set('s', dmul(get('s'), f64(2 ** 28)))}
      (br $scale)))
    ${set('r', dsub(get('r'), dmul(`(f64.trunc (f64.div ${get('r')} ${get('s')}))`, get('s'))))}
    (if (f64.lt ${get('r')} ${f64(0)}) (then ${set('r', dadd(get('r'), get('s')))}))
    (br $next)))
  (f32.copysign (f32.demote_f64 ${get('r')}) ${get('a')}))`;

/** `uniformElement` of ir/random.ts at four elements: each of its numbers is one of the two words of a cipher. */
function uniformElements(): string {
  const rotate = (count: number) =>
    `(v128.or (i32x4.shl ${get('y')} (i32.const ${count})) (i32x4.shr_u ${get('y')} (i32.const ${32 - count})))`;
  const key = (index: number) => `(i32x4.splat ${get(`k${index % 3}`)})`;
  const plus = (a: string, b: string) => `(i32x4.add ${a} ${b})`;
  const lines = [
    set('k2', `(i32.xor (i32.const ${THREEFRY_PARITY}) (i32.xor ${get('k0')} ${get('k1')}))`),
    set('second', `(i32x4.shr_s (i32x4.shl ${get('element')} (i32.const 31)) (i32.const 31))`),
    set('x', plus(`(i32x4.shr_u ${get('element')} (i32.const 1))`, key(0))),
    set('y', plus(get('step'), key(1))),
  ];
  for (let group = 0; group < 5; group++) {
    for (let round = 0; round < 4; round++) {
      lines.push(set('x', plus(get('x'), get('y'))));
      lines.push(
        set('y', `(v128.xor ${rotate(THREEFRY_ROTATIONS[(group % 2) * 4 + round])} ${get('x')})`),
      );
    }
    lines.push(set('x', plus(get('x'), key(group + 1))));
    lines.push(
      set('y', plus(plus(get('y'), key(group + 2)), `(i32x4.splat (i32.const ${group + 1}))`)),
    );
  }
  return `(func $uniform (param $k0 i32) (param $k1 i32) (param $element v128) (param $step v128) (result v128) (local $k2 i32) (local $x v128) (local $y v128) (local $second v128)
  ${lines.join('\n  ')}
  ${mul(`(f32x4.convert_i32x4_u (i32x4.shr_u (v128.bitselect ${get('y')} ${get('x')} ${get('second')}) (i32.const 8)))`, constant(2 ** -24))})`;
}

const FUNCTIONS: Readonly<Record<string, string>> = {
  exp: EXP,
  expNegative: EXP_NEGATIVE,
  expm1: EXPM1,
  log: LOG,
  log1p: LOG1P,
  tanh: TANH,
  sigmoid: SIGMOID,
  softplus: SOFTPLUS,
  erfcTail: ERFC_TAIL,
  erf: ERF,
  erfc: ERFC,
  inversePi: INVERSE_PI,
  sine: SINE,
  sin: SIN,
  cos: COS,
  pow: POW,
  mod: MOD,
  uniform: uniformElements(),
  ...TILE_FUNCTIONS,
  ...HALF_FUNCTIONS,
};

/** Functions of the library, to be written in place of calls. */
export const inliner = new Inliner(FUNCTIONS);

/** The functions that `text` calls, and those that they call. */
export function libraryFor(text: string): string {
  const found = new Set<string>();
  const pending = [text];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const [, name] of next.matchAll(/\(call \$(\w+)/g)) {
      if (found.has(name)) continue;
      found.add(name);
      pending.push(FUNCTIONS[name]);
    }
  }
  return [...found].map((name) => FUNCTIONS[name]).join('\n');
}
