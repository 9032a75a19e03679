import { CONVERSIONS, type ScalarOp } from '../../ir/scalar.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import { type DTypeName, isMask, resolveDType } from './dtype-names.ts';
import { elementwise } from './pointwise.ts';
import type { Tensor, TensorLike } from './tensor.ts';
import { full } from './views.ts';

const unary =
  (name: string, op: ScalarOp) =>
  (x: Tensor): Tensor =>
    elementwise(name, op, [x]);
const binary =
  (name: string, op: ScalarOp) =>
  (a: TensorLike, b: TensorLike): Tensor =>
    elementwise(name, op, [a, b]);

/** -x, elementwise. */
export const neg = unary('neg', 'neg');
/** |x|; its gradient at 0 is 0, elementwise. */
export const abs = unary('abs', 'abs');
/** -1, 0 or 1 by the sign, elementwise. */
export const sign = unary('sign', 'sign');
/** e to the power x, elementwise. */
export const exp = unary('exp', 'exp');
/** exp(x) - 1, with full relative precision near 0, elementwise. */
export const expm1 = unary('expm1', 'expm1');
/** The natural logarithm, elementwise. */
export const log = unary('log', 'log');
/** log(1 + x), with full relative precision near 0, elementwise. */
export const log1p = unary('log1p', 'log1p');
/** The square root of f32, elementwise. */
export const sqrt = unary('sqrt', 'sqrt');
/** The hyperbolic tangent of f32, elementwise. */
export const tanh = unary('tanh', 'tanh');
/** 1 / (1 + exp(-x)), elementwise. */
export const sigmoid = unary('sigmoid', 'sigmoid');
/** The error function, 2/√π · ∫ exp(-t²) dt from 0 to x, elementwise. */
export const erf = unary('erf', 'erf');
/** 1 - erf(x), with full relative precision where that is small, elementwise. */
export const erfc = unary('erfc', 'erfc');
/** The sine of f32, in radians, elementwise. */
export const sin = unary('sin', 'sin');
/** The cosine of f32, in radians, elementwise. */
export const cos = unary('cos', 'cos');
/** The largest integer that is not above x, as f32, elementwise. */
export const floor = unary('floor', 'floor');
/** 1 where neither infinite nor NaN, else 0, as i32, elementwise. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: its name in PyTorch and numpy
export const isFinite = (x: Tensor): Tensor => less(abs(x), Number.POSITIVE_INFINITY);
/** 1 where Infinity or -Infinity, else 0, as i32, elementwise. */
export const isInfinite = (x: Tensor): Tensor => equal(abs(x), Number.POSITIVE_INFINITY);
/** 1 where NaN, else 0, as i32, elementwise. */
export const isNan = unary('isNan', 'isNan');

/**
 * Sum, elementwise, with numpy's broadcasting; so are the other functions of two operands. Errors: BTC2001 for shapes that do
 * not broadcast, BTC2002 for dtypes.
 */
export const add = binary('add', 'add');
/** a - b, elementwise and broadcast. */
export const sub = binary('sub', 'sub');
/** a · b, elementwise and broadcast. */
export const mul = binary('mul', 'mul');
/** Quotient, elementwise and broadcast; of i32 tensors truncated towards zero. */
export const div = binary('div', 'div');
/** a to the power b, of f32 tensors, elementwise and broadcast. */
export const pow = binary('pow', 'pow');
/** Remainder with the sign of the dividend, elementwise and broadcast. */
export const mod = binary('mod', 'mod');
/** The larger operand, elementwise and broadcast. Equal operands share the gradient, numbers among them, as in PyTorch and JAX. */
export const maximum = (a: TensorLike, b: TensorLike): Tensor => extremum('maximum', 'max', a, b);
/** The smaller operand, elementwise and broadcast. Equal operands share the gradient. */
export const minimum = (a: TensorLike, b: TensorLike): Tensor => extremum('minimum', 'min', a, b);

