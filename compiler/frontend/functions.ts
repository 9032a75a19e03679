import { elementCount } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import {
  append,
  checkShape,
  currentTrace,
  isPoisoned,
  mistake,
  poisoned,
  stepTensor,
} from './context.ts';
import {
  abs,
  add,
  div,
  equal,
  exp,
  less,
  log,
  mul,
  rsqrt,
  select,
  square,
  stopGradient,
  sub,
} from './elementwise.ts';
import { max, mean, type ReductionOptions, sum } from './reductions.ts';
import type { Tensor } from './tensor.ts';
import { reshape, resolveAxis } from './views.ts';

/**
 * exp(x) / Σ exp(x) along `axis`, shifted by the maximum so that nothing overflows. A row that is -Infinity throughout has no
 * softmax: it is NaN, as in PyTorch and JAX.
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  if (isPoisoned(x)) return x;
  const k = resolveAxis('softmax', axis, x.rank);
  if (k === null) return poisoned(x.type);
  const powers = exp(sub(x, stopGradient(max(x, k, { keepDims: true }))));
  return div(powers, sum(powers, k, { keepDims: true }));
}

/** log(softmax(x)) along `axis`, without forming the quotient. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  if (isPoisoned(x)) return x;
  const k = resolveAxis('logSoftmax', axis, x.rank);
  if (k === null) return poisoned(x.type);
  const shifted = sub(x, stopGradient(max(x, k, { keepDims: true })));
  return sub(shifted, log(sum(exp(shifted), k, { keepDims: true })));
}

/**
 * log(Σ exp(x)) over `axes` (all when omitted), shifted by the maximum so that nothing overflows. Where all x are -Infinity it is
 * that, with a gradient of 0.
 */
export function logSumExp(
  x: Tensor,
  axes?: number | readonly number[],
  options: ReductionOptions = {},
): Tensor {
  const greatest = stopGradient(max(x, axes, { keepDims: true }));
  if (isPoisoned(greatest)) return greatest;
  // An infinite maximum is no shift: it would make NaN of its own element.
  const shift = select(less(abs(greatest), Number.POSITIVE_INFINITY), greatest, 0);
  const total = sum(exp(sub(x, shift)), axes, { keepDims: true });
  const vanishes = equal(total, 0);
  const result = add(log(select(vanishes, 1, total)), shift);
  const whole = select(vanishes, Number.NEGATIVE_INFINITY, result);
  return options.keepDims ? whole : reshape(whole, max(x, axes).shape);
}

/** (x - mean) / sqrt(variance + epsilon) along the last axis (Ba, Kiros, Hinton 2016), without scale and shift. */
export function normalise(x: Tensor, epsilon = 1e-5): Tensor {
  const centre = mean(x, -1, { keepDims: true });
  // The variance does not change with the centre to first order, so its gradient need not go that way: what is left are two sums of
  // a row that know nothing of each other.
  const variance = mean(square(sub(x, stopGradient(centre))), -1, { keepDims: true });
  return mul(sub(x, centre), rsqrt(add(variance, epsilon)));
}

/**
 * Numbers uniform in [0, 1) from the counter-based generator. They differ from step to step and from call to call, and
 * are the same whenever the same step is rerun. BTC2015 for more than 2^31 of them, which the counter has not.
 */
export function randomUniform(shape: readonly number[]): Tensor {
  const trace = currentTrace('randomUniform');
  if (!checkShape('randomUniform', shape)) return poisoned({ dtype: 'f32', shape: [] });
  if (elementCount(shape) > 2 ** 31) {
    const wanted = 'a shape of at most 2^31 elements';
    const args = { op: 'randomUniform', name: 'shape', value: formatShape(shape), wanted };
    return mistake(2015, args, { dtype: 'f32', shape: [] });
  }
  const step = stepTensor();
  const attributes = { shape, seed: trace.seed, stream: trace.randomCount++ };
  return append(trace, 'random', [step.value], attributes, { dtype: 'f32', shape });
}

/**
 * Sets each element to 0 with probability `rate` and scales the others by 1 / (1 - rate); the identity unless training
 * (Srivastava et al. 2014). BTC2015 for a rate that is not in [0, 1].
 */
export function dropout(x: Tensor, rate = 0.5): Tensor {
  if (!(rate >= 0 && rate <= 1))
    return mistake(2015, { op: 'dropout', name: 'rate', value: rate, wanted: 'in [0, 1]' }, x.type);
  if (!currentTrace('dropout').training || rate === 0 || isPoisoned(x)) return x;
  if (rate === 1) return mul(x, 0);
  return mul(x, select(less(randomUniform(x.shape), rate), 0, 1 / (1 - rate)));
}
