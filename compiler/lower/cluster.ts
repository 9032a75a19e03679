import type { Affine, AxisKind, Store } from '../../ir/kernel.ts';
import { delinearise, type SplitRequest } from './affine.ts';
import { type LoopNest, splitAxis } from './loop-nest.ts';
import { overlaps, type Range } from './ranges.ts';
import { touchedRanges } from './sequence.ts';

/** A kernel and those that make what it reads, to be computed together, tile by tile. */
export interface Cluster {
  /** In an order in which each comes before those that read its result. */
  readonly producers: readonly Producer[];
  readonly consumer: LoopNest;
}

/** One that makes what later ones of its cluster read. */
export interface Producer {
  readonly nest: LoopNest;
  /** What they read. It has one store to it, at all of its parallel points. */
  readonly tensor: number;
  /** Others read it as well, so that it is stored in memory too. */
  readonly isKept: boolean;
}

/** A cluster whose axes are cut so that those of one computation correspond to those of another. */
export interface LinkedCluster {
  readonly producers: readonly LinkedProducer[];
  readonly consumer: LinkedNest;
  /** Axes of the consumer by which all of the cluster can be cut into tiles: parallel ones, then reduced ones. */
  readonly shared: readonly SharedAxis[];
}

export interface LinkedNest {
  readonly nest: LoopNest;
  /** What it reads of the cluster. */
  readonly reads: readonly ClusterRead[];
  /** By its axes: the axis of the consumer that is the same, or null. */
  readonly axes: readonly (number | null)[];
}

export interface LinkedProducer extends LinkedNest, Pick<Producer, 'tensor' | 'isKept'> {
  /** What it stores for the others. */
  readonly store: Store;
}

export interface ClusterRead {
  readonly node: number;
  readonly producer: number;
  /** For each parallel axis of the producer, its index as the reader has it: over the reader's axes. */
  readonly digits: readonly Affine[];
}

export interface SharedAxis {
  readonly axis: number;
  readonly extent: number;
  readonly kind: AxisKind;
}

/** Cuts of axes after which the attempt is given up. */
const MOST_CUTS = 24;

/** A computation of a cluster: the producers in order, then the consumer. */
type Nests = readonly LoopNest[];

/**
 * Finds which axes of a cluster are the same.
 *
 * @param carries whether tiles may also be cut along axes that the consumer reduces
 * @returns the cluster with its axes cut, or why there is none
 */
export function linkCluster(
  { producers, consumer }: Cluster,
  carries: boolean,
): LinkedCluster | { readonly reason: string } {
  let nests: Nests = [...producers.map(({ nest }) => nest), consumer];
  for (let cuts = 0; cuts < MOST_CUTS; cuts++) {
    const found = readsOf(nests, producers);
    if ('reason' in found) return found;
    if ('reads' in found) return linked(nests, producers, found.reads, carries);
    const { nest, cut } = found;
    nests = nests.map((one, k) => (k === nest ? splitAxis(one, cut.axis, cut.inner) : one));
  }
  return NO_LINK;
}

const NO_LINK = { reason: 'the axes of the two contractions do not correspond' } as const;

export const parallelCount = ({ axes }: LoopNest) =>
  axes.filter(({ kind }) => kind === 'parallel').length;

const storeTo = ({ stores }: LoopNest, tensor: number) =>
  stores.find(({ buffer }) => buffer === tensor)!;

type Reads =
  | { readonly reads: readonly (readonly ClusterRead[])[] }
  | { readonly nest: number; readonly cut: SplitRequest }
  | { readonly reason: string };

/** What each computation reads of those before it; or a cut that has to be made first. */
function readsOf(nests: Nests, producers: readonly Producer[]): Reads {
  const reads: ClusterRead[][] = nests.map(() => []);
  for (const [reader, { nodes, axes }] of nests.entries())
    for (const [node, load] of nodes.entries()) {
      if (load.kind !== 'load') continue;
      const producer = producers.findIndex(({ tensor }) => tensor === load.buffer);
      if (producer < 0) continue;
      if (producer >= reader || load.bounds.length > 0 || load.indirect)
        return { reason: 'the intermediate is read in more than one way' };
      const maker = nests[producer];
      const { index } = storeTo(maker, load.buffer);
      const count = parallelCount(maker);
      const reading = delinearise(
        { offset: load.index.offset - index.offset, coefficients: load.index.coefficients },
        axes,
        index.coefficients.slice(0, count),
        maker.axes.slice(0, count).map(({ extent }) => extent),
      );
      if (!reading) return NO_LINK;
      if ('split' in reading) return { nest: reader, cut: reading.split };
      const { digits } = reading;
      const cut = producerCut(digits, nests[reader], maker);
      if (cut) return { nest: producer, cut };
      reads[reader].push({ node, producer, digits });
    }
  return { reads };
}

