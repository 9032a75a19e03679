import type { Shape } from '../../ir/tensor.ts';
import { isPoisoned, mistake, poisoned } from './context.ts';
import {
  add,
  cast,
  cos,
  floor,
  less,
  log,
  mul,
  neg,
  sqrt,
  stopGradient,
  sub,
} from './elementwise.ts';
import { randomUniform } from './functions.ts';
import { argmax } from './reductions.ts';
import type { Tensor } from './tensor.ts';

// Everything is made of the counter-based generator, so the same step gives the same numbers on every target.

/** Normal numbers of mean 0 and deviation 1, f32 (Box, Muller 1958). They differ from step to step and from call to call. */
export function randomNormal(shape: Shape): Tensor {
  const u = randomUniform(shape);
  if (isPoisoned(u)) return u;
  // 1 - u is never 0.
  const radius = sqrt(mul(log(sub(1, u)), -2));
  return mul(radius, cos(mul(randomUniform(shape), 2 * Math.PI)));
}

/** Integers from `low` up to but not including `high`, all as likely, i32. BTC2015 for bounds that hold none, or more than 2^24. */
export function randomInteger(shape: Shape, low: number, high: number): Tensor {
  const type = { dtype: 'i32', shape: [] } as const;
  const sound =
    [low, high].every((bound) => (bound | 0) === bound) && low < high && high - low <= 2 ** 24;
  if (!sound) {
    const wanted = `integers of 32 bits, ${low < high ? 'at most 2^24 apart' : 'the second above the first'}`;
    return mistake(
      2015,
      { op: 'randomInteger', name: 'low, high', value: `${low}, ${high}`, wanted },
      type,
    );
  }
  const u = randomUniform(shape);
  return isPoisoned(u) ? poisoned(type) : add(cast(floor(mul(u, high - low)), 'i32'), low);
}

/** 1 with the given probability, else 0, elementwise, i32. */
export function bernoulli(probability: Tensor): Tensor {
  if (isPoisoned(probability)) return poisoned({ dtype: 'i32', shape: probability.shape });
  return less(randomUniform(probability.shape), stopGradient(probability));
}

/**
 * An index along an axis, the last by default, drawn with probabilities softmax(logits): [.., classes] to [..], i32, by the largest of the
 * logits with Gumbel noise (Gumbel 1954). A class of logit -Infinity is never drawn.
 */
export function categorical(logits: Tensor, axis = -1): Tensor {
  if (isPoisoned(logits)) return poisoned({ dtype: 'i32', shape: logits.shape.slice(0, -1) });
  const noise = neg(log(neg(log(randomUniform(logits.shape)))));
  return argmax(add(stopGradient(logits), noise), axis);
}
