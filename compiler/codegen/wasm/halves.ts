// Between f32 and the halves of memory (binary16 of IEEE 754), four lanes at a time, by integer arithmetic: exact, ties to
// even, with subnormals, infinities and NaN (after Giesen, "Float->half variants", 2012).

const get = (name: string) => `(local.get $${name})`;
const set = (name: string, value: string) => `(local.set $${name} ${value})`;
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

/** The bits of a half in the lower half of each lane, whatever the upper one holds, as f32. */
const WIDEN = `(func $widenHalf (param $h v128) (result v128) (local $size v128)
  ${set('size', `(i32x4.shl (v128.and ${get('h')} ${all(0x7fff)}) ${SHIFT})`)}
  (v128.or
    (i32x4.shl (v128.and ${get('h')} ${all(0x8000)}) ${SIGN_SHIFT})
    ${choose(
      `(i32x4.ge_u ${get('size')} ${all(0x7c00 << 13)})`,
      `(v128.or ${get('size')} ${all(INFINITY)})`,
      `(f32x4.mul ${get('size')} (f32x4.splat (f32.const ${2 ** 112})))`,
    )}))`;

/** The bits of the nearest half in the lower half of each lane, zeros in the upper one. */
const NARROW = `(func $narrowHalf (param $x v128) (result v128) (local $size v128) (local $sign v128) (local $small v128)
  ${set('size', `(v128.and ${get('x')} ${all(0x7fffffff)})`)}
  ${set('sign', `(i32x4.shr_u (v128.andnot ${get('x')} ${all(0x7fffffff)}) ${SIGN_SHIFT})`)}
  ${set('small', `(i32x4.sub (f32x4.add ${get('size')} (f32x4.splat (f32.const 0.5))) ${all(HALF)})`)}
  (v128.or ${get('sign')} ${choose(
    `(i32x4.lt_u ${get('size')} ${all(LEAST_NORMAL)})`,
    get('small'),
    choose(
      `(i32x4.lt_u ${get('size')} ${all(FIRST_BEYOND)})`,
      `(i32x4.shr_u (i32x4.add
        (i32x4.add ${get('size')} ${all(((15 - 127) << 23) + 0xfff)})
        (v128.and (i32x4.shr_u ${get('size')} ${SHIFT}) ${all(1)})) ${SHIFT})`,
      choose(`(i32x4.gt_u ${get('size')} ${all(INFINITY)})`, all(0x7e00), all(0x7c00)),
    ),
  )}))`;

/** What a value is after a store and a load. */
const ROUND = `(func $roundHalf (param $x v128) (result v128) (call $widenHalf (call $narrowHalf ${get('x')})))`;

export const HALF_FUNCTIONS = { widenHalf: WIDEN, narrowHalf: NARROW, roundHalf: ROUND } as const;

const splat = (scalar: string) => `(i32x4.splat ${scalar})`;

/** The f32 whose bits as a half an i32 holds. */
export const widenOne = (bits: string) => `(f32x4.extract_lane 0 (call $widenHalf ${splat(bits)}))`;
export const widenAll = (bits: string) => `(call $widenHalf ${bits})`;

/** The bits of the half nearest to an f32, as an i32; of four, as the first 64 bits of a vector. */
export const narrowOne = (value: string) =>
  `(i32x4.extract_lane 0 (call $narrowHalf (f32x4.splat ${value})))`;
export const narrowAll = (values: string) =>
  `(i16x8.narrow_i32x4_u (call $narrowHalf ${values}) (v128.const i32x4 0 0 0 0))`;
