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
      : stopGradient(constant(x, [], like.dtype));
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
/** 1 where an i32 tensor is 0, else 0, elementwise. */
export const logicalNot = unary('logicalNot', 'not');

/** `a` where `condition` (i32) is not 0, else `b`, elementwise; all three are broadcast. */
export function select(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  return elementwise('select', 'select', [a, b], condition);
}
/** The name of {@link select} in numpy and PyTorch; shapes and errors as for {@link select}. */
export const where = select;

/** Converts every element between f32 and i32 (truncating towards zero, saturating). */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  return elementwise('cast', CONVERSIONS[dtype], [x]);
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

/** max(x, 0), elementwise, with gradient 0 at 0. */
export function relu(x: Tensor): Tensor {
  return elementwise('relu', 'max', [x, 0]);
}

/** x where x > 0, else slope · x, elementwise (Maas, Hannun, Ng 2013). The gradient at 0 is the slope. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return select(greater(x, 0), x, mul(x, slope));
}

/** log(1 + exp(x)), elementwise, in a form that neither overflows nor loses its tail; its gradient is sigmoid(x). */
export const softplus = unary('softplus', 'softplus');

/** log(sigmoid(x)) = -softplus(-x), elementwise. */
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

/** x · sigmoid(x), also called swish, elementwise (Elfwing, Uchibe, Doya 2018). */
export function silu(x: Tensor): Tensor {
  return gated(x, 120, sigmoid);
}

/** Which form of {@link gelu} is computed. */
export interface GeluOptions {
  /** `'none'` is x·Φ(x) by the error function, `'tanh'` (the default, as in JAX) the form of the paper; PyTorch's default is `'none'`. */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * Gaussian error linear unit, elementwise (Hendrycks, Gimpel 2016): x·Φ(x), or x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
 * BTC2015 for another form.
 */
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

/** The identity, of the same shape, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return apply('stopGradient', [x], {});
}
