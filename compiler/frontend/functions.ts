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
  add,
  div,
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
import { max, mean, sum } from './reductions.ts';
import type { Tensor } from './tensor.ts';
import { resolveAxis, zeros } from './views.ts';

/** exp(x) / Σ exp(x) along `axis`, shifted by the maximum so that nothing overflows. */
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

/** Mean of the squared difference. */
export function meanSquaredError(prediction: Tensor, target: Tensor): Tensor {
  return mean(square(sub(prediction, target)));
}

/** (x - mean) / sqrt(variance + epsilon) along the last axis (Ba, Kiros, Hinton 2016), without scale and shift. */
export function normalise(x: Tensor, epsilon = 1e-5): Tensor {
  const centred = sub(x, mean(x, -1, { keepDims: true }));
  return mul(centred, rsqrt(add(mean(square(centred), -1, { keepDims: true }), epsilon)));
}

/**
 * Numbers uniform in [0, 1) from the counter-based generator. They differ from step to step and from call to call, and
 * are the same whenever the same step is run again.
 */
export function randomUniform(shape: readonly number[]): Tensor {
  const trace = currentTrace('randomUniform');
  if (!checkShape('randomUniform', shape)) return poisoned({ dtype: 'f32', shape: [] });
  const step = stepTensor();
  const attributes = { shape, seed: trace.seed, stream: trace.randomCount++ };
  return append(trace, 'random', [step.value], attributes, { dtype: 'f32', shape });
}

/**
 * Sets each element to 0 with probability `rate` and scales the others by 1 / (1 - rate); the identity unless training
 * (Srivastava et al. 2014).
 */
export function dropout(x: Tensor, rate = 0.5): Tensor {
  if (!(rate >= 0 && rate <= 1))
    return mistake(2015, { op: 'dropout', name: 'rate', value: rate, wanted: 'in [0, 1]' }, x.type);
  if (!currentTrace('dropout').training || rate === 0 || isPoisoned(x)) return x;
  if (rate === 1) return zeros(x.shape);
  return mul(x, select(less(randomUniform(x.shape), rate), 0, 1 / (1 - rate)));
}
