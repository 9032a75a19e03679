import { report } from '../reporting/report.ts';
import { isPoisoned, poisoned } from './context.ts';
import {
  abs,
  add,
  div,
  equal,
  less,
  minimum,
  mul,
  pow,
  select,
  sqrt,
  square,
  sub,
} from './elementwise.ts';
import { checkReduction, reduced } from './loss-reduction.ts';
import {
  max,
  min,
  type ReductionOptions,
  sum,
  type VarianceOptions,
  variance,
} from './reductions.ts';
import type { LossOptions } from './regression-losses.ts';
import type { Tensor, TensorLike } from './tensor.ts';
import { broadcastTo } from './views.ts';

// Norms and what is measured by them. Where a norm is 0 its gradient is 0, as in PyTorch.

/** The square root, with gradient 0 at 0. */
function root(x: Tensor): Tensor {
  const isNothing = equal(x, 0);
  return select(isNothing, 0, sqrt(select(isNothing, 1, x)));
}

/** Order and result of {@link norm}. */
export interface NormOptions extends ReductionOptions {
  /** Default 2; Infinity is the largest |x|, -Infinity the smallest, 0 the number of elements other than 0. */
  readonly p?: number;
}

/**
 * (Σ |x|^p)^(1/p) over `axes`, all when omitted, as PyTorch's `linalg.vector_norm`; its gradient is 0 where it is 0. BTC2015 for a p
 * that is no number.
 */
export function norm(
  x: Tensor,
  axes?: number | readonly number[],
  { p = 2, ...options }: NormOptions = {},
): Tensor {
  if (typeof p !== 'number' || Number.isNaN(p)) {
    if (!isPoisoned(x))
      report(2015, { op: 'norm', name: 'p', value: String(p), wanted: 'a number' });
    return poisoned({ dtype: 'f32', shape: [] });
  }
  if (p === 2) return root(sum(square(x), axes, options));
  if (p === 1) return sum(abs(x), axes, options);
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), axes, options);
  if (p === Number.NEGATIVE_INFINITY) return min(abs(x), axes, options);
  if (p === 0) return sum(select(equal(x, 0), mul(x, 0), 1), axes, options);
  const isNothing = equal(x, 0);
  const powers = select(
    isNothing,
    p > 0 ? 0 : Number.POSITIVE_INFINITY,
    pow(abs(select(isNothing, 1, x)), p),
  );
  const total = sum(powers, axes, options);
  const vanishes = p > 0 ? equal(total, 0) : equal(total, Number.POSITIVE_INFINITY);
  return select(vanishes, 0, pow(select(vanishes, 1, total), 1 / p));
}

/** The square root of {@link variance} with the same options and shapes: of the population unless `correction` is 1. Its gradient is 0 where it is 0. */
export function std(
  x: Tensor,
  axes?: number | readonly number[],
  options?: VarianceOptions,
): Tensor {
  return root(variance(x, axes, options));
}

/** Order and shift of {@link pairwiseDistance}. */
export interface DistanceOptions {
  /** Default 2. */
  readonly p?: number;
  /** Is added to every difference; default 1e-6, as in PyTorch. */
  readonly epsilon?: number;
}

/** ‖a - b + ε‖ over the last axis, as PyTorch's `pairwise_distance`: [.., features] twice to [..]. */
export function pairwiseDistance(
  a: Tensor,
  b: Tensor,
  { p = 2, epsilon = 1e-6 }: DistanceOptions = {},
): Tensor {
  return norm(add(sub(a, b), epsilon), -1, { p });
}

/** Axis and least norm of {@link cosineSimilarity}. */
export interface CosineOptions {
  /** Default -1. */
  readonly axis?: number;
  /** What norms are at least; default 1e-8. */
  readonly epsilon?: number;
}

