import { DTYPE_NAMES, type DType, isFloat } from './dtypes.ts';
import { erf, erfc } from './error-function.ts';
import { roundToHalf } from './half.ts';

/**
 * The scalar operations: the meaning of elementwise nodes in a graph and of expressions in a kernel.
 * Interpreter, gradient table and both code generators are `Record<ScalarOp, …>` tables, so a missing row
 * is a type error.
 */
export type ScalarOp =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'sqrt'
  | 'tanh'
  | 'sigmoid'
  | 'softplus'
  | 'erf'
  | 'erfc'
  | 'sin'
  | 'cos'
  | 'floor'
  | 'roundF16'
  | 'isNan'
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'pow'
  | 'max'
  | 'min'
  | 'mod'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'and'
  | 'or'
  | 'not'
  | 'select'
  | 'toF32'
  | 'toI32';

/**
 * How operand dtypes decide the result's: `same` all operands and the result agree; `compare` operands
 * agree and the result is i32 0/1; `logical` i32 in, i32 0/1 out; `select` (i32, T, T) gives T; `toF32`
 * and `toI32` convert.
 */
export type DTypeRule = 'same' | 'compare' | 'logical' | 'select' | 'toF32' | 'toI32';

/** What all representations need of a scalar operation. */
export interface ScalarOpRow {
  readonly arity: 1 | 2 | 3;
  readonly rule: DTypeRule;
  /** Element types that the operands may have. */
  readonly dtypes: readonly DType[];
  /** Nominal floating-point operations, for the cost model. */
  readonly cost: number;
  /** Reference meaning in float64; for i32 operands see {@link scalarMeaning}. */
  readonly evaluate: (a: number, b: number, c: number) => number;
}

const INFINITY = Number.POSITIVE_INFINITY;
const FLOAT = DTYPE_NAMES.filter(isFloat);
/** Masks, counts and indices: what comparisons give and what logic takes. */
const INTEGER: readonly DType[] = ['i32'];
const NUMERIC = DTYPE_NAMES;

const unary = (
  evaluate: (a: number) => number,
  dtypes: readonly DType[] = FLOAT,
  cost = 1,
): ScalarOpRow => ({ arity: 1, rule: 'same', dtypes, cost, evaluate });
const binary = (
  evaluate: (a: number, b: number) => number,
  dtypes: readonly DType[] = NUMERIC,
  cost = 1,
): ScalarOpRow => ({ arity: 2, rule: 'same', dtypes, cost, evaluate });
const compare = (evaluate: (a: number, b: number) => boolean): ScalarOpRow => ({
  arity: 2,
  rule: 'compare',
  dtypes: NUMERIC,
  cost: 1,
  evaluate: (a, b) => (evaluate(a, b) ? 1 : 0),
});

/** The row of every scalar operation. */
export const SCALAR_OPS: Readonly<Record<ScalarOp, ScalarOpRow>> = {
  neg: unary((a) => -a, NUMERIC),
  abs: unary(Math.abs, NUMERIC),
  sign: unary(Math.sign, NUMERIC),
  exp: unary(Math.exp, FLOAT, 8),
  expm1: unary(Math.expm1, FLOAT, 8),
  log: unary(Math.log, FLOAT, 8),
  log1p: unary(Math.log1p, FLOAT, 8),
  sqrt: unary(Math.sqrt, FLOAT, 4),
  tanh: unary(Math.tanh, FLOAT, 12),
  sigmoid: unary((a) => 1 / (1 + Math.exp(-a)), FLOAT, 12),
  softplus: unary((a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))), FLOAT, 20),
  erf: unary(erf, FLOAT, 16),
  erfc: unary(erfc, FLOAT, 16),
  sin: unary(Math.sin, FLOAT, 8),
  cos: unary(Math.cos, FLOAT, 8),
  floor: unary(Math.floor),
  // What is left of a number that is stored as a half: what `f16` of ir/dtypes.ts does.
  roundF16: unary(roundToHalf),
  isNan: {
    arity: 1,
    rule: 'compare',
    dtypes: FLOAT,
    cost: 1,
    evaluate: (a) => (Number.isNaN(a) ? 1 : 0),
  },
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  // Integer division truncates towards zero; the remainder has the sign of the dividend (as in C, WGSL and wasm).
  div: binary((a, b) => a / b, NUMERIC, 4),
  // As in C, WGSL and PyTorch: 1 to any power is 1, and so is -1 to an infinite one. JavaScript says NaN.
  pow: binary(
    (a, b) => (a === 1 || (a === -1 && Math.abs(b) === INFINITY) ? 1 : a ** b),
    FLOAT,
    16,
  ),
  max: binary((a, b) => Math.max(a, b)),
  min: binary((a, b) => Math.min(a, b)),
  mod: binary((a, b) => a % b, NUMERIC, 4),
  eq: compare((a, b) => a === b),
  ne: compare((a, b) => a !== b),
  lt: compare((a, b) => a < b),
  le: compare((a, b) => a <= b),
  gt: compare((a, b) => a > b),
  ge: compare((a, b) => a >= b),
  and: {
    arity: 2,
    rule: 'logical',
    dtypes: INTEGER,
    cost: 1,
    evaluate: (a, b) => (a && b ? 1 : 0),
  },
  or: { arity: 2, rule: 'logical', dtypes: INTEGER, cost: 1, evaluate: (a, b) => (a || b ? 1 : 0) },
  not: { arity: 1, rule: 'logical', dtypes: INTEGER, cost: 1, evaluate: (a) => (a ? 0 : 1) },
  select: {
    arity: 3,
    rule: 'select',
    dtypes: NUMERIC,
    cost: 1,
    evaluate: (c, a, b) => (c ? a : b),
  },
  toF32: { arity: 1, rule: 'toF32', dtypes: NUMERIC, cost: 1, evaluate: (a) => a },
  // Truncates towards zero and saturates at the ends of i32; NaN gives 0. Adding 0 makes 0 of -0, which i32 has not.
  toI32: {
    arity: 1,
    rule: 'toI32',
    dtypes: NUMERIC,
    cost: 1,
    evaluate: (a) =>
      Number.isNaN(a) ? 0 : 0 + Math.max(-2147483648, Math.min(2147483647, Math.trunc(a))),
  },
};

