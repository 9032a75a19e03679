import { elementCount, sameShape, type TensorType } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { constant } from './constants.ts';
import { isPoisoned, mistake, poisoned } from './context.ts';
import {
  add,
  cast,
  div,
  equal,
  greaterEqual,
  less,
  logicalOr,
  mul,
  neg,
  notEqual,
  select,
} from './elementwise.ts';
import { logSoftmax } from './functions.ts';
import { useAsIndices } from './indices.ts';
import { checkReduction, type LossReduction, reduced } from './loss-reduction.ts';
import { sum } from './reductions.ts';
import { Tensor } from './tensor.ts';
import { broadcastTo, expandDims, iota } from './views.ts';

/** What {@link crossEntropy} leaves out, smooths and weighs. */
export interface CrossEntropyOptions {
  /** The label of rows that count nothing, neither in the sum nor in the mean; default none (PyTorch: -100). */
  readonly ignoreIndex?: number;
  /** Share of the target that is spread evenly over all classes, in [0, 1]; default 0 (Szegedy et al. 2016). */
  readonly labelSmoothing?: number;
  /** One per class: [classes] f32, or numbers. A row counts with the weight of its label, in the mean too. */
  readonly weights?: Tensor | readonly number[];
  /** Default `mean`: the sum by the number, or the weights, of the rows that are not ignored. */
  readonly reduction?: LossReduction;
}

/**
 * Cross-entropy of logits [.., classes] f32 with labels [..] i32, or with probabilities [.., classes] f32, as PyTorch defines
 * it: the classes are the last axis. With every row ignored the mean is NaN, 0 / 0, and its gradient 0.
 *
 * A label that is no class is refused by the runtime where it comes from an input (see `PlanInput.ranges`), and makes the
 * loss NaN where the model computes it. The label is picked by comparison with the class index, so the gradient is elementwise.
 *
 * Errors: BTC2003 for tensors that do not fit, BTC2015 for options out of range, BTC2050 for labels that are known and wrong.
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  return ofClasses('crossEntropy', logits, targets, options, logSoftmax);
}

/** What {@link negativeLogLikelihood} leaves out and weighs, as {@link crossEntropy} does. */
export type NegativeLogLikelihoodOptions = Omit<CrossEntropyOptions, 'labelSmoothing'>;

/**
 * -w·x[label] of log-probabilities [.., classes] f32 and labels [..] i32, as PyTorch's `nll_loss`: {@link crossEntropy} of what
 * `logSoftmax` has made. Errors are the same, and BTC2003 for labels that are not i32.
 */
export function negativeLogLikelihood(
  logProbabilities: Tensor,
  labels: Tensor,
  options: NegativeLogLikelihoodOptions = {},
): Tensor {
  if (labels.dtype !== 'i32' && !isPoisoned(labels))
    return mistake(
      2003,
      { op: 'negativeLogLikelihood', wanted: 'i32 labels', given: labels.dtype },
      { dtype: 'f32', shape: [] },
    );
  return ofClasses('negativeLogLikelihood', logProbabilities, labels, options, (x) => x);
}

/** A loss of classes, whose log-probabilities are made of what is given. */
function ofClasses(
  op: string,
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions,
  logarithms: (x: Tensor) => Tensor,
): Tensor {
  const { reduction = 'mean' } = options;
  const rows = logits.shape.slice(0, -1);
  const type: TensorType = { dtype: 'f32', shape: reduction === 'none' ? rows : [] };
  if (isPoisoned(logits) && !isPoisoned(targets)) checkDType(op, logits, targets);
  if (isPoisoned(logits) || isPoisoned(targets)) return poisoned(type);
  if (!checkTargets(op, logits, targets) || !checkOptions(op, targets, options))
    return poisoned(type);
  const weights = weightsOf(op, options.weights, logits.shape[logits.rank - 1]);
  if (weights === null) return poisoned(type);
  const loss = neg(logarithms(logits));
  const weighted = weights ? mul(loss, weights) : loss;
  return targets.dtype === 'i32'
    ? ofLabels(op, weighted, targets, weights, options)
    : reduced(ofProbabilities(weighted, targets, options), reduction);
}

/** The loss of every row, from those of all classes and their probabilities. */
function ofProbabilities(
  losses: Tensor,
  targets: Tensor,
  { labelSmoothing = 0 }: CrossEntropyOptions,
): Tensor {
  const classes = losses.shape[losses.rank - 1];
  const smoothed =
    labelSmoothing === 0
      ? targets
      : add(mul(targets, 1 - labelSmoothing), labelSmoothing / classes);
  return sum(mul(losses, smoothed), -1);
}

/** To read so many elements once more takes longer than a kernel of its own. */
const MANY_ELEMENTS = 2 ** 20;

