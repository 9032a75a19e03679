import type { ScalarOp } from '../../../ir/scalar.ts';

// The scalar operations as WebAssembly text. Operands are texts without side effects that may be repeated. The keys are
// the element type of the operands: f32x4 and i32x4 hold four neighbouring points. An operation with an f32 form alone
// runs lane by lane.

type Form = (a: string, b: string, c: string) => string;
export type Lanes = 'f32' | 'i32' | 'f32x4' | 'i32x4';
export type ScalarText = Readonly<Partial<Record<Lanes, Form>>>;

const call =
  (name: string): Form =>
  (a) =>
    `(call $${name} ${a})`;
const first = (vector: string) => `(f32x4.extract_lane 0 ${vector})`;
const splat = (scalar: string) => `(f32x4.splat ${scalar})`;
/** A function with one implementation, on four lanes. */
const wide = (name: string): ScalarText => ({
  f32: (a) => first(`(call $${name} ${splat(a)})`),
  f32x4: call(name),
});
/** The instruction of the same name on all four forms. */
const everywhere = (name: string): ScalarText => ({
  f32: (a, b) => `(f32.${name} ${a} ${b})`,
  i32: (a, b) => `(i32.${name} ${a} ${b})`,
  f32x4: (a, b) => `(f32x4.${name} ${a} ${b})`,
  i32x4: (a, b) => `(i32x4.${name} ${a} ${b})`,
});
const unary = (name: string): ScalarText => ({
  f32: (a) => `(f32.${name} ${a})`,
  f32x4: (a) => `(f32x4.${name} ${a})`,
});
const bit = (mask: string) => `(v128.and ${mask} ${ONES})`;
const compare = (name: string, integer = name): ScalarText => ({
  f32: (a, b) => `(f32.${name} ${a} ${b})`,
  i32: (a, b) => `(i32.${integer} ${a} ${b})`,
  f32x4: (a, b) => bit(`(f32x4.${name} ${a} ${b})`),
  i32x4: (a, b) => bit(`(i32x4.${integer} ${a} ${b})`),
});
const extreme = (name: 'max' | 'min', keepsFirst: string): ScalarText => ({
  f32: (a, b) => `(f32.${name} ${a} ${b})`,
  i32: (a, b) => `(select ${a} ${b} (i32.${keepsFirst} ${a} ${b}))`,
  f32x4: (a, b) => `(f32x4.${name} ${a} ${b})`,
  i32x4: (a, b) => `(i32x4.${name}_s ${a} ${b})`,
});

const ZERO = '(i32.const 0)';
const ONE = '(i32.const 1)';
export const ZEROS = '(v128.const i32x4 0 0 0 0)';
const ONES = '(v128.const i32x4 1 1 1 1)';
const SIGN = '(v128.const i32x4 0x80000000 0x80000000 0x80000000 0x80000000)';
const FLOAT_ONES = '(v128.const f32x4 1 1 1 1)';

/** Zeros and NaN stand for themselves, so that the sign of zero is kept. */
const floatSign: ScalarText = {
  f32: (a) =>
    `(select (f32.copysign (f32.const 1) ${a}) ${a} (f32.gt (f32.abs ${a}) (f32.const 0)))`,
  f32x4: (a) =>
    `(v128.bitselect (v128.or (v128.and ${a} ${SIGN}) ${FLOAT_ONES}) ${a} (f32x4.gt (f32x4.abs ${a}) ${ZEROS}))`,
};

