import { report } from '../reporting/report.ts';
import { checkWeights } from './binary-cross-entropy.ts';
import { isPoisoned, poisoned } from './context.ts';
import {
  abs,
  add,
  div,
  equal,
  exp,
  less,
  lessEqual,
  log,
  mul,
  select,
  square,
  stopGradient,
  sub,
} from './elementwise.ts';
import { checkReduction, type LossReduction, reduced } from './loss-reduction.ts';
import type { Tensor, TensorLike } from './tensor.ts';

// Losses of elements: what they are for one prediction and one target. Shapes broadcast.

/** How the losses of elements become one. */
export interface LossOptions {
  /** Default `mean`. */
  readonly reduction?: LossReduction;
}

/** Mean (or sum) of (prediction - target)², as PyTorch's `mse_loss`; the shapes broadcast. BTC2015 for another reduction. */
export function meanSquaredError(
  prediction: Tensor,
  target: TensorLike,
  options: LossOptions = {},
): Tensor {
  return ofDifference('meanSquaredError', prediction, target, options, square);
}

/** Mean (or sum) of |prediction - target|, as PyTorch's `l1_loss`; the shapes broadcast. BTC2015 for another reduction. */
export function l1Loss(prediction: Tensor, target: TensorLike, options: LossOptions = {}): Tensor {
  return ofDifference('l1Loss', prediction, target, options, abs);
}

/** Where {@link smoothL1Loss} turns from a parabola to a line. */
export interface SmoothL1Options extends LossOptions {
  /** Default 1; 0 is the L1 loss. */
  readonly beta?: number;
}

/**
 * d² / (2β) where |d| < β, else |d| - β/2, for d = prediction - target (Girshick 2015), as PyTorch's `smooth_l1_loss`; the shapes broadcast. BTC2015 for a
 * negative β or another reduction.
 */
export function smoothL1Loss(
  prediction: Tensor,
  target: TensorLike,
  { beta = 1, ...options }: SmoothL1Options = {},
): Tensor {
  const op = 'smoothL1Loss';
  if (!(Number.isFinite(beta) && beta >= 0))
    return misused(op, 'beta', beta, 'a number, not negative', prediction);
  if (beta === 0) return ofDifference(op, prediction, target, options, abs);
  return ofDifference(op, prediction, target, options, (d) => {
    const size = abs(d);
    return select(less(size, beta), mul(square(d), 0.5 / beta), sub(size, 0.5 * beta));
  });
}

/** Where {@link huberLoss} turns from a parabola to a line. */
export interface HuberOptions extends LossOptions {
  /** Default 1. */
  readonly delta?: number;
}

/**
 * d² / 2 where |d| ≤ δ, else δ·(|d| - δ/2), for d = prediction - target (Huber 1964), as PyTorch's `huber_loss`; the shapes broadcast. BTC2015 for a δ that is
 * not positive or another reduction.
 */
export function huberLoss(
  prediction: Tensor,
  target: TensorLike,
  { delta = 1, ...options }: HuberOptions = {},
): Tensor {
  const op = 'huberLoss';
  if (!(Number.isFinite(delta) && delta > 0))
    return misused(op, 'delta', delta, 'a positive number', prediction);
  return ofDifference(op, prediction, target, options, (d) => {
    const size = abs(d);
    return select(lessEqual(size, delta), mul(square(d), 0.5), mul(sub(size, 0.5 * delta), delta));
  });
}

/** What targets of {@link klDivergence} are, and how it is reduced. */
export interface KlDivergenceOptions {
  /** Whether targets are logarithms of probabilities; default false. */
  readonly logTarget?: boolean;
  /** `batchMean` is the sum divided by the extent of the first axis: the divergence of the definition. Default `mean`, over elements. */
  readonly reduction?: LossReduction | 'batchMean';
}

