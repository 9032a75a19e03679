import type { Affine, Axis, Bound, Indirection, Kernel, Store } from './kernel.ts';
import { sameAffine } from './kernel.ts';

// What the addresses of a kernel can be: ranges by interval arithmetic, which is exact for one affine function over a
// box, and distinctness by mixed radix. Both are sufficient tests, not necessary ones.

/** Whole numbers from `low` to `high`; none where `low` is above `high`. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Values that an affine function takes when each axis stays within its range. */
export function affineRange(affine: Affine, axes: readonly Range[]): Range {
  let low = affine.offset;
  let high = affine.offset;
  affine.coefficients.forEach((coefficient, axis) => {
    if (coefficient === 0) return;
    const { low: from, high: to } = axes[axis];
    low += coefficient * (coefficient > 0 ? from : to);
    high += coefficient * (coefficient > 0 ? to : from);
  });
  return { low, high };
}

const intersect = (a: Range, b: Range): Range => ({
  low: Math.max(a.low, b.low),
  high: Math.min(a.high, b.high),
});

export function axisRanges(kernel: Kernel): Range[] {
  return kernel.axes.map((axis) => ({ low: 0, high: axis.extent - 1 }));
}

/** Each axis narrowed by the bounds that it is in, whatever the other axes of those are. */
function narrowedAxes(kernel: Kernel, bounds: readonly Bound[]): Range[] {
  const axes = axisRanges(kernel);
  for (const { index, extent } of bounds) {
    index.coefficients.forEach((coefficient, axis) => {
      if (coefficient === 0) return;
      const others = affineRange(
        { offset: index.offset, coefficients: index.coefficients.toSpliced(axis, 1, 0) },
        axes,
      );
      const ends = [-others.high / coefficient, (extent - 1 - others.low) / coefficient];
      axes[axis] = intersect(axes[axis], {
        low: Math.ceil(Math.min(...ends)),
        high: Math.floor(Math.max(...ends)),
      });
    });
  }
  return axes;
}

/** Whether a bound has no axes, and fails. */
const neverHolds = ({ index: { offset, coefficients }, extent }: Bound): boolean =>
  (offset < 0 || offset >= extent) && coefficients.every((c) => c === 0);

/** Beyond this many bounds on several axes the search over their subsets is cut off. */
const MOST_SUBSTITUTIONS = 6;

/**
 * Values of `index` where all bounds hold; empty (low > high) where they never do. Bounds narrow the axes. A bound on
 * several, `0 <= B < extent`, is used by writing the index as `m·B + rest`, with B in its own narrowed range, for each
 * whole `m` that takes an axis out of the rest. Every subset of the bounds and every `m` gives a valid range, and so does
 * their intersection.
 */
export function loadRange(kernel: Kernel, index: Affine, bounds: readonly Bound[]): Range {
  if (bounds.length === 0) return affineRange(index, axisRanges(kernel));
  const axes = narrowedAxes(kernel, bounds);
  if (axes.some((axis) => axis.low > axis.high) || bounds.some(neverHolds))
    return { low: 0, high: -1 };
  const several = bounds
    .filter((bound) => bound.index.coefficients.filter((c) => c !== 0).length > 1)
    .slice(0, MOST_SUBSTITUTIONS);
  const values = several.map(({ index: inner, extent }) =>
    intersect(affineRange(inner, axes), { low: 0, high: extent - 1 }),
  );
  /** `taken`: what the bounds before `next` make of the index, beside its `rest`. */
  const substituted = (rest: Affine, taken: Range, next: number): Range => {
    if (next === several.length) {
      const { low, high } = affineRange(rest, axes);
      return { low: taken.low + low, high: taken.high + high };
    }
    const inner = several[next].index;
    let range = substituted(rest, taken, next + 1);
    for (const factor of factorsOf(rest, inner)) {
      const { low, high } = affineRange({ offset: 0, coefficients: [factor] }, [values[next]]);
      const without = {
        offset: rest.offset - factor * inner.offset,
        coefficients: rest.coefficients.map((c, i) => c - factor * inner.coefficients[i]),
      };
      const both = { low: taken.low + low, high: taken.high + high };
      range = intersect(range, substituted(without, both, next + 1));
    }
    return range;
  };
  return substituted(index, { low: 0, high: 0 }, 0);
}

/** The whole numbers m with which `index - m·inner` lacks an axis that both have. */
function factorsOf(index: Affine, inner: Affine): Set<number> {
  const factors = inner.coefficients.map((c, axis) => index.coefficients[axis] / c);
  return new Set(factors.filter((m) => m !== 0 && Number.isSafeInteger(m)));
}

/** The range of an address whose data-dependent node is clamped (loads) or checked (stores). */
export function addressRange(range: Range, indirect: Indirection | undefined): Range {
  if (!indirect) return range;
  const reach = indirect.stride * (indirect.extent - 1);
  return { low: range.low + Math.min(0, reach), high: range.high + Math.max(0, reach) };
}

