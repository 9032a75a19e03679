import { CONVERSIONS, type ScalarOp, scalarResult } from '../../ir/scalar.ts';
import type { DType, Shape, TensorType } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { broadcastShapes } from './broadcast.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import type { Tensor, TensorLike } from './tensor.ts';
import { broadcastTo, constant } from './views.ts';

/** The dtype that plain numbers among the operands take. */
function commonDType(operands: readonly TensorLike[]): DType {
  for (const operand of operands) if (typeof operand !== 'number') return operand.dtype;
  return 'f32';
}

/** Applies a scalar operation to operands that are broadcast against each other; `values` take one common dtype. */
function elementwise(
  name: string,
  op: ScalarOp,
  values: readonly TensorLike[],
  condition?: Tensor,
): Tensor {
  const dtype = commonDType(values);
  const all = condition ? [condition, ...values] : values;
  const tensors = all.filter((operand): operand is Tensor => typeof operand !== 'number');
  let shape: Shape = [];
  for (const tensor of tensors) {
    const joined = broadcastShapes(shape, tensor.shape);
    if (!joined) {
      const type: TensorType = { dtype, shape };
      if (tensors.some(isPoisoned)) return poisoned(type);
      return mistake(
        2001,
        { op: name, left: formatShape(shape), right: formatShape(tensor.shape) },
        type,
      );
    }
    shape = joined;
  }
  const result = scalarResult(
    op,
    all.map((operand) => (typeof operand === 'number' ? dtype : operand.dtype)),
  );
  if ('reason' in result) {
    if (tensors.some(isPoisoned)) return poisoned({ dtype, shape });
    return mistake(
      2002,
      {
        op: name,
        reason: result.reason.replace(`'${op}' is `, '').replace(`'${op}'`, `'${name}'`),
      },
      { dtype, shape },
    );
  }
  return apply(
    op,
    all.map((operand) =>
      typeof operand === 'number' ? constant(operand, shape, dtype) : broadcastTo(operand, shape),
    ),
    {},
  );
}

const unary =
  (name: string, op: ScalarOp) =>
  (x: Tensor): Tensor =>
    elementwise(name, op, [x]);
const binary =
  (name: string, op: ScalarOp) =>
  (a: TensorLike, b: TensorLike): Tensor =>
    elementwise(name, op, [a, b]);

export const neg = unary('neg', 'neg');
export const abs = unary('abs', 'abs');
/** -1, 0 or 1. */
export const sign = unary('sign', 'sign');
export const exp = unary('exp', 'exp');
/** exp(x) - 1, with full relative precision near 0. */
export const expm1 = unary('expm1', 'expm1');
/** Natural logarithm. */
export const log = unary('log', 'log');
/** log(1 + x), with full relative precision near 0. */
export const log1p = unary('log1p', 'log1p');
export const sqrt = unary('sqrt', 'sqrt');
export const tanh = unary('tanh', 'tanh');
/** 1 / (1 + exp(-x)). */
export const sigmoid = unary('sigmoid', 'sigmoid');
/** The error function, 2/√π · ∫ exp(-t²) dt from 0 to x. */
export const erf = unary('erf', 'erf');
/** 1 - erf(x), with full relative precision where that is small. */
export const erfc = unary('erfc', 'erfc');
export const sin = unary('sin', 'sin');
export const cos = unary('cos', 'cos');
export const floor = unary('floor', 'floor');
/** 1 where NaN, else 0, as i32. */
export const isNan = unary('isNan', 'isNan');

/** Sum, with numpy's broadcasting; so are the other functions of two operands. */
export const add = binary('add', 'add');
export const sub = binary('sub', 'sub');
export const mul = binary('mul', 'mul');
/** Quotient; of i32 tensors truncated towards zero. */
export const div = binary('div', 'div');
export const pow = binary('pow', 'pow');
/** Remainder with the sign of the dividend. */
export const mod = binary('mod', 'mod');
/** The larger operand. Equal operands share the gradient, numbers among them, as in PyTorch and JAX. */
export const maximum = (a: TensorLike, b: TensorLike): Tensor => extremum('maximum', 'max', a, b);
/** The smaller operand. Equal operands share the gradient. */
export const minimum = (a: TensorLike, b: TensorLike): Tensor => extremum('minimum', 'min', a, b);

