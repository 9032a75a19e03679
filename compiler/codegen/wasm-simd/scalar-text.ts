import type { ScalarOp } from '../../../ir/scalar.ts';

/** Makes an instruction of the text of its operands. */
export type Form = (a: string, b: string, c: string) => string;

/**
 * An operation on operands of each dtype (of `select`, the dtype of its values), as scalar and on four lanes. Null
 * where it is not defined, or not on lanes: then it is done lane by lane.
 */
export interface ScalarText {
  readonly f32: Form | null;
  readonly i32: Form | null;
  readonly f32x4: Form | null;
  readonly i32x4: Form | null;
  /** On lanes, operands that are taken, and a result that is given, as masks: all bits set for true. */
  readonly maskOperands: number;
  readonly maskResult: boolean;
}

type Forms = Partial<Record<'f32' | 'i32' | 'f32x4' | 'i32x4', Form>>;

const none = { f32: null, i32: null, f32x4: null, i32x4: null };
const value = (forms: Forms): ScalarText => ({
  ...none,
  ...forms,
  maskOperands: 0,
  maskResult: false,
});

const unary =
  (instruction: string): Form =>
  (a) =>
    `(${instruction} ${a})`;
const binary =
  (instruction: string): Form =>
  (a, b) =>
    `(${instruction} ${a} ${b})`;

const floatUnary = (name: string) =>
  value({ f32: unary(`f32.${name}`), f32x4: unary(`f32x4.${name}`) });
const floatCall = (name: string) =>
  value({ f32: unary(`call $${name}`), f32x4: unary(`call $${name}4`) });
const arithmetic = (name: string) =>
  value({
    f32: binary(`f32.${name}`),
    i32: binary(`i32.${name}`),
    f32x4: binary(`f32x4.${name}`),
    i32x4: binary(`i32x4.${name}`),
  });
const extremum = (name: string, comparison: string) =>
  value({
    f32: binary(`f32.${name}`),
    i32: (a, b) => `(select ${a} ${b} (i32.${comparison} ${a} ${b}))`,
    f32x4: binary(`f32x4.${name}`),
    i32x4: binary(`i32x4.${name}_s`),
  });
const compare = (float: string, integer: string): ScalarText => ({
  f32: binary(`f32.${float}`),
  i32: binary(`i32.${integer}`),
  f32x4: binary(`f32x4.${float}`),
  i32x4: binary(`i32x4.${integer}`),
  maskOperands: 0,
  maskResult: true,
});
const logical = (scalar: Form, lanes: Form): ScalarText => ({
  ...none,
  i32: scalar,
  i32x4: lanes,
  maskOperands: 2,
  maskResult: true,
});
const truth = (a: string) => `(i32.ne ${a} (i32.const 0))`;
const select: Form = (condition, a, b) => `(select ${a} ${b} ${condition})`;
const selectLanes: Form = (mask, a, b) => `(v128.bitselect ${a} ${b} ${mask})`;
const same: Form = (a) => a;

export const SCALAR_TEXT: Readonly<Record<ScalarOp, ScalarText>> = {
  neg: value({
    f32: unary('f32.neg'),
    i32: (a) => `(i32.sub (i32.const 0) ${a})`,
    f32x4: unary('f32x4.neg'),
    i32x4: unary('i32x4.neg'),
  }),
  abs: value({
    f32: unary('f32.abs'),
    i32: (a) => `(select (i32.sub (i32.const 0) ${a}) ${a} (i32.lt_s ${a} (i32.const 0)))`,
    f32x4: unary('f32x4.abs'),
    i32x4: unary('i32x4.abs'),
  }),
  // Zeros and NaN are their own signs.
  sign: value({
    f32: (a) =>
      `(select (f32.copysign (f32.const 1) ${a}) ${a} (f32.gt (f32.abs ${a}) (f32.const 0)))`,
    i32: (a) => `(i32.sub (i32.gt_s ${a} (i32.const 0)) (i32.lt_s ${a} (i32.const 0)))`,
    f32x4: (a) =>
      `(v128.bitselect (v128.or (v128.and ${a} (v128.const i32x4 0x80000000 0x80000000 0x80000000 0x80000000)) (v128.const f32x4 1 1 1 1)) ${a} (f32x4.gt (f32x4.abs ${a}) (v128.const f32x4 0 0 0 0)))`,
    i32x4: (a) =>
      `(i32x4.sub (i32x4.lt_s ${a} (v128.const i32x4 0 0 0 0)) (i32x4.gt_s ${a} (v128.const i32x4 0 0 0 0)))`,
  }),
  exp: floatCall('exp'),
  log: floatCall('log'),
  sqrt: floatUnary('sqrt'),
  tanh: floatCall('tanh'),
  sigmoid: floatCall('sigmoid'),
  sin: value({ f32: (a) => `(call $sine ${a} (i32.const 0))` }),
  cos: value({ f32: (a) => `(call $sine ${a} (i32.const 1))` }),
  floor: floatUnary('floor'),
  add: arithmetic('add'),
  sub: arithmetic('sub'),
  mul: arithmetic('mul'),
  div: value({
    f32: binary('f32.div'),
    i32: binary('call $divide'),
    f32x4: binary('f32x4.div'),
  }),
  pow: value({ f32: binary('call $pow') }),
  max: extremum('max', 'gt_s'),
  min: extremum('min', 'lt_s'),
  mod: value({ f32: binary('call $mod'), i32: binary('call $remainder') }),
  eq: compare('eq', 'eq'),
  ne: compare('ne', 'ne'),
  lt: compare('lt', 'lt_s'),
  le: compare('le', 'le_s'),
  gt: compare('gt', 'gt_s'),
  ge: compare('ge', 'ge_s'),
  and: logical((a, b) => `(i32.and ${truth(a)} ${truth(b)})`, binary('v128.and')),
  or: logical((a, b) => truth(`(i32.or ${a} ${b})`), binary('v128.or')),
  not: logical(unary('i32.eqz'), unary('v128.not')),
  select: {
    f32: select,
    i32: select,
    f32x4: selectLanes,
    i32x4: selectLanes,
    maskOperands: 1,
    maskResult: false,
  },
  toF32: value({
    f32: same,
    i32: unary('f32.convert_i32_s'),
    f32x4: same,
    i32x4: unary('f32x4.convert_i32x4_s'),
  }),
  toI32: value({
    f32: unary('i32.trunc_sat_f32_s'),
    i32: same,
    f32x4: unary('i32x4.trunc_sat_f32x4_s'),
    i32x4: same,
  }),
};