interface Digit {
  readonly stride: number;
  /** Largest difference of two values of the digit. */
  readonly reach: number;
}

/** Parallel axes along which a plain store stays at one element: it is done at their first index. */
export function repeatedAxes(
  { axes }: Pick<Kernel, 'axes'>,
  { index, indirect, accumulate }: Store,
): number[] {
  if (indirect || accumulate) return [];
  return axes.flatMap(({ kind, extent }, axis) =>
    kind === 'parallel' && extent > 1 && index.coefficients[axis] === 0 ? [axis] : [],
  );
}

/**
 * Whether the address tells all parallel points apart, whatever the other digits are, but along axes that it stays the same along. Sorted by stride, each stride
 * must exceed all that the smaller digits together can make: then the address is a number in mixed radix.
 * Digits that are not parallel (sequential axes, a data-dependent term) may be folded together at equal strides.
 */
export function storesDistinct(kernel: Kernel, store: Store, extra: readonly Digit[]): boolean {
  const digits: Digit[] = [];
  const folded = new Map<number, number>();
  const fold = (stride: number, reach: number) => {
    folded.set(stride, (folded.get(stride) ?? 0) + reach);
  };
  const repeated = repeatedAxes(kernel, store);
  for (let axis = 0; axis < kernel.axes.length; axis++) {
    if (repeated.includes(axis)) continue;
    const { kind, extent } = kernel.axes[axis];
    const stride = Math.abs(store.index.coefficients[axis]);
    if (kind === 'parallel') {
      if (extent > 1) digits.push({ stride, reach: extent - 1 });
    } else if (kind === 'sequential' && stride > 0 && extent > 1) fold(stride, extent - 1);
  }
  if (store.indirect && store.indirect.extent > 1 && store.indirect.stride !== 0)
    fold(Math.abs(store.indirect.stride), store.indirect.extent - 1);
  for (const { stride, reach } of extra) fold(stride, reach);
  for (const [stride, reach] of folded) digits.push({ stride, reach });
  return isMixedRadix(digits);
}

/** An address over axes of which the first are those of tiles. */
export interface TileAccess {
  readonly axes: readonly Axis[];
  readonly index: Affine;
}

/**
 * Whether no tile accesses an element that another one does. All accesses must step alike from tile to tile and begin at the same
 * element; then the address is a number in mixed radix, whose digits inside of a tile go as far as those of any access.
 */
export function tilesApart(accesses: readonly TileAccess[], tileAxes: number): boolean {
  const [first] = accesses;
  const inner = new Map<number, number>();
  for (const access of accesses) {
    const { axes, index } = access;
    for (let axis = 0; axis < tileAxes; axis++)
      if (axes[axis].extent > 1 && index.coefficients[axis] !== first.index.coefficients[axis])
        return false;
    if (firstInTile(access, tileAxes) !== firstInTile(first, tileAxes)) return false;
    const own = new Map<number, number>();
    for (let axis = tileAxes; axis < axes.length; axis++) {
      const stride = Math.abs(index.coefficients[axis]);
      if (stride > 0) own.set(stride, (own.get(stride) ?? 0) + axes[axis].extent - 1);
    }
    for (const [stride, reach] of own) inner.set(stride, Math.max(reach, inner.get(stride) ?? 0));
  }
  const digits = [...inner].map(([stride, reach]): Digit => ({ stride, reach }));
  for (let axis = 0; axis < tileAxes; axis++)
    digits.push({
      stride: Math.abs(first.index.coefficients[axis]),
      reach: first.axes[axis].extent - 1,
    });
  return isMixedRadix(digits.filter(({ reach }) => reach > 0));
}

/** The least address in the first tile. */
function firstInTile({ axes, index }: TileAccess, tileAxes: number): number {
  return index.coefficients.reduce(
    (least, c, axis) => (axis >= tileAxes && c < 0 ? least + c * (axes[axis].extent - 1) : least),
    index.offset,
  );
}

/** Whether no two choices of digits make the same number: each stride exceeds all that the smaller digits together can make. */
function isMixedRadix(digits: Digit[]): boolean {
  digits.sort((a, b) => a.stride - b.stride);
  let below = 0;
  for (const { stride, reach } of digits) {
    if (stride <= below) return false;
    below += stride * reach;
  }
  return true;
}

/** Whether no point stores through `a` where another point stores through `b`. */
export function storesApart(kernel: Kernel, a: Store, b: Store, axes: readonly Range[]): boolean {
  const ranges = [a, b].map((store) =>
    addressRange(affineRange(store.index, axes), store.indirect),
  );
  if (ranges[0].high < ranges[1].low || ranges[1].high < ranges[0].low) return true;
  if (a.indirect || b.indirect) return false;
  const shifted = { ...b.index, offset: a.index.offset };
  if (!sameAffine(a.index, shifted)) return false;
  const distance = Math.abs(a.index.offset - b.index.offset);
  return storesDistinct(kernel, a, distance === 0 ? [] : [{ stride: distance, reach: 1 }]);
}