/**
 * Σ t·(log t - x) for log-probabilities x and targets t of one shape, f32, as PyTorch's `kl_div`: the Kullback-Leibler divergence of x from
 * t. A target of 0 costs 0. BTC2001 for shapes that do not broadcast, BTC2015 for another reduction.
 */
export function klDivergence(
  logProbabilities: Tensor,
  target: Tensor,
  { logTarget = false, reduction = 'mean' }: KlDivergenceOptions = {},
): Tensor {
  const op = 'klDivergence';
  const simple = reduction === 'batchMean' ? 'sum' : reduction;
  if (!checkReduction(op, simple, ['batchMean'])) return poisoned({ dtype: 'f32', shape: [] });
  const cost = logTarget
    ? mul(exp(target), sub(target, logProbabilities))
    : weighed(target, logProbabilities);
  if (isPoisoned(cost)) return cost;
  const total = reduced(cost, simple);
  return reduction === 'batchMean' ? mul(total, 1 / (cost.shape[0] ?? 1)) : total;
}

/** t·(log t - x), and 0 for t = 0. */
function weighed(t: Tensor, x: Tensor): Tensor {
  const isNothing = equal(t, 0);
  return select(isNothing, 0, mul(t, sub(log(select(isNothing, 1, t)), x)));
}

/** Weights and reduction of {@link binaryCrossEntropy}. */
export interface ProbabilityLossOptions extends LossOptions {
  /** Weights of the elements, broadcast to them. */
  readonly weights?: TensorLike;
}

const LEAST_LOGARITHM = -100;
const LEAST_SPREAD = 1e-12;

/**
 * -w·(y·log p + (1 - y)·log(1 - p)) for probabilities p and targets y in [0, 1], as PyTorch's `binary_cross_entropy`: logarithms are
 * at least -100, and what the gradient is divided by at least 1e-12. Where p is a sigmoid, `binaryCrossEntropyWithLogits` of what goes into it keeps its digits, and its gradient.
 * BTC2015 for another reduction.
 */
export function binaryCrossEntropy(
  probabilities: Tensor,
  targets: Tensor,
  { weights, reduction = 'mean' }: ProbabilityLossOptions = {},
): Tensor {
  const op = 'binaryCrossEntropy';
  if (!checkReduction(op, reduction) || !checkWeights(op, 'weights', weights, probabilities))
    return poisoned({ dtype: 'f32', shape: [] });
  const bounded = (p: Tensor) => {
    const known = log(p);
    return select(less(known, LEAST_LOGARITHM), LEAST_LOGARITHM, known);
  };
  const held = stopGradient(probabilities);
  const value = add(mul(targets, bounded(held)), mul(sub(1, targets), bounded(sub(1, held))));
  // A wrong prediction that is sure of itself has a gradient all the same: (p - y) / max(p·(1 - p), 1e-12).
  const spread = mul(held, sub(1, held));
  const slope = div(
    sub(held, stopGradient(targets)),
    select(less(spread, LEAST_SPREAD), LEAST_SPREAD, spread),
  );
  const loss = sub(mul(slope, sub(probabilities, held)), value);
  const weighted = weights === undefined ? loss : mul(loss, weights);
  return isPoisoned(weighted) ? weighted : reduced(weighted, reduction);
}

/** The loss of prediction - target, element by element. */
function ofDifference(
  op: string,
  prediction: Tensor,
  target: TensorLike,
  { reduction = 'mean' }: LossOptions,
  loss: (difference: Tensor) => Tensor,
): Tensor {
  if (!checkReduction(op, reduction)) return poisoned({ dtype: 'f32', shape: [] });
  const difference = sub(prediction, target);
  return isPoisoned(difference)
    ? poisoned({ dtype: 'f32', shape: reduction === 'none' ? difference.shape : [] })
    : reduced(loss(difference), reduction);
}

function misused(op: string, name: string, value: unknown, wanted: string, like: Tensor): Tensor {
  if (!isPoisoned(like)) report(2015, { op, name, value: String(value), wanted });
  return poisoned({ dtype: 'f32', shape: [] });
}