/** Against a constant the gradient's rule gives a tie nothing, which is right for relu alone; held, the number is none. */
function extremum(name: string, op: 'max' | 'min', a: TensorLike, b: TensorLike): Tensor {
  const like = typeof a === 'number' ? b : a;
  const held = (x: TensorLike): TensorLike =>
    typeof x !== 'number' || typeof like === 'number' || isPoisoned(like)
      ? x
      : stopGradient(constant(x, [], like.dtype));
  return elementwise(name, op, [held(a), held(b)]);
}

/** 1 where equal, else 0, as i32; so are the other comparisons. */
export const equal = binary('equal', 'eq');
export const notEqual = binary('notEqual', 'ne');
export const less = binary('less', 'lt');
export const lessEqual = binary('lessEqual', 'le');
export const greater = binary('greater', 'gt');
export const greaterEqual = binary('greaterEqual', 'ge');

/** Logical operations on i32 tensors: anything but 0 is true. */
export const logicalAnd = binary('logicalAnd', 'and');
export const logicalOr = binary('logicalOr', 'or');
export const logicalNot = unary('logicalNot', 'not');

/** `a` where `condition` (i32) is not 0, else `b`. */
export function select(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return elementwise('select', 'select', [a, b], condition);
}
/** The name of {@link select} in numpy and PyTorch. */
export const where = select;

/** Converts between f32 and i32 (truncating towards zero, saturating). */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  return elementwise('cast', CONVERSIONS[dtype], [x]);
}

export function square(x: Tensor): Tensor {
  return mul(x, x);
}

export function reciprocal(x: Tensor): Tensor {
  return div(1, x);
}

/** 1 / sqrt(x). */
export function rsqrt(x: Tensor): Tensor {
  return div(1, sqrt(x));
}

/** Limits every element to [low, high]; at the bounds themselves the gradient passes, as in PyTorch. BTC2015 for numbers that are no interval. */
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

/** max(x, 0), with gradient 0 at 0. */
export function relu(x: Tensor): Tensor {
  return elementwise('relu', 'max', [x, 0]);
}

export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return select(greater(x, 0), x, mul(x, slope));
}

/** log(1 + exp(x)), in a form that neither overflows nor loses its tail; its gradient is sigmoid(x). */
export const softplus = unary('softplus', 'softplus');

/** log(sigmoid(x)) = -softplus(-x). */
export function logSigmoid(x: Tensor): Tensor {
  return neg(softplus(neg(x)));
}

/**
 * x·gate(x) for a gate that is 0 at -bound and 1 at bound, to all digits: outside of them the product has the value and
 * gradient of its limit, where gate and operand together would overflow or give 0·∞.
 */
function gated(x: Tensor, bound: number, gate: (x: Tensor) => Tensor): Tensor {
  const above = elementwise('max', 'max', [x, -bound]);
  return mul(above, gate(elementwise('min', 'min', [above, bound])));
}

/** x · sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return gated(x, 120, sigmoid);
}

export interface GeluOptions {
  /** `'none'` is x·Φ(x) by the error function, `'tanh'` (the default, as in JAX) the form of the paper; PyTorch's default is `'none'`. */
  readonly approximate?: 'none' | 'tanh';
}

/** Gaussian error linear unit (Hendrycks, Gimpel 2016): x·Φ(x), or x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). BTC2015 for another form. */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  const { approximate = 'tanh' } = options;
  if (approximate !== 'none' && approximate !== 'tanh') {
    if (isPoisoned(x)) return x;
    const wanted = "'none' or 'tanh'";
    return mistake(
      2015,
      { op: 'gelu', name: 'approximate', value: String(approximate), wanted },
      x.type,
    );
  }
  // (1 + tanh(z)) / 2 is sigmoid(2z), which keeps its digits where it is small; so does erfc.
  return approximate === 'none'
    ? gated(x, 20, (z) => mul(erfc(mul(z, -Math.SQRT1_2)), 0.5))
    : gated(x, 20, (z) =>
        sigmoid(mul(add(z, mul(mul(square(z), z), 0.044715)), 2 * Math.sqrt(2 / Math.PI))),
      );
}

/** The identity, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return apply('stopGradient', [x], {});
}