/** All scalar operations. */
export const SCALAR_OP_NAMES = Object.keys(SCALAR_OPS) as ScalarOp[];

/** The result dtype of `op` on `operands`, or a reason (a sentence without full stop) why there is none. */
export function scalarResult(
  op: ScalarOp,
  operands: readonly DType[],
): { dtype: DType } | { reason: string } {
  const row = SCALAR_OPS[op];
  if (operands.length !== row.arity)
    return { reason: `'${op}' takes ${row.arity} operands, not ${operands.length}` };
  const values = row.rule === 'select' ? operands.slice(1) : operands;
  if (row.rule === 'select' && operands[0] !== 'i32')
    return { reason: `the condition of 'select' must be i32, not ${operands[0]}` };
  if (values.some((dtype) => dtype !== values[0]))
    return { reason: `the operands of '${op}' have different dtypes: ${values.join(' and ')}` };
  if (!row.dtypes.includes(values[0])) return { reason: `'${op}' is not defined for ${values[0]}` };
  switch (row.rule) {
    case 'same':
    case 'select':
      return { dtype: values[0] };
    case 'toF32':
      return { dtype: 'f32' };
    case 'compare':
    case 'logical':
    case 'toI32':
      return { dtype: 'i32' };
  }
}

/** The op that converts to a dtype. */
export const CONVERSIONS: Readonly<Record<DType, ScalarOp>> = { f32: 'toF32', i32: 'toI32' };

/** What an operation gives for its operands; those that it does not take are ignored. */
export type ScalarMeaning = (a: number, b: number, c: number) => number;

/** Integers, where they differ from floats. Division by zero is as in WGSL: the quotient is the dividend, the remainder 0. */
const INTEGER_MEANINGS: Readonly<Partial<Record<ScalarOp, ScalarMeaning>>> = {
  mul: Math.imul,
  div: (a, b) => (b === 0 ? a : (a / b) | 0),
  mod: (a, b) => (b === 0 ? 0 : (a % b) | 0),
  toF32: SCALAR_OPS.toF32.evaluate,
};

function integerMeaning(op: ScalarOp): ScalarMeaning {
  const { evaluate } = SCALAR_OPS[op];
  return INTEGER_MEANINGS[op] ?? ((a, b, c) => evaluate(a, b, c) | 0);
}

const MEANINGS: Readonly<Record<DType, (op: ScalarOp) => ScalarMeaning>> = {
  f32: (op) => SCALAR_OPS[op].evaluate,
  i32: integerMeaning,
};

/** Reference meaning of `op` on operands of dtype `dtype`: i32 results wrap to 32 bits, f32 stays float64. */
export const scalarMeaning = (op: ScalarOp, dtype: DType): ScalarMeaning => MEANINGS[dtype](op);

/** What {@link scalarMeaning} gives for operands. */
export function evaluateScalar(op: ScalarOp, dtype: DType, a: number, b = 0, c = 0): number {
  return scalarMeaning(op, dtype)(a, b, c);
}
