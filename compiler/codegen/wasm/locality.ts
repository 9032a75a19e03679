import type { Kernel } from '../../../ir/kernel.ts';
import type { Analysis, Walk } from './analysis.ts';
import type { Nest } from './nest.ts';

/** Caches of one core, the last one that of the places of pages: their lines, and what one that is missing costs, in vector additions. */
const CACHES = [
  { lines: 512, lineBytes: 64, miss: 2 },
  { lines: 16384, lineBytes: 64, miss: 8 },
  { lines: 512, lineBytes: 4096, miss: 4 },
];

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
  const known = new Array<number[] | undefined>(loops.length + 1);
  let cost = 0;
  for (const { lines, lineBytes, miss } of CACHES) {
    // What is inside of the loop at `level`; -1: all of the kernel.
    let level = -1;
    let repeats = 1;
    const footprint = () => {
      const extents = known[level + 1] ?? extentsAt(level);
      known[level + 1] = extents;
      return footprintOf(walks, extents, lineBytes);
    };
    let inside = footprint();
    while (inside > lines && level < loops.length - 1) {
      level++;
      repeats *= steps[level];
      inside = footprint();
    }
    cost += miss * repeats * inside;
  }
  return cost;
}

/** Lines that points touch: stretches without gaps, or with gaps within lines, as often as there are such stretches. */
function footprintOf(
  walks: readonly Walk[],
  extents: readonly number[],
  lineBytes: number,
): number {
  let lines = 0;
  for (const { steps, elementBytes } of walks) {
    let stretch = elementBytes;
    let stretches = 1;
    for (const { axis, bytes } of steps)
      if (bytes <= Math.max(stretch, lineBytes)) stretch += bytes * (extents[axis] - 1);
      else stretches *= extents[axis];
    lines += stretches * Math.max(1, stretch / lineBytes);
  }
  return lines;
}
