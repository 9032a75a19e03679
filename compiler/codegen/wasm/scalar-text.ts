import type { DType } from '../../../ir/dtypes.ts';
import type { ScalarOp } from '../../../ir/scalar.ts';
import { roundAll } from './halves.ts';
import { inlineText } from './inline.ts';

// The scalar operations as WebAssembly text, by the dtype of their operands, which are texts without side effects that may be
// repeated.

export type Form = (a: string, b: string, c: string) => string;
type Forms = Readonly<Record<DType, Form | null>>;
interface ScalarText {
  /** On one value; null where the operation is not defined for the dtype. */
  readonly one: Forms;
  /** On all lanes; null: lane by lane. */
  readonly all: Forms;
}

const call =
  (name: string): Form =>
  (a) =>
    `(call $${name} ${a})`;
const first = (vector: string) => `(f32x4.extract_lane 0 ${vector})`;
const splat = (scalar: string) => `(f32x4.splat ${scalar})`;
const NONE: Forms = { f32: null, i32: null };
/** A function with one implementation, on all lanes, where it is written in place. */
const wide = (name: string): ScalarText => ({
  one: { f32: (a) => first(`(call $${name} ${splat(a)})`), i32: null },
  all: { f32: (a) => inlineText(name, a), i32: null },
});
/** A function with one implementation, on one value. */
const narrow = (form: Form): ScalarText => ({ one: { f32: form, i32: null }, all: NONE });
/** The instruction of the same name on all forms. */
const everywhere = (name: string): ScalarText => ({
  one: { f32: (a, b) => `(f32.${name} ${a} ${b})`, i32: (a, b) => `(i32.${name} ${a} ${b})` },
  all: { f32: (a, b) => `(f32x4.${name} ${a} ${b})`, i32: (a, b) => `(i32x4.${name} ${a} ${b})` },
});
/** The instruction of the same name on floats; `i32` says what integers have. */
const unary = (name: string, i32: { one: Form | null; all: Form | null }): ScalarText => ({
  one: { f32: (a) => `(f32.${name} ${a})`, i32: i32.one },
  all: { f32: (a) => `(f32x4.${name} ${a})`, i32: i32.all },
});
const UNDEFINED = { one: null, all: null };
const bit = (mask: string) => `(v128.and ${mask} ${ONES})`;
const compare = (name: string, integer = name): ScalarText => ({
  one: { f32: (a, b) => `(f32.${name} ${a} ${b})`, i32: (a, b) => `(i32.${integer} ${a} ${b})` },
  all: {
    f32: (a, b) => bit(`(f32x4.${name} ${a} ${b})`),
    i32: (a, b) => bit(`(i32x4.${integer} ${a} ${b})`),
  },
});
const extreme = (name: 'max' | 'min', keepsFirst: string): ScalarText => ({
  one: {
    f32: (a, b) => `(f32.${name} ${a} ${b})`,
    i32: (a, b) => `(select ${a} ${b} (i32.${keepsFirst} ${a} ${b}))`,
  },
  all: {
    f32: (a, b) => `(f32x4.${name} ${a} ${b})`,
    i32: (a, b) => `(i32x4.${name}_s ${a} ${b})`,
  },
});
const logical = (one: Form, all: Form): ScalarText => ({
  one: { f32: null, i32: one },
  all: { f32: null, i32: all },
});

const ZERO = '(i32.const 0)';
const ONE = '(i32.const 1)';
export const ZEROS = '(v128.const i32x4 0 0 0 0)';
export const ONES = '(v128.const i32x4 1 1 1 1)';
const SIGN = '(v128.const i32x4 0x80000000 0x80000000 0x80000000 0x80000000)';
const FLOAT_ONES = '(v128.const f32x4 1 1 1 1)';

const choose: Form = (c, a, b) => `(select ${a} ${b} ${c})`;
const chooseLanes: Form = (c, a, b) => `(v128.bitselect ${a} ${b} (i32x4.ne ${c} ${ZEROS}))`;

