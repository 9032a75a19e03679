// Between f32 and the halves of memory (binary16 of IEEE 754), four lanes at a time, by integer arithmetic: exact, ties to
// even, with subnormals, infinities and NaN (after Giesen, "Float->half variants", 2012).

const all = (bits: number) => `(i32x4.splat (i32.const ${bits}))`;
const choose = (condition: string, yes: string, no: string) =>
  `(v128.bitselect ${yes} ${no} ${condition})`;

const SHIFT = '(i32.const 13)';
const SIGN_SHIFT = '(i32.const 16)';
const INFINITY = 0x7f800000;
/** 65536, the first power of two that no half reaches; what rounds up to it carries into the exponent of infinity. */
const FIRST_BEYOND = (127 + 16) << 23;
/** 2^-14: smaller halves are subnormal. */
const LEAST_NORMAL = (127 - 14) << 23;
/** 1/2, whose unit in the last place is that of subnormal halves. */
const HALF = 126 << 23;

/** All bits of a half but those that its sign leaves behind, moved to where f32 has them. */
const PLACE = 0x8fffe000;

// Inside of functions, `$hx`, `$hs` and `$hn` are locals for this: a text may stand where one operand is.
const X = '$hx';
const SIZE = '$hs';
const SIGN = '$hn';
export const HALF_LOCALS = [X, SIZE, SIGN];
const own = (name: string) => `(local.get ${name})`;
const put = (name: string, value: string) => `(local.set ${name} ${value})`;
const block = (...lines: readonly string[]) => `(block (result v128) ${lines.join(' ')})`;

/** The bits of a half in the lower half of each lane, whatever the upper one holds, as f32. */
export const widenAll = (bits: string): string =>
  block(
    put(
      X,
      `(v128.and (i32x4.shr_s (i32x4.shl ${bits} ${SIGN_SHIFT}) (i32.const 3)) ${all(PLACE)})`,
    ),
    put(X, `(f32x4.mul ${own(X)} (f32x4.splat (f32.const ${2 ** 112})))`),
    // Infinity and NaN have become 2^16 and more.
    `(v128.or ${own(X)} (v128.and (f32x4.ge (f32x4.abs ${own(X)}) ${all(FIRST_BEYOND)}) ${all(INFINITY)}))`,
  );

/** The bits of the nearest half in the lower half of each lane, zeros in the upper one. */
const nearest = (values: string): string => {
  const small = `(i32x4.sub (f32x4.add ${own(SIZE)} (f32x4.splat (f32.const 0.5))) ${all(HALF)})`;
  const normal = `(i32x4.shr_u (i32x4.add
    (i32x4.add ${own(SIZE)} ${all(((15 - 127) << 23) + 0xfff)})
    (v128.and (i32x4.shr_u ${own(SIZE)} ${SHIFT}) ${all(1)})) ${SHIFT})`;
  const beyond = choose(`(i32x4.gt_s ${own(SIZE)} ${all(INFINITY)})`, all(0x7e00), all(0x7c00));
  // Without a sign, numbers compare as signed ones.
  return block(
    put(X, values),
    put(SIZE, `(v128.and ${own(X)} ${all(0x7fffffff)})`),
    put(SIGN, `(i32x4.shr_u (v128.xor ${own(X)} ${own(SIZE)}) ${SIGN_SHIFT})`),
    `(v128.or ${own(SIGN)} ${choose(
      `(i32x4.lt_s ${own(SIZE)} ${all(LEAST_NORMAL)})`,
      small,
      choose(`(i32x4.lt_s ${own(SIZE)} ${all(FIRST_BEYOND)})`, normal, beyond),
    )})`,
  );
};

/** What values are after a store and a load. */
export const roundAll = (values: string): string => widenAll(nearest(values));

const func = (name: string, body: string) =>
  `(func $${name} (param $x v128) (result v128) ${HALF_LOCALS.map((local) => `(local ${local} v128)`).join(' ')} ${body})`;
const PARAMETER = '(local.get $x)';

/** For single values, whose code is not worth its length in place. */
export const HALF_FUNCTIONS = {
  widenHalf: func('widenHalf', widenAll(PARAMETER)),
  narrowHalf: func('narrowHalf', nearest(PARAMETER)),
  roundHalf: func('roundHalf', roundAll(PARAMETER)),
} as const;

const splat = (scalar: string) => `(i32x4.splat ${scalar})`;

/** The f32 whose bits as a half an i32 holds. */
export const widenOne = (bits: string) => `(f32x4.extract_lane 0 (call $widenHalf ${splat(bits)}))`;

/** The bits of the half nearest to an f32, as an i32; of four, as the first 64 bits of a vector. */
export const narrowOne = (value: string) =>
  `(i32x4.extract_lane 0 (call $narrowHalf (f32x4.splat ${value})))`;
export const narrowAll = (values: string) =>
  `(i16x8.narrow_i32x4_u ${nearest(values)} (v128.const i32x4 0 0 0 0))`;
