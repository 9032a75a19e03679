import type { Combiner } from '../../../ir/kernel.ts';
import type { ScalarOp } from '../../../ir/scalar.ts';
import type { DType } from '../../../ir/tensor.ts';
import type { Helper } from './helpers.ts';

/** Marks a helper as used and gives its name. */
export type UseHelper = (helper: Helper) => string;

/** Prints one operation on operands of `dtype` that are already printed. */
type Printer = (
  use: UseHelper,
  dtype: DType,
  ...operands: readonly [string, string, string]
) => string;

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
const SCALAR_TEXT: Readonly<Record<ScalarOp, Printer>> = {
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

/** `op` applied to printed operands; `dtype` is that of the operands (of the branches, for select). */
export function scalarText(
  use: UseHelper,
  op: ScalarOp,
  dtype: DType,
  operands: readonly string[],
): string {
  const [a, b = '', c = ''] = operands;
  return SCALAR_TEXT[op](use, dtype, a, b, c);
}

/** The combiner of a reduction on two printed values. */
export function combineText(
  use: UseHelper,
  combiner: Combiner,
  dtype: DType,
  a: string,
  b: string,
): string {
  return scalarText(use, combiner === 'sum' ? 'add' : combiner, dtype, [a, b]);
}

const bitsOf = new DataView(new ArrayBuffer(4));

/** A literal of `dtype`. Values that WGSL has no literal for (infinities, NaN, -0) are made from their bits. */
export function literalText(use: UseHelper, dtype: DType, value: number): string {
  if (dtype === 'i32') {
    const whole = value | 0;
    return whole === -2147483648 ? 'i32(-2147483648)' : `${whole}i`;
  }
  const single = Math.fround(value);
  if (Number.isFinite(single) && !Object.is(single, -0)) return `${shortest(single)}f`;
  bitsOf.setFloat32(0, single);
  return `${use('float_bits')}(0x${bitsOf.getUint32(0).toString(16)}u)`;
}

/** Shortest decimal that is still the same float32. */
function shortest(single: number): string {
  // Rounded up, the largest values would be out of range before they are rounded to float32.
  if (Math.abs(single) >= 2 ** 127) return String(single);
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(single.toPrecision(digits)));
    if (Math.fround(Number(text)) === single) return text;
  }
  return String(single);
}
