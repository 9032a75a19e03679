import { LANES } from './types.ts';

/** A stretch of an axis: `iterations` steps of `tile` units, each unit `lanes` neighbouring points in one vector. */
export interface Segment {
  readonly start: number;
  readonly iterations: number;
  readonly tile: number;
  readonly lanes: 1 | typeof LANES;
}

export interface Loop {
  readonly axis: number;
  /** Together they cover the axis; those of its longest stretch come first. */
  readonly segments: readonly Segment[];
}

/**
 * The loops of a kernel, outermost first: sequential and parallel axes, then reduced ones. All points of a step of
 * all loops (the product of their tiles) are unrolled into one straight piece of code, which shares what they have in
 * common: that is register tiling.
 */
export interface Nest {
  readonly loops: readonly Loop[];
  /** The number of loops that are not reduced. */
  readonly outerDepth: number;
  /** The axis along which vectors run, or -1. */
  readonly vectorAxis: number;
  /** Independent accumulators per point, so that a sum is not bound by the latency of one addition. */
  readonly chains: number;
}

/**
 * Covers an axis by steps of `tile` units; what is left over gets steps of its own.
 *
 * @param cuts points, ascending, at which a step begins
 */
export function segmentsOf(
  extent: number,
  tile: number,
  vector: boolean,
  cuts: readonly number[] = [],
): Segment[] {
  if (cuts.length === 0) return stretchSegments({ start: 0, extent }, tile, vector);
  const starts = [0, ...cuts];
  return starts
    .map((start, k) => ({ start, extent: (starts[k + 1] ?? extent) - start }))
    .sort((a, b) => b.extent - a.extent)
    .flatMap((stretch) => stretchSegments(stretch, tile, vector));
}

function stretchSegments(
  { start: first, extent: length }: { readonly start: number; readonly extent: number },
  tile: number,
  vector: boolean,
): Segment[] {
  const segments: Segment[] = [];
  const extent = first + length;
  let start = first;
  const push = (iterations: number, units: number, lanes: Segment['lanes']) => {
    if (iterations === 0 || units === 0) return;
    segments.push({ start, iterations, tile: units, lanes });
    start += iterations * units * lanes;
  };
  if (vector) {
    push(Math.floor(length / (LANES * tile)), tile, LANES);
    push(1, Math.floor((extent - start) / LANES), LANES);
    push(1, extent - start, 1);
  } else {
    push(Math.floor(length / tile), tile, 1);
    push(1, extent - start, 1);
  }
  return segments;
}
