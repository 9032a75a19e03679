import type { TensorType } from '../../ir/tensor.ts';
import { sameShape } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { softplus } from './activations.ts';
import { broadcastShapes } from './broadcast.ts';
import { isPoisoned, poisoned } from './context.ts';
import { add, equal, logicalAnd, mul, neg, select, sub } from './elementwise.ts';
import { checkReduction, type LossReduction, reduced } from './loss-reduction.ts';
import { Tensor, type TensorLike } from './tensor.ts';

/** Weights and reduction of {@link binaryCrossEntropyWithLogits}. */
export interface BinaryCrossEntropyOptions {
  /** Weights of the elements, broadcast to them; the mean is by their number all the same, as in PyTorch. */
  readonly weights?: TensorLike;
  /** Weights of the positive part, y·log(σ(x)), broadcast to the elements: one number, or one per class. */
  readonly positiveWeights?: TensorLike;
  /** Default `mean`. */
  readonly reduction?: LossReduction;
}

/**
 * -w·(p·y·log σ(x) + (1 - y)·log(1 - σ(x))) for logits x and targets y in [0, 1] of one shape, f32, as PyTorch's
 * `binary_cross_entropy_with_logits`. Both parts are softplus, so that neither value nor gradient loses its tail; an infinite
 * logit on the right side costs 0.
 *
 * Errors: BTC2003 for tensors that do not fit, BTC2015 for another reduction.
 */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  targets: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const { weights, positiveWeights, reduction = 'mean' } = options;
  const type: TensorType = { dtype: 'f32', shape: reduction === 'none' ? logits.shape : [] };
  if (isPoisoned(logits) || isPoisoned(targets)) return poisoned(type);
  const fits =
    check('logits', logits, logits) &&
    check('targets', targets, logits) &&
    checkWeights(OP, 'weights', weights, logits) &&
    checkWeights(OP, 'positiveWeights', positiveWeights, logits) &&
    checkReduction(OP, reduction);
  if (!fits) return poisoned(type);
  const positive = share(targets, softplus(neg(logits)));
  const loss = add(
    positiveWeights === undefined ? positive : mul(positive, positiveWeights),
    share(sub(1, targets), softplus(logits)),
  );
  const weighted = weights === undefined ? loss : mul(loss, weights);
  return reduced(weighted, reduction);
}

/** A share of a cost; none of an infinite one is 0. */
function share(part: Tensor, cost: Tensor): Tensor {
  const isNothing = logicalAnd(equal(part, 0), equal(cost, Number.POSITIVE_INFINITY));
  return select(isNothing, 0, mul(part, cost));
}

const OP = 'binaryCrossEntropyWithLogits';

function check(name: string, x: Tensor, like: Tensor): boolean {
  if (x.dtype === 'f32' && sameShape(x.shape, like.shape)) return true;
  const wanted = `${name} ${formatShape(like.shape)} f32`;
  report(2003, { op: OP, wanted, given: `${x.dtype} ${formatShape(x.shape)}` });
  return false;
}

/** Reports weights that are neither a number nor a tensor that broadcasts to `like` (BTC2003, BTC2015). */
export function checkWeights(
  op: string,
  name: string,
  x: TensorLike | undefined,
  { shape }: Tensor,
): boolean {
  if (x === undefined) return true;
  if (typeof x === 'number') {
    if (Number.isFinite(x)) return true;
    report(2015, { op, name, value: String(x), wanted: 'a finite number' });
    return false;
  }
  const wanted = `${name} f32 that broadcast to ${formatShape(shape)}`;
  if (!(x instanceof Tensor)) {
    report(2003, { op, wanted, given: 'something else' });
    return false;
  }
  if (isPoisoned(x)) return false;
  const joined = broadcastShapes(x.shape, shape);
  if (x.dtype === 'f32' && joined && sameShape(joined, shape)) return true;
  report(2003, { op, wanted, given: `${x.dtype} ${formatShape(x.shape)}` });
  return false;
}
