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
/** Compilers may assume that there is no NaN: of floats the helper decides, which takes its operands in this order or turned. */
const compare =
  (operator: string, name: Helper, turned = false): Printer =>
  (use, dtype, a, b) =>
    dtype === 'i32'
      ? `i32(${a} ${operator} ${b})`
      : `i32(${use(name)}(${turned ? `${b}, ${a}` : `${a}, ${b}`}))`;

// i32 arithmetic in WGSL wraps, and x / 0 is x, x % 0 is 0, as ir/scalar.ts defines them. Operands are
// always names of runtime values: constant expressions that overflow or divide by zero would be rejected.
export const SCALARS: Readonly<Record<ScalarOp, Printer>> = {
  neg: (_use, _dtype, a) => `-${a}`,
  abs: call('abs'),
  sign: (use, dtype, a) => (dtype === 'f32' ? `${use('sign_f32')}(${a})` : `sign(${a})`),
  exp: helper('exp_f32'),
  expm1: helper('expm1_f32'),
  log: helper('log_f32'),
  log1p: helper('log1p_f32'),
  sqrt: helper('sqrt_f32'),
  tanh: helper('tanh_f32'),
  sigmoid: helper('sigmoid_f32'),
  softplus: helper('softplus_f32'),
  erf: helper('erf_f32'),
  erfc: helper('erfc_f32'),
  sin: helper('sin_f32'),
  cos: helper('cos_f32'),
  floor: call('floor'),
  isNan: (use, _dtype, a) => `i32(${use('is_nan')}(${a}))`,
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: (use, dtype, a, b) => (dtype === 'f32' ? `${use('div_f32')}(${a}, ${b})` : `${a} / ${b}`),
  pow: (use, _dtype, a, b) => `${use('pow_f32')}(${a}, ${b})`,
  max: (use, dtype, a, b) => `${dtype === 'f32' ? use('max_f32') : 'max'}(${a}, ${b})`,
  min: (use, dtype, a, b) => `${dtype === 'f32' ? use('min_f32') : 'min'}(${a}, ${b})`,
  mod: (use, dtype, a, b) => (dtype === 'f32' ? `${use('mod_f32')}(${a}, ${b})` : `${a} % ${b}`),
  eq: compare('==', 'equal_f32'),
  ne: (use, dtype, a, b) =>
    dtype === 'i32' ? `i32(${a} != ${b})` : `i32(!${use('equal_f32')}(${a}, ${b}))`,
  lt: compare('<', 'less_f32'),
  le: compare('<=', 'less_equal_f32'),
  gt: compare('>', 'less_f32', true),
  ge: compare('>=', 'less_equal_f32', true),
  and: (_use, _dtype, a, b) => `i32(${a} != 0i && ${b} != 0i)`,
  or: (_use, _dtype, a, b) => `i32(${a} != 0i || ${b} != 0i)`,
  not: (_use, _dtype, a) => `i32(${a} == 0i)`,
  select: (_use, _dtype, condition, a, b) => `select(${b}, ${a}, ${condition} != 0i)`,
  toF32: (_use, dtype, a) => (dtype === 'f32' ? a : `f32(${a})`),
  toI32: (use, dtype, a) => (dtype === 'i32' ? a : `${use('to_i32')}(${a})`),
};
