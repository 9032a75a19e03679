import type { DType } from '../../../../ir/dtypes.ts';
import type { ScalarOp } from '../../../../ir/scalar.ts';
import type { ScalarPrinter } from '../dialect.ts';
import type { Helper } from './library.ts';

type Printer = ScalarPrinter<Helper>;

const call =
  (name: string): Printer =>
  (_use, _dtype, a) =>
    `${name}(${a})`;
const helper =
  (name: Helper): Printer =>
  (use, _dtype, a) =>
    `${use(name)}(${a})`;
const infix =
  (operator: string): Printer =>
  (_use, _dtype, a, b) =>
    `${a} ${operator} ${b}`;
/** By the dtype of the operands; null where the operation is not defined for it. */
const by =
  (forms: Readonly<Record<DType, Printer | null>>): Printer =>
  (use, dtype, ...operands) =>
    forms[dtype]!(use, dtype, ...operands);
/** A function that floats alone have. */
const ofFloats = (f32: Helper): Printer => by({ f32: helper(f32), i32: null });
/** Of floats a function of two, of integers what the language has. */
const pair = (f32: Helper, i32: Printer): Printer =>
  by({ f32: (use, _dtype, a, b) => `${use(f32)}(${a}, ${b})`, i32 });
const unchanged: Printer = (_use, _dtype, a) => a;
/** Compilers may assume that there is no NaN: of floats the helper decides, which takes its operands in this order or turned. */
const compare = (operator: string, name: Helper, turned = false): Printer =>
  by({
    f32: (use, _dtype, a, b) => `i32(${use(name)}(${turned ? `${b}, ${a}` : `${a}, ${b}`}))`,
    i32: (_use, _dtype, a, b) => `i32(${a} ${operator} ${b})`,
  });

// i32 arithmetic in WGSL wraps, and x / 0 is x, x % 0 is 0, as ir/scalar.ts defines them. Operands are
// always names of runtime values: constant expressions that overflow or divide by zero would be rejected.
export const SCALARS: Readonly<Record<ScalarOp, Printer>> = {
  neg: (_use, _dtype, a) => `-${a}`,
  abs: call('abs'),
  sign: by({ f32: helper('sign_f32'), i32: call('sign') }),
  exp: ofFloats('exp_f32'),
  expm1: ofFloats('expm1_f32'),
  log: ofFloats('log_f32'),
  log1p: ofFloats('log1p_f32'),
  sqrt: ofFloats('sqrt_f32'),
  tanh: ofFloats('tanh_f32'),
  sigmoid: ofFloats('sigmoid_f32'),
  softplus: ofFloats('softplus_f32'),
  erf: ofFloats('erf_f32'),
  erfc: ofFloats('erfc_f32'),
  sin: ofFloats('sin_f32'),
  cos: ofFloats('cos_f32'),
  floor: call('floor'),
  roundF16: helper('round_f16'),
  isNan: (use, _dtype, a) => `i32(${use('is_nan')}(${a}))`,
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: pair('div_f32', infix('/')),
  pow: (use, _dtype, a, b) => `${use('pow_f32')}(${a}, ${b})`,
  max: pair('max_f32', (_use, _dtype, a, b) => `max(${a}, ${b})`),
  min: pair('min_f32', (_use, _dtype, a, b) => `min(${a}, ${b})`),
  mod: pair('mod_f32', infix('%')),
  eq: compare('==', 'equal_f32'),
  ne: by({
    f32: (use, _dtype, a, b) => `i32(!${use('equal_f32')}(${a}, ${b}))`,
    i32: (_use, _dtype, a, b) => `i32(${a} != ${b})`,
  }),
  lt: compare('<', 'less_f32'),
  le: compare('<=', 'less_equal_f32'),
  gt: compare('>', 'less_f32', true),
  ge: compare('>=', 'less_equal_f32', true),
  // Not && and ||, which are branches: there is nothing to be spared, and many of them take SwiftShader for ever to compile.
  and: (_use, _dtype, a, b) => `i32((${a} != 0i) & (${b} != 0i))`,
  or: (_use, _dtype, a, b) => `i32((${a} != 0i) | (${b} != 0i))`,
  not: (_use, _dtype, a) => `i32(${a} == 0i)`,
  select: (_use, _dtype, condition, a, b) => `select(${b}, ${a}, ${condition} != 0i)`,
  toF32: by({ f32: unchanged, i32: call('f32') }),
  toI32: by({ f32: helper('to_i32'), i32: unchanged }),
};
