import { type ScalarOp, scalarResult } from '../../ir/scalar.ts';
import type { DType, Shape, TensorType } from '../../ir/tensor.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import { broadcastShapes, formatShape } from './shapes.ts';
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
/** Natural logarithm. */
export const log = unary('log', 'log');
export const sqrt = unary('sqrt', 'sqrt');
export const tanh = unary('tanh', 'tanh');
/** 1 / (1 + exp(-x)). */
export const sigmoid = unary('sigmoid', 'sigmoid');
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
/** The larger operand. Equal operands share the gradient; against a constant a tie gets none. */
export const maximum = binary('maximum', 'max');
export const minimum = binary('minimum', 'min');

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
  return elementwise('cast', dtype === 'f32' ? 'toF32' : 'toI32', [x]);
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

/** Limits every element to [low, high]. BTC2015 for numbers that are no interval. */
export function clip(x: Tensor, low: TensorLike, high: TensorLike): Tensor {
  if (typeof low === 'number' && typeof high === 'number' && !(low <= high)) {
    if (isPoisoned(x)) return x;
    return mistake(
      2015,
      { op: 'clip', name: 'low', value: low, wanted: `at most ${high}` },
      x.type,
    );
  }
  return minimum(maximum(x, low), high);
}

/** max(x, 0), with gradient 0 at 0. */
export function relu(x: Tensor): Tensor {
  return maximum(x, 0);
}

export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return select(greater(x, 0), x, mul(x, slope));
}

/** x · sigmoid(x), also called swish. */
export function silu(x: Tensor): Tensor {
  return mul(x, sigmoid(x));
}

/** log(1 + exp(x)), without overflow. */
export function softplus(x: Tensor): Tensor {
  return add(relu(x), log(add(1, exp(neg(abs(x))))));
}

/** Gaussian error linear unit in its tanh form (Hendrycks, Gimpel 2016). */
export function gelu(x: Tensor): Tensor {
  const inner = mul(add(x, mul(mul(square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(1, tanh(inner)));
}

/** The identity, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return apply('stopGradient', [x], {});
}