/** From the weighted losses of all classes [.., classes] and the labels [..]. */
function ofLabels(
  op: string,
  losses: Tensor,
  labels: Tensor,
  weights: Tensor | undefined,
  { ignoreIndex, labelSmoothing = 0, reduction = 'mean' }: CrossEntropyOptions,
): Tensor {
  const { shape, rank } = losses;
  const classes = shape[rank - 1];
  const except = ignoreIndex === undefined ? {} : { except: [ignoreIndex] };
  const isChecked = useAsIndices(op, labels, { low: 0, high: classes, ...except });
  const counts = ignoreIndex === undefined ? null : notEqual(labels, ignoreIndex);
  const along = (x: Tensor) => broadcastTo(expandDims(x, -1), shape);
  const counted = (x: Tensor) => (counts ? select(along(counts), x, 0) : x);
  const isLabel = counted(equal(along(labels), iota(shape, rank - 1)));
  const total = (x: Tensor) => (reduction === 'none' ? sum(x, -1) : sum(x));
  // Row by row, the sum is made where the rows are read for their maxima anyway; at once, few elements are one kernel less.
  const allOf = (x: Tensor) =>
    reduction === 'none' || elementCount(x.shape) < MANY_ELEMENTS ? total(x) : sum(sum(x, -1));
  let own = select(isLabel, losses, 0);
  if (!isChecked) {
    const isNoClass = logicalOr(less(labels, 0), greaterEqual(labels, classes));
    own = select(counted(along(isNoClass)), Number.NaN, own);
  }
  let loss = total(own);
  if (labelSmoothing > 0) {
    const evenly = mul(allOf(counted(losses)), labelSmoothing / classes);
    loss = add(mul(loss, 1 - labelSmoothing), evenly);
  }
  if (reduction !== 'mean') return loss;
  if (weights) return div(loss, sum(select(isLabel, broadcastTo(weights, shape), 0)));
  if (counts) return div(loss, sum(cast(counts, 'f32')));
  return mul(loss, 1 / elementCount(labels.shape));
}

function checkTargets(op: string, logits: Tensor, targets: Tensor): boolean {
  const rows = logits.shape.slice(0, -1);
  const fits = logits.rank > 0 && logits.dtype === 'f32';
  if (fits && sameShape(targets.shape, targets.dtype === 'i32' ? rows : logits.shape)) return true;
  const isLabels = targets.dtype === 'f32' && sameShape(targets.shape, rows);
  const wanted = `labels ${formatShape(rows)} i32, or probabilities ${formatShape(logits.shape)} f32, for logits ${formatShape(logits.shape)} f32`;
  report(2003, {
    op,
    wanted: fits && isLabels ? 'i32 labels' : wanted,
    given: fits && isLabels ? 'f32' : `${targets.dtype} ${formatShape(targets.shape)}`,
  });
  return false;
}

/** What is wrong with targets whatever logits with a mistake of their own would be: labels that are no integers. */
function checkDType(op: string, logits: Tensor, targets: Tensor): void {
  if (targets.dtype === 'f32' && targets.rank < logits.rank)
    report(2003, { op, wanted: 'i32 labels', given: 'f32' });
}

function checkOptions(op: string, targets: Tensor, options: CrossEntropyOptions): boolean {
  const { ignoreIndex, labelSmoothing = 0, reduction = 'mean' } = options;
  const misuse = (name: string, value: unknown, wanted: string) => {
    report(2015, { op, name, value: String(value), wanted });
    return false;
  };
  if (ignoreIndex !== undefined) {
    if (targets.dtype !== 'i32')
      return misuse('ignoreIndex', ignoreIndex, 'left out with probabilities');
    if ((ignoreIndex | 0) !== ignoreIndex)
      return misuse('ignoreIndex', ignoreIndex, 'an integer of 32 bits');
  }
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    return misuse('labelSmoothing', labelSmoothing, 'in [0, 1]');
  return checkReduction(op, reduction);
}

/** The weights as a tensor [classes]; undefined where none are given, null after a diagnostic. */
function weightsOf(
  op: string,
  given: CrossEntropyOptions['weights'],
  classes: number,
): Tensor | undefined | null {
  if (given === undefined) return undefined;
  const wanted = `f32 weights [${classes}], or ${classes} numbers`;
  const refuse = (what: string) => {
    report(2003, { op, wanted, given: what });
    return null;
  };
  if (given instanceof Tensor) {
    if (isPoisoned(given)) return null;
    const fits = given.dtype === 'f32' && sameShape(given.shape, [classes]);
    return fits ? given : refuse(`${given.dtype} ${formatShape(given.shape)}`);
  }
  const isSound = Array.isArray(given) && given.every((weight) => Number.isFinite(weight));
  if (!isSound || given.length !== classes)
    return refuse(isSound ? `${given.length} numbers` : 'something else');
  return constant(given);
}