/**
 * Where to cut a producer's axis: if several axes of the reader make it up, like the digits of a number; or if the reader has
 * only a part of it, as one of the gates that a product makes side by side.
 */
function producerCut(
  digits: readonly Affine[],
  reader: LoopNest,
  producer: LoopNest,
): SplitRequest | null {
  for (const [axis, { offset, coefficients }] of digits.entries()) {
    const parts = coefficients
      .flatMap((stride, k) =>
        stride > 0 && reader.axes[k].extent > 1 ? [{ stride, extent: reader.axes[k].extent }] : [],
      )
      .sort((a, b) => a.stride - b.stride);
    const [inner, next] = parts;
    if (inner?.stride !== 1) continue;
    if (offset === 0 && next?.stride === inner.extent) return { axis, inner: inner.extent };
    const { extent } = producer.axes[axis];
    const isPart = inner.extent < extent && extent % inner.extent === 0;
    if (!next && isPart && offset % inner.extent === 0) return { axis, inner: inner.extent };
  }
  return null;
}

function linked(
  nests: Nests,
  producers: readonly Producer[],
  reads: readonly (readonly ClusterRead[])[],
  carries: boolean,
): LinkedCluster {
  const last = nests.length - 1;
  const consumer = nests[last];
  const axes: (number | null)[][] = nests.map((nest) => nest.axes.map(() => null));
  axes[last] = consumer.axes.map((_, axis) => axis);
  const readersOf = (producer: number) =>
    reads.flatMap((list, reader) =>
      list.flatMap((read) => (read.producer === producer ? [{ ...read, reader }] : [])),
    );
  for (let producer = last - 1; producer >= 0; producer--) {
    const nest = nests[producer];
    const all = readersOf(producer);
    for (let axis = 0; axis < parallelCount(nest); axis++) {
      const images = all.map(({ digits, reader }) => {
        const own = equalAxis(digits, axis, nests[reader], nest.axes[axis].extent);
        const kind = own === null ? null : nests[reader].axes[own].kind;
        // What a producer sums up itself is not an axis that tiles could have.
        return own === null || (kind === 'reduced' && reader !== last) ? null : axes[reader][own];
      });
      const [image] = images;
      const isOne = images.every((one) => one === image);
      if (isOne && image !== undefined && !axes[producer].includes(image))
        axes[producer][axis] = image;
    }
  }
  const mayCarry = carries && producers.every(({ isKept }) => !isKept);
  const shared = consumer.axes.flatMap(({ extent, kind }, axis): SharedAxis[] => {
    const inAll = axes.slice(0, last).every((own) => own.includes(axis));
    const isTiled = kind === 'parallel' || (kind === 'reduced' && mayCarry);
    return inAll && isTiled && extent > 1 ? [{ axis, extent, kind }] : [];
  });
  const nestOf = (k: number) => ({ nest: nests[k], reads: reads[k], axes: axes[k] });
  return {
    producers: producers.map(({ tensor, isKept }, k) => ({
      ...nestOf(k),
      ...{ tensor, isKept, store: storeTo(nests[k], tensor) },
    })),
    consumer: nestOf(last),
    shared,
  };
}

/** The axis of the reader that a digit is nothing but, or null. */
function equalAxis(
  digits: readonly Affine[],
  digit: number,
  { axes }: LoopNest,
  extent: number,
): number | null {
  const { offset, coefficients } = digits[digit];
  const used = coefficients.flatMap((stride, k) => (stride !== 0 ? [k] : []));
  const [one] = used;
  const uses = digits.filter((other) => other.coefficients[one] !== 0).length;
  const isEqual =
    used.length === 1 &&
    offset === 0 &&
    extent > 1 &&
    coefficients[one] === 1 &&
    uses === 1 &&
    axes[one].extent === extent;
  return isEqual ? one : null;
}

/** Whether the consumer writes where a producer reads: tiles of the one would see what others have written. */
export function storesWhatTheyLoad({ producers, consumer }: Cluster): boolean {
  const stored = touchedRanges(consumer).filter((range) => range.stored);
  const isStored = (range: Range) => stored.some((other) => overlaps(range, other));
  return producers.some(({ nest }) =>
    touchedRanges(nest).some((range) => !range.stored && isStored(range)),
  );
}

/** Elements of the array of each producer, if a tile has so many points of each shared axis. */
export function arrayElements(
  { producers, shared }: LinkedCluster,
  sizes: readonly number[],
): number[] {
  const sizeOf = new Map(shared.map(({ axis }, k) => [axis, sizes[k]]));
  return producers.map(({ nest, axes }) =>
    nest.axes.reduce(
      (product, { extent, kind }, axis) =>
        kind === 'parallel' ? product * (sizeOf.get(axes[axis] ?? -1) ?? extent) : product,
      1,
    ),
  );
}
