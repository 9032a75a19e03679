import { DTYPES, isFloat } from '../../ir/dtypes.ts';
import { apply, isPoisoned, mistake, poisoned } from './context.ts';
import {
  equal,
  isNan,
  less,
  logicalAnd,
  logicalNot,
  logicalOr,
  select,
  stopGradient,
} from './elementwise.ts';
import { takeAlongAxis, withAxis } from './indexing.ts';
import { max, min, sum } from './reductions.ts';
import type { Tensor } from './tensor.ts';
import { broadcastTo, concat, expandDims, iota, resolveAxis, zeros } from './views.ts';

/** Elements in order, and where they were. */
export interface Sorted {
  /** Gradients go back to where they came from. */
  readonly values: Tensor;
  /** Along the axis, i32. */
  readonly indices: Tensor;
}

/** The direction of {@link sort}. */
export interface SortOptions {
  /** From the largest to the smallest; default false. */
  readonly descending?: boolean;
}

/**
 * Elements along an axis in order, the last axis by default. Equal elements stay in their order; NaN is larger than all numbers, as in
 * PyTorch. Places are counted by comparing each element with each, in n² comparisons and no memory.
 */
export function sort(x: Tensor, axis = -1, options: SortOptions = {}): Sorted {
  const indices = argsort(x, axis, options);
  return {
    values: isPoisoned(indices) ? poisoned(x.type) : takeAlongAxis(x, indices, axis),
    indices,
  };
}

/** Indices (i32) that put an axis in order, as {@link sort} does. */
export function argsort(x: Tensor, axis = -1, { descending = false }: SortOptions = {}): Tensor {
  const type = { dtype: 'i32', shape: x.shape } as const;
  if (isPoisoned(x)) return poisoned(type);
  const k = resolveAxis('argsort', axis, x.rank);
  if (k === null) return poisoned(type);
  return withAxis(placed(stopGradient(withAxis(x, k, x.rank - 1)), descending), x.rank - 1, k);
}

/** By place along the last axis, the index of the element that belongs there. */
function placed(x: Tensor, descending: boolean): Tensor {
  const { rank } = x;
  const extent = x.shape[rank - 1];
  const square = [...x.shape, extent];
  const own = broadcastTo(expandDims(x, -1), square);
  const other = broadcastTo(expandDims(x, -2), square);
  const [row, column] = [iota(square, rank - 1), iota(square, rank)];
  const [first, second] = descending ? [own, other] : [other, own];
  // Whether `other` comes before `own`: where they are alike, by their places.
  const isAhead = isFloat(x.dtype)
    ? logicalOr(less(first, second), logicalAnd(logicalNot(isNan(first)), isNan(second)))
    : less(first, second);
  const isSame = isFloat(x.dtype)
    ? logicalOr(equal(own, other), logicalAnd(isNan(own), isNan(other)))
    : equal(own, other);
  const before = logicalOr(isAhead, logicalAnd(isSame, less(column, row)));
  const places = sum(before, -1);
  const isThere = equal(broadcastTo(expandDims(places, -2), square), row);
  return sum(select(isThere, column, 0), -1);
}

/** The side of {@link topk}. */
export interface TopOptions {
  /** Default -1. */
  readonly axis?: number;
  /** The smallest instead; default false. */
  readonly smallest?: boolean;
}

/** From here on all places are counted. */
const MOST_PICKS = 32;

/**
 * The k largest elements along an axis, from the largest on, and their indices. Ties by the lower index; NaN counts as the largest.
 * BTC2015 for a k that is not from 1 to the axis' extent, and for an extent that is no i32.
 */
export function topk(
  x: Tensor,
  k: number,
  { axis = -1, smallest = false }: TopOptions = {},
): Sorted {
  const standIn = { values: poisoned(x.type), indices: poisoned({ dtype: 'i32', shape: x.shape }) };
  if (isPoisoned(x)) return standIn;
  const along = resolveAxis('topk', axis, x.rank);
  if (along === null) return standIn;
  const extent = x.shape[along];
  if (!Number.isInteger(k) || k < 1 || k > extent) {
    mistake(
      2015,
      { op: 'topk', name: 'k', value: k, wanted: `an integer from 1 to ${extent}` },
      x.type,
    );
    return standIn;
  }
  if (!DTYPES.i32.accepts(extent)) {
    mistake(2015, { op: 'topk', name: 'extent', value: extent, wanted: 'below 2^31' }, x.type);
    return standIn;
  }
  const last = stopGradient(withAxis(x, along, x.rank - 1));
  const order =
    k <= MOST_PICKS && 4 * k < extent
      ? picked(last, k, smallest)
      : firstOf(placed(last, !smallest), k);
  const indices = withAxis(order, x.rank - 1, along);
  return { values: takeAlongAxis(x, indices, along), indices };
}

function firstOf(x: Tensor, count: number): Tensor {
  const starts = x.shape.map(() => 0);
  return apply('slice', [x], { starts, sizes: [...x.shape.slice(0, -1), count] });
}

/** The indices of the first elements in order along the last axis, one after the other. */
function picked(x: Tensor, count: number, smallest: boolean): Tensor {
  const last = x.rank - 1;
  const extent = x.shape[last];
  const places = iota(x.shape, last);
  const never = smallest ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  const float = isFloat(x.dtype);
  let taken = zeros(x.shape, 'i32');
  const found: Tensor[] = [];
  for (let pick = 0; pick < count; pick++) {
    const left = logicalNot(taken);
    // NaN is the last of all where the smallest are looked for.
    const isNumber = float ? logicalNot(isNan(x)) : left;
    const open = smallest && float ? logicalAnd(left, isNumber) : left;
    const worst = float ? never : smallest ? DTYPES.i32.greatest : DTYPES.i32.least;
    const extremum = smallest ? min : max;
    const best = broadcastTo(extremum(select(open, x, worst), last, { keepDims: true }), x.shape);
    const alike = float
      ? logicalOr(equal(x, best), logicalAnd(isNan(x), isNan(best)))
      : equal(x, best);
    const hit = logicalAnd(left, alike);
    const index = min(select(hit, places, extent), last, { keepDims: true });
    // Nothing but NaN is left.
    const any = min(select(left, places, extent), last, { keepDims: true });
    const chosen = select(equal(index, extent), any, index);
    found.push(chosen);
    taken = logicalOr(taken, equal(places, broadcastTo(chosen, x.shape)));
  }
  return concat(found, last);
}
