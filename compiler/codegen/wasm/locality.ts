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
export function localityCost(kernel: Kernel, nest: Nest, analysis: Analysis): number {
  return sum(cacheCosts(kernel, nest, analysis));
}

/** A part of a staged kernel, whose first axes are those of the tiles. */
export interface TilePart {
  readonly kernel: Kernel;
  readonly nest: Nest;
  readonly analysis: Analysis;
}

/**
 * The same of a staged kernel: where all that a tile touches fits in a cache, what one part has brought in is there for the others, and
 * what all tiles touch is there for all of them.
 */
export function stagedLocalityCost(parts: readonly TilePart[], tileAxes: number): number {
  const apart = parts.map(({ kernel, nest, analysis }) => cacheCosts(kernel, nest, analysis));
  return sum(
    CACHES.map(({ lines, lineBytes, miss }, cache) => {
      const each = sum(apart.map((costs) => costs[cache]));
      const tile = tileFootprint(parts, tileAxes, lineBytes);
      return tile.atOnce > lines ? each : Math.min(each, miss * tile.inAll);
    }),
  );
}

/** Stretches of one tile that may be shorter than a page. */
const MOST_STRETCHES = 16;
const LONG_STRETCH = 4096;

/** Lines that one tile touches, and that all tiles do, each once where a tile touches it again. */
function tileFootprint(
  parts: readonly TilePart[],
  tileAxes: number,
  lineBytes: number,
): { readonly atOnce: number; readonly inAll: number } {
  const buffers = new Map<number, { readonly lines: number; readonly inAll: number }>();
  for (const { kernel, analysis } of parts) {
    const inside = kernel.axes.map(({ extent }, axis) => (axis < tileAxes ? 1 : extent));
    for (const walk of analysis.walks) {
      const { lines, stretchBytes, stretches } = stretchesOf(walk, inside, lineBytes);
      // Short stretches far apart are not read ahead, and share the few places of a cache that their distance leaves them.
      if (stretches > MOST_STRETCHES && stretchBytes < LONG_STRETCH)
        return { atOnce: Number.POSITIVE_INFINITY, inAll: 0 };
      const tiles = walk.steps.reduce(
        (count, { axis }) => (axis < tileAxes ? count * kernel.axes[axis].extent : count),
        1,
      );
      // Tiles whose stretches lie within one line share it.
      const inAll = Math.min(lines * tiles, footprintOf([walk], extentsOf(kernel), lineBytes));
      const other = buffers.get(walk.buffer);
      if (!other || other.inAll < inAll) buffers.set(walk.buffer, { lines, inAll });
    }
  }
  const all = [...buffers.values()];
  return { atOnce: sum(all.map(({ lines }) => lines)), inAll: sum(all.map((one) => one.inAll)) };
}

const extentsOf = ({ axes }: Kernel) => axes.map(({ extent }) => extent);
const sum = (costs: readonly number[]) => costs.reduce((all, cost) => all + cost, 0);

/** By cache. */
function cacheCosts(kernel: Kernel, nest: Nest, { walks }: Analysis): number[] {
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
  return CACHES.map(({ lines, lineBytes, miss }) => {
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
    return miss * repeats * inside;
  });
}

/** Lines that points touch: stretches without gaps, or with gaps within lines, as often as there are such stretches. */
function footprintOf(
  walks: readonly Walk[],
  extents: readonly number[],
  lineBytes: number,
): number {
  return sum(walks.map((walk) => stretchesOf(walk, extents, lineBytes).lines));
}

function stretchesOf(
  { steps, elementBytes }: Walk,
  extents: readonly number[],
  lineBytes: number,
): { readonly lines: number; readonly stretchBytes: number; readonly stretches: number } {
  let stretchBytes = elementBytes;
  let stretches = 1;
  for (const { axis, bytes } of steps)
    if (bytes <= Math.max(stretchBytes, lineBytes)) stretchBytes += bytes * (extents[axis] - 1);
    else stretches *= extents[axis];
  return { lines: stretches * Math.max(1, stretchBytes / lineBytes), stretchBytes, stretches };
}
