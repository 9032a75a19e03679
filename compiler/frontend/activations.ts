import { report } from '../reporting/report.ts';
import { isPoisoned, mistake, poisoned } from './context.ts';
import {
  abs,
  add,
  div,
  erfc,
  expm1,
  greater,
  greaterEqual,
  lessEqual,
  mul,
  neg,
  select,
  sigmoid,
  square,
  tanh,
} from './elementwise.ts';
import { elementwise } from './pointwise.ts';
import type { Tensor } from './tensor.ts';
import { split } from './views.ts';

// Activations: values and gradients are PyTorch's, at kinks too.

/** The sharpness of {@link softplus}. */
export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number;
}

/**
 * log(1 + exp(β·x)) / β, elementwise, in a form that neither overflows nor loses its tail; its gradient is sigmoid(β·x). BTC2015
 * for a β that is not a positive number.
 */
export function softplus(x: Tensor, { beta = 1 }: SoftplusOptions = {}): Tensor {
  if (!isPositive('softplus', 'beta', beta, x)) return x;
  const one = (y: Tensor) => elementwise('softplus', 'softplus', [y]);
  return beta === 1 ? one(x) : mul(one(mul(x, beta)), 1 / beta);
}

/** max(x, 0), elementwise, with gradient 0 at 0. */
export function relu(x: Tensor): Tensor {
  return elementwise('relu', 'max', [x, 0]);
}

/** x where x > 0, else slope · x, elementwise (Maas, Hannun, Ng 2013). The gradient at 0 is the slope. BTC2015 for a slope that is not finite. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  if (!Number.isFinite(slope)) {
    const args = {
      op: 'leakyRelu',
      name: 'slope',
      value: String(slope),
      wanted: 'a finite number',
    };
    return mistake(2015, args, x.type);
  }
  return select(greater(x, 0), x, mul(x, slope));
}

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
    const choice = { given: String(approximate), among: ['none', 'tanh'] };
    report(2015, { op: 'gelu', name: 'approximate', value: choice.given, wanted }, choice);
    return poisoned(x.type);
  }
  // (1 + tanh(z)) / 2 is sigmoid(2z), which keeps its digits where it is small; so does erfc.
  return approximate === 'none'
    ? gated(x, 20, (z) => mul(erfc(mul(z, -Math.SQRT1_2)), 0.5))
    : gated(x, 20, (z) =>
        sigmoid(mul(add(z, mul(mul(square(z), z), 0.044715)), 2 * Math.sqrt(2 / Math.PI))),
      );
}

/** The scale of the negative side of {@link elu} and {@link celu}. */
export interface EluOptions {
  /** Default 1. */
  readonly alpha?: number;
}

/** x where x > 0, else α·(exp(x) - 1), elementwise (Clevert, Unterthiner, Hochreiter 2016). BTC2015 for an α that is not finite. */
export function elu(x: Tensor, { alpha = 1 }: EluOptions = {}): Tensor {
  if (!areFloats('elu', x)) return poisoned(x.type);
  if (!Number.isFinite(alpha))
    return mistake(
      2015,
      { op: 'elu', name: 'alpha', value: String(alpha), wanted: 'a finite number' },
      x.type,
    );
  return negativeSide(x, (below) => mul(expm1(below), alpha));
}

/** max(0, x) + min(0, α·(exp(x / α) - 1)), elementwise (Barron 2017). BTC2015 for an α that is not a positive number. */
export function celu(x: Tensor, { alpha = 1 }: EluOptions = {}): Tensor {
  if (!isPositive('celu', 'alpha', alpha, x)) return x;
  return negativeSide(x, (below) => mul(expm1(mul(below, 1 / alpha)), alpha));
}

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/** {@link elu} of α 1.6733, scaled by 1.0507, elementwise: means and variances of layers stay 0 and 1 (Klambauer et al. 2017). */
export function selu(x: Tensor): Tensor {
  if (!areFloats('selu', x)) return poisoned(x.type);
  return mul(elu(x, { alpha: SELU_ALPHA }), SELU_SCALE);
}

/** x where x > 0, else a function of min(x, 0): what it makes of large numbers would spoil the gradient of the others. */
function negativeSide(x: Tensor, f: (below: Tensor) => Tensor): Tensor {
  const isAbove = greater(x, 0);
  return select(isAbove, x, f(select(isAbove, 0, x)));
}

/** x·tanh(softplus(x)), elementwise (Misra 2019). */
export function mish(x: Tensor): Tensor {
  if (!areFloats('mish', x)) return poisoned(x.type);
  return gated(x, 120, (z) => tanh(softplus(z)));
}

/** x·clip(x + 3, 0, 6) / 6, elementwise (Howard et al. 2019). */
export function hardSwish(x: Tensor): Tensor {
  if (!areFloats('hardSwish', x)) return poisoned(x.type);
  const sides = select(greaterEqual(x, -3), add(x, 3), 0);
  return mul(x, mul(select(greater(sides, 6), 6, sides), 1 / 6));
}

/** clip(x + 3, 0, 6) / 6, elementwise, with gradient 0 at the bounds. */
export function hardSigmoid(x: Tensor): Tensor {
  if (!areFloats('hardSigmoid', x)) return poisoned(x.type);
  return mul(between(add(x, 3), 0, 6), 1 / 6);
}

/** clip(x, -1, 1), elementwise, with gradient 0 at the bounds. */
export function hardTanh(x: Tensor): Tensor {
  if (!areFloats('hardTanh', x)) return poisoned(x.type);
  return between(x, -1, 1);
}

/** min(max(x, 0), 6), elementwise, with gradient 0 at the bounds (Sandler et al. 2018). */
export function relu6(x: Tensor): Tensor {
  if (!areFloats('relu6', x)) return poisoned(x.type);
  return between(x, 0, 6);
}

/** Limits that no gradient passes, the bounds included. */
function between(x: Tensor, low: number, high: number): Tensor {
  return select(lessEqual(x, low), low, select(greaterEqual(x, high), high, x));
}

/** x / (1 + |x|), elementwise. */
export function softsign(x: Tensor): Tensor {
  if (!areFloats('softsign', x)) return poisoned(x.type);
  return div(x, add(abs(x), 1));
}

/** x where x > 0, else slope·x, with a slope that is trained (He et al. 2015): one number, or one per channel, the last axis. */
export function prelu(x: Tensor, slope: Tensor): Tensor {
  return select(greater(x, 0), x, mul(x, slope));
}

/** a·sigmoid(b) of the halves a and b of an axis, the last by default (Dauphin et al. 2017). BTC2015 for an odd extent. */
export function glu(x: Tensor, axis = -1): Tensor {
  const [a, b] = split(x, 2, axis);
  return mul(a, sigmoid(b));
}

/** Reports what is not f32 (BTC2003), once. */
function areFloats(op: string, x: Tensor): boolean {
  if (isPoisoned(x)) return false;
  if (x.dtype === 'f32') return true;
  mistake(2003, { op, wanted: 'an f32 tensor', given: x.dtype }, x.type);
  return false;
}

function isPositive(op: string, name: string, value: number, x: Tensor): boolean {
  if (Number.isFinite(value) && value > 0) return true;
  if (!isPoisoned(x))
    mistake(2015, { op, name, value: String(value), wanted: 'a positive number' }, x.type);
  return false;
}