export const SCALAR_TEXT: Readonly<Record<ScalarOp, ScalarText>> = {
  neg: unary('neg', { one: (a) => `(i32.sub ${ZERO} ${a})`, all: (a) => `(i32x4.neg ${a})` }),
  abs: unary('abs', {
    one: (a) => `(select (i32.sub ${ZERO} ${a}) ${a} (i32.lt_s ${a} ${ZERO}))`,
    all: (a) => `(i32x4.abs ${a})`,
  }),
  // Zeros and NaN stand for themselves, so that the sign of zero is kept.
  sign: {
    one: {
      f32: (a) =>
        `(select (f32.copysign (f32.const 1) ${a}) ${a} (f32.gt (f32.abs ${a}) (f32.const 0)))`,
      i32: (a) => `(i32.sub (i32.gt_s ${a} ${ZERO}) (i32.lt_s ${a} ${ZERO}))`,
    },
    all: {
      f32: (a) =>
        `(v128.bitselect (v128.or (v128.and ${a} ${SIGN}) ${FLOAT_ONES}) ${a} (f32x4.gt (f32x4.abs ${a}) ${ZEROS}))`,
      i32: (a) => `(i32x4.sub (i32x4.lt_s ${a} ${ZEROS}) (i32x4.gt_s ${a} ${ZEROS}))`,
    },
  },
  exp: wide('exp'),
  expm1: wide('expm1'),
  log: wide('log'),
  log1p: wide('log1p'),
  sqrt: unary('sqrt', UNDEFINED),
  tanh: wide('tanh'),
  sigmoid: wide('sigmoid'),
  softplus: wide('softplus'),
  erf: wide('erf'),
  erfc: wide('erfc'),
  sin: narrow(call('sin')),
  cos: narrow(call('cos')),
  floor: unary('floor', UNDEFINED),
  roundF16: { one: wide('roundHalf').one, all: { f32: roundAll, i32: null } },
  isNan: {
    one: { f32: (a) => `(f32.ne ${a} ${a})`, i32: null },
    all: { f32: (a) => bit(`(f32x4.ne ${a} ${a})`), i32: null },
  },
  add: everywhere('add'),
  sub: everywhere('sub'),
  mul: everywhere('mul'),
  div: {
    one: {
      f32: (a, b) => `(f32.div ${a} ${b})`,
      // i32.div_s traps on a divisor of 0 and on INT_MIN / -1; a divisor of 1 takes the place of both.
      i32: (a, b) =>
        `(select (i32.sub ${ZERO} ${a}) (i32.div_s ${a} (select ${ONE} ${b} (i32.le_u (i32.add ${b} ${ONE}) ${ONE}))) (i32.eq ${b} (i32.const -1)))`,
    },
    all: { f32: (a, b) => `(f32x4.div ${a} ${b})`, i32: null },
  },
  pow: narrow((a, b) => `(call $pow ${a} ${b})`),
  max: extreme('max', 'gt_s'),
  min: extreme('min', 'lt_s'),
  mod: {
    one: {
      f32: (a, b) => `(call $mod ${a} ${b})`,
      i32: (a, b) => `(i32.rem_s ${a} (select ${b} ${ONE} ${b}))`,
    },
    all: NONE,
  },
  eq: compare('eq'),
  ne: compare('ne'),
  lt: compare('lt', 'lt_s'),
  le: compare('le', 'le_s'),
  gt: compare('gt', 'gt_s'),
  ge: compare('ge', 'ge_s'),
  and: logical(
    (a, b) => `(i32.and (i32.ne ${a} ${ZERO}) (i32.ne ${b} ${ZERO}))`,
    (a, b) => bit(`(v128.and (i32x4.ne ${a} ${ZEROS}) (i32x4.ne ${b} ${ZEROS}))`),
  ),
  or: logical(
    (a, b) => `(i32.ne (i32.or ${a} ${b}) ${ZERO})`,
    (a, b) => bit(`(i32x4.ne (v128.or ${a} ${b}) ${ZEROS})`),
  ),
  not: logical(
    (a) => `(i32.eqz ${a})`,
    (a) => bit(`(i32x4.eq ${a} ${ZEROS})`),
  ),
  // Keyed by the dtype of the chosen values.
  select: { one: { f32: choose, i32: choose }, all: { f32: chooseLanes, i32: chooseLanes } },
  toF32: {
    one: { f32: (a) => a, i32: (a) => `(f32.convert_i32_s ${a})` },
    all: { f32: (a) => a, i32: (a) => `(f32x4.convert_i32x4_s ${a})` },
  },
  toI32: {
    one: { f32: (a) => `(i32.trunc_sat_f32_s ${a})`, i32: (a) => a },
    all: { f32: (a) => `(i32x4.trunc_sat_f32x4_s ${a})`, i32: (a) => a },
  },
};
