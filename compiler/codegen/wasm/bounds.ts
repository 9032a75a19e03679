import type { Affine, Bound, Kernel } from '../../../ir/kernel.ts';
import type { Analysis } from './analysis.ts';

// Padding is a bound that all but a few points of an axis keep: `0 <= h + dh - 1 < 28` holds for any tap of a window where h is neither the
// first row nor the last one. Where axes are cut there, the code of each stretch knows which bounds hold, and checks only the others.

/** Points at which one axis is cut; what has more of them is not cut. */
const MOST_CUTS = 4;
/** Stretches of all axes together, each of which is code of its own. */
const MOST_STRETCHES = 27;

/** Where the axes of a kernel are cut. */
export interface Cuts {
  /** Per axis, ascending: the first points of its stretches but the first one. */
  readonly at: readonly (readonly number[])[];
  /** The share of points at which nothing is left to check of a bound; 0 for those that are not here. */
  readonly settled: ReadonlyMap<Bound, number>;
}

/** A stretch of an axis in which a bound holds, whatever the point of other axes. */
interface Interior {
  readonly bound: Bound;
  readonly axis: number;
  readonly from: number;
  readonly to: number;
}

/** Cuts of the axes behind the first `outer`, but for sequential ones, whose order stands. */
export function cutsOf(kernel: Kernel, { alive }: Analysis, outer: number): Cuts {
  const interiors = kernel.nodes.flatMap((node, index) =>
    alive[index] === 1 && (node.kind === 'load' || node.kind === 'inBounds')
      ? node.bounds.flatMap((bound) => interiorOf(kernel, bound, outer) ?? [])
      : [],
  );
  const points = kernel.axes.map(({ extent }, axis) => {
    const ends = interiors.flatMap((one) => (one.axis === axis ? [one.from, one.to] : []));
    const inside = [...new Set(ends)].filter((end) => end > 0 && end < extent);
    return inside.length > MOST_CUTS ? [] : inside.sort((a, b) => a - b);
  });
  const stretches = () => points.reduce((product, { length }) => product * (length + 1), 1);
  while (stretches() > MOST_STRETCHES) {
    const extents = points.map(({ length }, axis) =>
      length > 0 ? kernel.axes[axis].extent : Number.POSITIVE_INFINITY,
    );
    points[extents.indexOf(Math.min(...extents))] = [];
  }
  const settled = new Map<Bound, number>();
  for (const { bound, axis, from, to } of interiors) {
    const { extent } = kernel.axes[axis];
    const isCut = [from, to].every(
      (end) => end === 0 || end === extent || points[axis].includes(end),
    );
    // What is outside along its only axis is outside for good.
    const isAlone = bound.index.coefficients.every((c, other) => c === 0 || other === axis);
    if (isCut) settled.set(bound, isAlone ? 1 : (to - from) / extent);
  }
  return { at: points, settled };
}

/** Along the longest of its axes. */
function interiorOf({ axes }: Kernel, bound: Bound, outer: number): Interior | null {
  const { coefficients } = bound.index;
  let axis = -1;
  for (let one = outer; one < axes.length; one++) {
    const isLonger = axis < 0 || axes[one].extent > axes[axis].extent;
    if (coefficients[one] !== 0 && axes[one].kind !== 'sequential' && isLonger) axis = one;
  }
  if (axis < 0) return null;
  const [least, most] = rangeOf(bound.index, (other) =>
    other === axis ? [0, 0] : [0, axes[other].extent - 1],
  );
  // Points at which `least + c * point >= 0` and `most + c * point < extent`.
  const c = coefficients[axis];
  const [first, last] =
    c > 0
      ? [-least / c, (bound.extent - 1 - most) / c]
      : [(bound.extent - 1 - most) / c, -least / c];
  const from = Math.max(0, Math.ceil(first));
  const to = Math.min(axes[axis].extent, Math.floor(last) + 1);
  return from < to ? { bound, axis, from, to } : null;
}

/** The least and the largest value of a function where the points of each axis lie in a range. */
export function rangeOf(
  { offset, coefficients }: Affine,
  pointsOf: (axis: number) => readonly [first: number, last: number],
): [least: number, most: number] {
  let [least, most] = [offset, offset];
  coefficients.forEach((coefficient, axis) => {
    if (coefficient === 0) return;
    const [first, last] = pointsOf(axis);
    least += coefficient * (coefficient > 0 ? first : last);
    most += coefficient * (coefficient > 0 ? last : first);
  });
  return [least, most];
}
