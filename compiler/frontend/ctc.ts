import { sameShape } from '../../ir/tensor.ts';
import { formatShape } from '../format.ts';
import { report } from '../reporting/report.ts';
import { isPoisoned, poisoned } from './context.ts';
import {
  add,
  cast,
  div,
  equal,
  less,
  logicalAnd,
  logicalOr,
  maximum,
  mul,
  neg,
  notEqual,
  select,
  sub,
} from './elementwise.ts';
import { logSumExp } from './functions.ts';
import { takeAlongAxis } from './indexing.ts';
import { useAsIndices } from './indices.ts';
import { checkReduction, type LossReduction, reduced } from './loss-reduction.ts';
import type { Tensor } from './tensor.ts';
import {
  broadcastTo,
  concat,
  expandDims,
  full,
  iota,
  pad,
  reshape,
  slice,
  squeeze,
  stack,
} from './views.ts';

/** Lengths, the blank and the reduction of {@link ctcLoss}. */
export interface CtcOptions {
  /** Frames of each sequence that count, [batch] i32, at least 1; default all. */
  readonly inputLengths?: Tensor;
  /** Labels of each target that count, [batch] i32; default all. */
  readonly targetLengths?: Tensor;
  /** The class that means no label; default 0. */
  readonly blank?: number;
  /** `mean`: each loss is divided by the length of its target, then the mean over the batch, as in PyTorch. Default `mean`. */
  readonly reduction?: LossReduction;
  /** Takes 0 for a target that its frames cannot say, whose loss is infinite; default false. */
  readonly zeroInfinity?: boolean;
}

const NEVER = Number.NEGATIVE_INFINITY;

/**
 * Connectionist temporal classification (Graves et al. 2006): -log of the probability of all paths that read as the target.
 * Log-probabilities [batch, time, classes] f32, targets [batch, labels] i32; [batch] losses before they are reduced. What is behind a
 * length does not count, but is a class.
 *
 * Errors: BTC2003 for tensors that do not fit, BTC2015 for a blank that is no class or another reduction.
 */
export function ctcLoss(
  logProbabilities: Tensor,
  targets: Tensor,
  options: CtcOptions = {},
): Tensor {
  const { blank = 0, reduction = 'mean', zeroInfinity = false } = options;
  const type = { dtype: 'f32', shape: [] } as const;
  if (isPoisoned(logProbabilities) || isPoisoned(targets)) return poisoned(type);
  if (!fits(logProbabilities, targets, options)) return poisoned(type);
  const [batch, time, classes] = logProbabilities.shape;
  const { inputLengths, targetLengths } = options;
  useAsIndices('ctcLoss', targets, { low: 0, high: classes });
  if (inputLengths) useAsIndices('ctcLoss', inputLengths, { low: 1, high: time + 1 });
  if (targetLengths) useAsIndices('ctcLoss', targetLengths, { low: 0, high: targets.shape[1] + 1 });
  const extended = withBlanks(targets, blank);
  const places = extended.shape[1];
  const frames = takeAlongAxis(
    logProbabilities,
    broadcastTo(expandDims(extended, 1), [batch, time, places]),
  );
  const at = (frame: number) => squeeze(slice(frames, 1, frame, frame + 1), 1);
  const place = iota(extended.shape, 1);
  const isSkipped = maySkip(extended, blank);
  let paths = select(less(place, 2), at(0), NEVER);
  for (let frame = 1; frame < time; frame++) {
    const entering = [paths, later(paths, 1), select(isSkipped, later(paths, 2), NEVER)];
    const next = add(logSumExp(stack(entering, 2), 2), at(frame));
    paths = inputLengths ? select(less(frame, expandDims(inputLengths, 1)), next, paths) : next;
  }
  const lengths = targetLengths ?? full([batch], targets.shape[1], 'i32');
  const end = expandDims(mul(lengths, 2), 1);
  const isEnd = logicalOr(equal(place, end), equal(place, sub(end, 1)));
  const whole = neg(logSumExp(select(isEnd, paths, NEVER), 1));
  const loss = zeroInfinity ? select(equal(whole, Number.POSITIVE_INFINITY), 0, whole) : whole;
  return reduction === 'mean'
    ? reduced(div(loss, cast(maximum(lengths, 1), 'f32')), 'mean')
    : reduced(loss, reduction);
}

/** [batch, labels] to [batch, 2·labels + 1]: a blank before each label, and behind the last. */
function withBlanks(targets: Tensor, blank: number): Tensor {
  const [batch, labels] = targets.shape;
  const pairs = stack([full([batch, labels], blank, 'i32'), targets], 2);
  return concat([reshape(pairs, [batch, 2 * labels]), full([batch, 1], blank, 'i32')], 1);
}

/** Where a path may come from two places before: at labels that differ from the one before. */
function maySkip(extended: Tensor, blank: number): Tensor {
  const before = slice(
    pad(
      extended,
      [
        [0, 0],
        [2, 0],
      ],
      blank,
    ),
    1,
    0,
    extended.shape[1],
  );
  return logicalAnd(notEqual(extended, blank), notEqual(extended, before));
}

/** The paths that so many places before have. */
function later(paths: Tensor, by: number): Tensor {
  const [batch, places] = paths.shape;
  if (by >= places) return full([batch, places], NEVER);
  return slice(
    pad(
      paths,
      [
        [0, 0],
        [by, 0],
      ],
      NEVER,
    ),
    1,
    0,
    places,
  );
}

function fits(logProbabilities: Tensor, targets: Tensor, options: CtcOptions): boolean {
  const refuse = (wanted: string, x: Tensor) => {
    report(2003, { op: 'ctcLoss', wanted, given: `${x.dtype} ${formatShape(x.shape)}` });
    return false;
  };
  if (logProbabilities.rank !== 3 || logProbabilities.dtype !== 'f32')
    return refuse('log-probabilities [batch, time, classes] f32', logProbabilities);
  const [batch, , classes] = logProbabilities.shape;
  if (targets.rank !== 2 || targets.dtype !== 'i32' || targets.shape[0] !== batch)
    return refuse(`targets [${batch}, labels] i32`, targets);
  for (const lengths of [options.inputLengths, options.targetLengths]) {
    if (!lengths) continue;
    if (isPoisoned(lengths)) return false;
    if (lengths.dtype !== 'i32' || !sameShape(lengths.shape, [batch]))
      return refuse(`lengths [${batch}] i32`, lengths);
  }
  const { blank = 0, reduction = 'mean' } = options;
  if (!Number.isInteger(blank) || blank < 0 || blank >= classes) {
    report(2015, {
      op: 'ctcLoss',
      name: 'blank',
      value: String(blank),
      wanted: `a class from 0 to ${classes - 1}`,
    });
    return false;
  }
  return checkReduction('ctcLoss', reduction);
}