export const SCALAR_TEXT: Readonly<Record<ScalarOp, ScalarText>> = {
  neg: {
    ...unary('neg'),
    i32: (a) => `(i32.sub ${ZERO} ${a})`,
    i32x4: (a) => `(i32x4.neg ${a})`,
  },
  abs: {
    ...unary('abs'),
    i32: (a) => `(select (i32.sub ${ZERO} ${a}) ${a} (i32.lt_s ${a} ${ZERO}))`,
    i32x4: (a) => `(i32x4.abs ${a})`,
  },
  sign: {
    ...floatSign,
    i32: (a) => `(i32.sub (i32.gt_s ${a} ${ZERO}) (i32.lt_s ${a} ${ZERO}))`,
    i32x4: (a) => `(i32x4.sub (i32x4.lt_s ${a} ${ZEROS}) (i32x4.gt_s ${a} ${ZEROS}))`,
  },
  exp: wide('exp'),
  expm1: wide('expm1'),
  log: wide('log'),
  log1p: wide('log1p'),
  sqrt: unary('sqrt'),
  tanh: wide('tanh'),
  sigmoid: wide('sigmoid'),
  softplus: wide('softplus'),
  erf: wide('erf'),
  erfc: wide('erfc'),
  sin: { f32: call('sin') },
  cos: { f32: call('cos') },
  floor: unary('floor'),
  isNan: { f32: (a) => `(f32.ne ${a} ${a})`, f32x4: (a) => bit(`(f32x4.ne ${a} ${a})`) },
  add: everywhere('add'),
  sub: everywhere('sub'),
  mul: everywhere('mul'),
  div: {
    f32: (a, b) => `(f32.div ${a} ${b})`,
    f32x4: (a, b) => `(f32x4.div ${a} ${b})`,
    // i32.div_s traps on a divisor of 0 and on INT_MIN / -1; a divisor of 1 takes the place of both.
    i32: (a, b) =>
      `(select (i32.sub ${ZERO} ${a}) (i32.div_s ${a} (select ${ONE} ${b} (i32.le_u (i32.add ${b} ${ONE}) ${ONE}))) (i32.eq ${b} (i32.const -1)))`,
  },
  pow: { f32: (a, b) => `(call $pow ${a} ${b})` },
  max: extreme('max', 'gt_s'),
  min: extreme('min', 'lt_s'),
  mod: {
    f32: (a, b) => `(call $mod ${a} ${b})`,
    i32: (a, b) => `(i32.rem_s ${a} (select ${b} ${ONE} ${b}))`,
  },
  eq: compare('eq'),
  ne: compare('ne'),
  lt: compare('lt', 'lt_s'),
  le: compare('le', 'le_s'),
  gt: compare('gt', 'gt_s'),
  ge: compare('ge', 'ge_s'),
  and: {
    i32: (a, b) => `(i32.and (i32.ne ${a} ${ZERO}) (i32.ne ${b} ${ZERO}))`,
    i32x4: (a, b) => bit(`(v128.and (i32x4.ne ${a} ${ZEROS}) (i32x4.ne ${b} ${ZEROS}))`),
  },
  or: {
    i32: (a, b) => `(i32.ne (i32.or ${a} ${b}) ${ZERO})`,
    i32x4: (a, b) => bit(`(i32x4.ne (v128.or ${a} ${b}) ${ZEROS})`),
  },
  not: { i32: (a) => `(i32.eqz ${a})`, i32x4: (a) => bit(`(i32x4.eq ${a} ${ZEROS})`) },
  // Keyed by the element type of the chosen values.
  select: {
    f32: (c, a, b) => `(select ${a} ${b} ${c})`,
    i32: (c, a, b) => `(select ${a} ${b} ${c})`,
    f32x4: (c, a, b) => `(v128.bitselect ${a} ${b} (i32x4.ne ${c} ${ZEROS}))`,
    i32x4: (c, a, b) => `(v128.bitselect ${a} ${b} (i32x4.ne ${c} ${ZEROS}))`,
  },
  toF32: {
    f32: (a) => a,
    i32: (a) => `(f32.convert_i32_s ${a})`,
    f32x4: (a) => a,
    i32x4: (a) => `(f32x4.convert_i32x4_s ${a})`,
  },
  toI32: {
    f32: (a) => `(i32.trunc_sat_f32_s ${a})`,
    i32: (a) => a,
    f32x4: (a) => `(i32x4.trunc_sat_f32x4_s ${a})`,
    i32x4: (a) => a,
  },
};
