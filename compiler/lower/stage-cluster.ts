import { type Affine, type Axis, localArray, type Stage, type Store } from '../../ir/kernel.ts';
import { axisAffine, combineAffines, substitute } from './affine.ts';
import { canonicalise, mergeAxes, mergeable } from './canonicalise.ts';
import type { LinkedCluster, LinkedNest, LinkedProducer } from './cluster.ts';
import { parallelCount } from './cluster.ts';
import { type LoopNest, withAxes } from './loop-nest.ts';
import type { NestWork } from './nest-shape.ts';

/**
 * A cluster as one kernel with a stage for each producer.
 *
 * @param sizes for each shared axis how many of its points one tile has, a divisor of its extent; all points of the
 *   producers' other axes are in every tile
 */
export function stageCluster(cluster: LinkedCluster, sizes: readonly number[]): LoopNest {
  const { producers, consumer, shared } = cluster;
  const tiles = shared.flatMap(({ axis, extent, kind }, k) =>
    extent > sizes[k] ? [{ axis, kind, extent: extent / sizes[k], size: sizes[k] }] : [],
  );
  const sizeOf = new Map(shared.map(({ axis }, k) => [axis, sizes[k]]));
  const summed = new Set(tiles.flatMap(({ axis, kind }) => (kind === 'reduced' ? [axis] : [])));
  const places = producers.map((producer) => placeIn(producer, sizeOf, summed));
  const cuts = producers.map((producer) => cutAxes(producer, tiles, false));
  const parts = producers.map((producer, k): LoopNest => {
    const { nest, own } = cuts[k];
    const { length } = nest.axes;
    const local: Store = {
      ...nest.stores.find(({ buffer }) => buffer === producer.tensor)!,
      buffer: localArray(k),
      index: combineAffines(own.slice(0, places[k].strides.length), places[k].strides, length),
    };
    const others = nest.stores.filter(
      ({ buffer }) => buffer !== producer.tensor || producer.isKept,
    );
    return { ...withReads(producer, cuts[k], cluster, places), stores: [local, ...others] };
  });
  const cut = cutAxes(consumer, tiles, true);
  const body = withReads(consumer, cut, cluster, places);
  return joined(
    parts,
    body,
    places.map(({ elements }) => elements),
    tiles.filter(({ kind }) => kind === 'parallel').length,
    tiles.filter(({ kind }) => kind === 'reduced').length,
  );
}

interface Tile {
  /** An axis of the consumer, and how many tiles are along it, of how many points. */
  readonly axis: number;
  readonly kind: Axis['kind'];
  readonly extent: number;
  readonly size: number;
}

interface CutNest {
  readonly nest: LoopNest;
  /** Each old axis over the new ones. */
  readonly images: readonly Affine[];
  /** The same without the tile axes: positions inside a tile. */
  readonly own: readonly Affine[];
}

/** Puts the axes of tiles in front: all of them, or those that the consumer reduces in front of its reduced ones. */
function cutAxes(
  { nest, axes: same }: LinkedNest,
  tiles: readonly Tile[],
  isConsumer: boolean,
): CutNest {
  const axes: Axis[] = [];
  const tilePlaces = new Map<number, number>();
  const place = (wanted: (tile: Tile) => boolean) => {
    for (const tile of tiles)
      if (wanted(tile)) {
        const kind = isConsumer ? tile.kind : 'parallel';
        tilePlaces.set(tile.axis, axes.push({ extent: tile.extent, kind }) - 1);
      }
  };
  place(({ kind }) => !isConsumer || kind === 'parallel');
  const tileOf = (axis: number) => tiles.find((tile) => tile.axis === same[axis]);
  const places: number[] = [];
  const count = parallelCount(nest);
  nest.axes.forEach(({ extent, kind }, axis) => {
    if (isConsumer && axis === count) place((tile) => tile.kind === 'reduced');
    places.push(axes.push({ extent: tileOf(axis)?.size ?? extent, kind }) - 1);
  });
  const own = places.map((position) => axisAffine(position, axes.length));
  const images = own.map((inside, axis) => {
    const tile = tileOf(axis);
    if (!tile) return inside;
    const outer = axisAffine(tilePlaces.get(tile.axis)!, axes.length);
    return combineAffines([outer, inside], [tile.size, 1], axes.length);
  });
  const moved = withAxes(nest, axes, (affine) => substitute(affine, images, axes.length));
  return { nest: moved, images, own };
}

