import type { Kernel } from '../../../ir/kernel.ts';
import type { Analysis, Walk } from './analysis.ts';
import type { Nest } from './nest.ts';

/** Caches of one core: their lines of 64 bytes, and what a line that is not there costs, in vector additions. */
const CACHES = [
  { lines: 512, miss: 2 },
  { lines: 16384, miss: 8 },
];
const LINE_BYTES = 64;

/**
 * The price of the lines that the loops bring into caches. A cache holds what the innermost loops touch, down from the
 * outermost loop at which all of it fits; around that, every step brings in all of it anew.
 */
export function localityCost(kernel: Kernel, nest: Nest, { walks }: Analysis): number {
  const { loops } = nest;
  const steps = loops.map(({ segments }) =>
    segments.reduce((sum, { iterations }) => sum + iterations, 0),
  );
  /** Points of an axis inside of the loop at `level`. */
  const extentsAt = (level: number) => {
    const extents = new Array<number>(kernel.axes.length).fill(1);
    loops.forEach(({ axis, segments }, i) => {
      extents[axis] = i > level ? kernel.axes[axis].extent : segments[0].tile * segments[0].lanes;
    });
    return extents;
  };
  const footprints = Array.from({ length: loops.length + 1 }, (_, i) => {
    const extents = extentsAt(i - 1);
    return walks.reduce((sum, walk) => sum + linesOf(walk, extents), 0);
  });
  let cost = 0;
  for (const { lines, miss } of CACHES) {
    // Index i stands for what is inside of the loop at level i - 1: 0 is all of the kernel.
    const fitting = footprints.findIndex((footprint) => footprint <= lines);
    const level = fitting < 0 ? loops.length : fitting;
    let repeats = 1;
    for (let i = 0; i < level; i++) repeats *= steps[i];
    cost += miss * repeats * footprints[level];
  }
  return cost;
}

function linesOf({ coefficients, elementBytes }: Walk, extents: readonly number[]): number {
  let points = 1;
  let least = LINE_BYTES;
  for (let axis = 0; axis < extents.length; axis++) {
    if (coefficients[axis] === 0 || extents[axis] === 1) continue;
    points *= extents[axis];
    least = Math.min(least, Math.abs(coefficients[axis]) * elementBytes);
  }
  return Math.max(1, points * (points > 1 ? least / LINE_BYTES : 1));
}
