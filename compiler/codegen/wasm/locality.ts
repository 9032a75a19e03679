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
  // Index i stands for what is inside of the loop at level i - 1: 0 is all of the kernel.
  const extents = Array.from({ length: loops.length + 1 }, (_, i) => extentsAt(i - 1));
  let cost = 0;
  for (const { lines, lineBytes, miss } of CACHES) {
    const footprints = extents.map((inside) =>
      walks.reduce((sum, walk) => sum + linesOf(walk, inside, lineBytes), 0),
    );
    const fitting = footprints.findIndex((footprint) => footprint <= lines);
    const level = fitting < 0 ? loops.length : fitting;
    let repeats = 1;
    for (let i = 0; i < level; i++) repeats *= steps[i];
    cost += miss * repeats * footprints[level];
  }
  return cost;
}

/** Lines that points touch: stretches without gaps, or with gaps within lines, as often as there are such stretches. */
function linesOf(
  { coefficients, elementBytes }: Walk,
  extents: readonly number[],
  lineBytes: number,
): number {
  const walked = extents
    .flatMap((extent, axis) =>
      coefficients[axis] === 0 || extent === 1
        ? []
        : [{ extent, stride: Math.abs(coefficients[axis]) * elementBytes }],
    )
    .sort((a, b) => a.stride - b.stride);
  let stretch = elementBytes;
  let stretches = 1;
  for (const { extent, stride } of walked)
    if (stride <= Math.max(stretch, lineBytes)) stretch += stride * (extent - 1);
    else stretches *= extent;
  return stretches * Math.max(1, stretch / lineBytes);
}