interface PlaceInArray {
  /** Of the producer's parallel axes in the array of a tile. */
  readonly strides: readonly number[];
  readonly elements: number;
}

/**
 * Where the axes of a producer lie in the array of a tile: in the order that they have in memory, but those that the consumer sums from tile
 * to tile outside, so that its points lie together, which an invocation has several of.
 */
function placeIn(
  { nest, axes, store }: LinkedProducer,
  sizeOf: ReadonlyMap<number, number>,
  summed: ReadonlySet<number>,
): PlaceInArray {
  const { coefficients } = store.index;
  const count = parallelCount(nest);
  const strides = new Array<number>(count).fill(0);
  const outside = (axis: number) => Number(summed.has(axes[axis] ?? -1));
  const order = [...strides.keys()].sort(
    (a, b) => outside(a) - outside(b) || coefficients[a] - coefficients[b],
  );
  let elements = 1;
  for (const axis of order) {
    strides[axis] = elements;
    elements *= sizeOf.get(axes[axis] ?? -1) ?? nest.axes[axis].extent;
  }
  return { strides, elements };
}

/** The nest with what it reads of the cluster read from arrays. */
function withReads(
  { reads }: LinkedNest,
  { nest, images, own }: CutNest,
  { producers, shared }: LinkedCluster,
  places: readonly PlaceInArray[],
): LoopNest {
  const { length } = nest.axes;
  const isShared = new Set(shared.map(({ axis }) => axis));
  const readAt = new Map(reads.map((read) => [read.node, read]));
  const nodes = nest.nodes.map((node, k) => {
    const read = readAt.get(k);
    if (!read || node.kind !== 'load') return node;
    const { axes } = producers[read.producer];
    const inside = read.digits.map((digit, axis) => {
      const image = axes[axis];
      if (image === null || !isShared.has(image)) return substitute(digit, images, length);
      return own[digit.coefficients.findIndex((stride) => stride !== 0)];
    });
    const index = combineAffines(inside, places[read.producer].strides, length);
    return { ...node, buffer: localArray(read.producer), index };
  });
  return { ...nest, nodes };
}

function joined(
  parts: readonly LoopNest[],
  body: LoopNest,
  elements: readonly number[],
  tileAxes: number,
  tileTerms: number,
): LoopNest {
  let all = [...parts, body];
  let tiles = tileAxes;
  for (let outer = tileAxes - 2; outer >= 0; outer--) {
    if (!all.every((nest) => mergeable(nest, outer))) continue;
    all = all.map((nest) => mergeAxes(nest, outer));
    tiles--;
  }
  const stages = all.slice(0, -1).map((nest, k): Stage => {
    const { axes, nodes, reductions, stores } = canonicalise(nest, tiles + tileTerms);
    const { dtype } = nodes[stores[0].value];
    return {
      ...{ axes: axes.slice(tiles + tileTerms), nodes, reductions, stores },
      local: { dtype, elements: elements[k], buffer: null },
    };
  });
  const last = canonicalise(all.at(-1)!, tiles, tileTerms);
  return {
    ...last,
    ...workTogether(parts, body),
    staging: { tileAxes: tiles, tileTerms, stages },
  };
}

/** What is special to a kernel that is made of others. */
export function workTogether(parts: readonly NestWork[], body: NestWork): NestWork {
  const inOrder = [...parts, body];
  const macs = inOrder.reduce((sum, nest) => sum + (nest.macs ?? 0), 0);
  return {
    ops: inOrder.flatMap(({ ops }) => ops),
    origins: [...new Set([body, ...parts].flatMap(({ origins }) => origins))],
    ...(macs > 0 ? { macs } : {}),
  };
}