/** a·b / (‖a‖·‖b‖) along an axis of the shape that both broadcast to, which goes: norms are at least ε. */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  { axis = -1, epsilon = 1e-8 }: CosineOptions = {},
): Tensor {
  const product = mul(a, b);
  if (isPoisoned(product)) return product;
  const atLeast = (x: Tensor) => {
    // Elements that are repeated along the axis count as often as they stand there.
    const length = norm(broadcastTo(x, product.shape), axis);
    return select(less(length, epsilon), epsilon, length);
  };
  return div(sum(product, axis), mul(atLeast(a), atLeast(b)));
}

/** max(x, 0) with gradient 1 at 0, as `clamp_min` of PyTorch, which its losses with margins use. */
const atLeastZero = (x: Tensor): Tensor => select(less(x, 0), 0, x);

/** BTC2015 for a margin that is no finite number. */
function checkMargin(op: string, margin: number): boolean {
  if (Number.isFinite(margin)) return true;
  report(2015, { op, name: 'margin', value: String(margin), wanted: 'a finite number' });
  return false;
}

/** Margin and reduction of {@link cosineEmbeddingLoss}. */
export interface CosineEmbeddingOptions extends LossOptions {
  /** Similarity that unlike pairs may have; default 0. */
  readonly margin?: number;
}

/**
 * 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is not (PyTorch: -1): a and b [batch, features], targets [batch].
 * BTC2015 for another reduction or a margin that is not finite.
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { margin = 0, reduction = 'mean' }: CosineEmbeddingOptions = {},
): Tensor {
  const op = 'cosineEmbeddingLoss';
  if (!checkReduction(op, reduction) || !checkMargin(op, margin))
    return poisoned({ dtype: 'f32', shape: [] });
  // Not as cosineSimilarity: PyTorch adds to the squares here.
  const squares = (x: Tensor) => add(sum(square(x), -1), 1e-12);
  const similarity = div(sum(mul(a, b), -1), sqrt(mul(squares(a), squares(b))));
  const loss = select(equal(target, 1), sub(1, similarity), atLeastZero(sub(similarity, margin)));
  return isPoisoned(loss) ? loss : reduced(loss, reduction);
}

/** Distances and reduction of {@link tripletMarginLoss}. */
export interface TripletOptions extends LossOptions, DistanceOptions {
  /** Default 1. */
  readonly margin?: number;
  /** Takes the distance of positive and negative where that is smaller than the anchor's (Balntas et al. 2016); default false. */
  readonly swap?: boolean;
}

/**
 * max(0, d(anchor, positive) - d(anchor, negative) + margin), all [batch, features] (Schroff, Kalenichenko, Philbin 2015). BTC2015 for
 * another reduction or a margin that is not finite.
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { margin = 1, swap = false, reduction = 'mean', ...distance }: TripletOptions = {},
): Tensor {
  const op = 'tripletMarginLoss';
  if (!checkReduction(op, reduction) || !checkMargin(op, margin))
    return poisoned({ dtype: 'f32', shape: [] });
  const near = pairwiseDistance(anchor, positive, distance);
  const far = pairwiseDistance(anchor, negative, distance);
  const farther = swap ? minimum(far, pairwiseDistance(positive, negative, distance)) : far;
  const loss = atLeastZero(add(sub(near, farther), margin));
  return isPoisoned(loss) ? loss : reduced(loss, reduction);
}

/** Margin and reduction of {@link marginRankingLoss}. */
export interface MarginOptions extends LossOptions {
  /** Default 0. */
  readonly margin?: number;
}

/** max(0, -t·(a - b) + margin) for targets t of 1 (a ranks higher) or -1; the shapes broadcast. BTC2015 for another reduction or a margin that is not finite. */
export function marginRankingLoss(
  a: Tensor,
  b: Tensor,
  target: TensorLike,
  { margin = 0, reduction = 'mean' }: MarginOptions = {},
): Tensor {
  const op = 'marginRankingLoss';
  if (!checkReduction(op, reduction) || !checkMargin(op, margin))
    return poisoned({ dtype: 'f32', shape: [] });
  const loss = atLeastZero(add(mul(mul(target, -1), sub(a, b)), margin));
  return isPoisoned(loss) ? loss : reduced(loss, reduction);
}