/** Against a constant the gradient's rule gives a tie nothing, which is right for relu alone; held, the number is none. */
function extremum(name: string, op: 'max' | 'min', a: TensorLike, b: TensorLike): Tensor {
  const like = typeof a === 'number' ? b : a;
  const held = (x: TensorLike): TensorLike =>
    typeof x !== 'number' || typeof like === 'number' || isPoisoned(like)
      ? x
      : stopGradient(full([], x, like.dtype));
  return elementwise(name, op, [held(a), held(b)]);
}

/** 1 where equal, else 0, as i32, elementwise and broadcast; so are the other comparisons. */
export const equal = binary('equal', 'eq');
/** 1 where not equal, else 0, as i32, elementwise and broadcast. */
export const notEqual = binary('notEqual', 'ne');
/** 1 where a < b, else 0, as i32, elementwise and broadcast. */
export const less = binary('less', 'lt');
/** 1 where a <= b, else 0, as i32, elementwise and broadcast. */
export const lessEqual = binary('lessEqual', 'le');
/** 1 where a > b, else 0, as i32, elementwise and broadcast. */
export const greater = binary('greater', 'gt');
/** 1 where a >= b, else 0, as i32, elementwise and broadcast. */
export const greaterEqual = binary('greaterEqual', 'ge');

/** 1 where both i32 operands are not 0, else 0, elementwise and broadcast. */
export const logicalAnd = binary('logicalAnd', 'and');
/** 1 where either of two i32 operands is not 0, else 0, elementwise and broadcast. */
export const logicalOr = binary('logicalOr', 'or');
/** 1 where exactly one of two i32 operands is not 0, else 0, elementwise and broadcast. */
export const logicalXor = (a: TensorLike, b: TensorLike): Tensor =>
  elementwise('logicalXor', 'ne', [truth(a), truth(b)]);

const truth = (x: TensorLike): TensorLike =>
  typeof x === 'number' ? Number(x !== 0) : logicalNot(logicalNot(x));

/** 1 where an i32 tensor is 0, else 0, elementwise. */
export const logicalNot = unary('logicalNot', 'not');

/** `a` where `condition` (i32) is not 0, else `b`, elementwise; all three are broadcast. */
export function select(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return elementwise('select', 'select', [a, b], condition);
}
/** The name of {@link select} in numpy and PyTorch; shapes and errors as for {@link select}. */
export const where = select;

/**
 * Converts every element between f32 and i32 (truncating towards zero, saturating), or to a mask, `bool`: 0 where x is 0, else 1. BTC2015
 * for what is no dtype.
 */
export function cast(x: Tensor, name: DTypeName): Tensor {
  const dtype = resolveDType('cast', name);
  if (dtype === null) return poisoned(x.type);
  if (isMask(name)) return notEqual(x, 0);
  if (x.dtype === dtype) return x;
  return elementwise('cast', CONVERSIONS[dtype], [x]);
}

/** `x` where a mask (i32) is 0, else `value`, as PyTorch's `masked_fill`; all are broadcast. */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  return elementwise('maskedFill', 'select', [value, x], mask);
}

/** x², elementwise. */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}

/** 1 / x, elementwise; of i32 truncated towards zero. */
export function reciprocal(x: Tensor): Tensor {
  return div(1, x);
}

/** 1 / sqrt(x), elementwise. */
export function rsqrt(x: Tensor): Tensor {
  return div(1, sqrt(x));
}

/**
 * Limits every element to [low, high]; at the bounds themselves the gradient passes, as in PyTorch. BTC2015 for numbers that
 * are no interval.
 */
export function clip(x: Tensor, low: TensorLike, high: TensorLike): Tensor {
  if (typeof low === 'number' && typeof high === 'number' && !(low <= high)) {
    if (isPoisoned(x)) return x;
    return mistake(
      2015,
      { op: 'clip', name: 'low', value: low, wanted: `at most ${high}` },
      x.type,
    );
  }
  const raised = select(less(x, low), low, x);
  return select(greater(raised, high), high, raised);
}

/** The identity, of the same shape, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return apply('stopGradient', [x], {});
}
