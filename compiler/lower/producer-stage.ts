import { type Affine, type Axis, localArray, type Store } from '../../ir/kernel.ts';
import { axisAffine, combineAffines, substitute } from './affine.ts';
import { canonicalise, mergeAxes, mergeable } from './canonicalise.ts';
import { type LoopNest, macsOf, originsOf, withAxes } from './loop-nest.ts';
import type { ProducerLink } from './producer-link.ts';

/**
 * A contraction and its producer as one kernel with a stage.
 *
 * @param sizes for each shared axis how many of its points one tile has, a divisor of its extent; all points of the
 *   producer's other axes are in every tile
 */
export function stageProducer(link: ProducerLink, sizes: readonly number[]): LoopNest {
  const { producer, consumer, digits, shared } = link;
  const tiles = shared.flatMap(({ extent }, k) =>
    extent > sizes[k] ? [{ shared: k, extent: extent / sizes[k] }] : [],
  );
  const tileOf = new Map(tiles.map((tile, position) => [tile.shared, position]));
  const cut = (nest: LoopNest, side: 'producer' | 'consumer') =>
    cutAxes(
      nest,
      tiles.map(({ extent }) => extent),
      (axis) => {
        const k = shared.findIndex((one) => one[side] === axis);
        return k < 0 ? null : { size: sizes[k], tile: tileOf.get(k) ?? null };
      },
    );
  const first = cut(producer, 'producer');
  const second = cut(consumer, 'consumer');

  const { strides, elements } = arrayStrides(link, sizes);
  const place = (images: readonly Affine[], axisCount: number) =>
    combineAffines(images, strides, axisCount);
  const within = first.nest.axes.length;
  const store: Store = {
    ...first.nest.stores[0],
    buffer: localArray(0),
    index: place(first.own.slice(0, digits.length), within),
  };
  const read = second.nest.axes.length;
  const ownOf = new Map(shared.map((one) => [one.producer, second.own[one.consumer]]));
  const index = place(
    digits.map((digit, axis) => ownOf.get(axis) ?? substitute(digit, second.images, read)),
    read,
  );
  const nodes = second.nest.nodes.map((node, k) =>
    k === link.load && node.kind === 'load' ? { ...node, buffer: localArray(0), index } : node,
  );
  return joinHalves(
    { ...first.nest, stores: [store] },
    { ...second.nest, nodes },
    { tileAxes: tiles.length, elements },
  );
}

interface CutNest {
  readonly nest: LoopNest;
  /** Each old axis over the new ones. */
  readonly images: readonly Affine[];
  /** The same without the tile axes: positions inside a tile. */
  readonly own: readonly Affine[];
}

/** Puts tile axes in front; axes of which `part` tells the size inside a tile are cut accordingly. */
function cutAxes(
  nest: LoopNest,
  tiles: readonly number[],
  part: (axis: number) => { size: number; tile: number | null } | null,
): CutNest {
  const axes: Axis[] = tiles.map((extent) => ({ extent, kind: 'parallel' }));
  const places = nest.axes.map(({ extent, kind }, axis) => {
    const size = part(axis)?.size ?? extent;
    return axes.push({ extent: size, kind }) - 1;
  });
  const own = places.map((place) => axisAffine(place, axes.length));
  const images = own.map((inside, axis) => {
    const shared = part(axis);
    if (!shared || shared.tile === null) return inside;
    return combineAffines(
      [axisAffine(shared.tile, axes.length), inside],
      [shared.size, 1],
      axes.length,
    );
  });
  const moved = withAxes(nest, axes, (affine) => substitute(affine, images, axes.length));
  return { nest: moved, images, own };
}

/** Where the axes of the producer lie in the array of a tile: in the order that they have in memory. */
function arrayStrides({ producer, digits, shared }: ProducerLink, sizes: readonly number[]) {
  const { coefficients } = producer.stores[0].index;
  const extents = digits.map((_, axis) => {
    const k = shared.findIndex((one) => one.producer === axis);
    return k < 0 ? producer.axes[axis].extent : sizes[k];
  });
  const strides = new Array<number>(digits.length).fill(0);
  const order = digits.map((_, axis) => axis).sort((a, b) => coefficients[a] - coefficients[b]);
  let elements = 1;
  for (const axis of order) {
    strides[axis] = elements;
    elements *= extents[axis];
  }
  return { strides, elements };
}

function joinHalves(
  producer: LoopNest,
  consumer: LoopNest,
  { tileAxes, elements }: { readonly tileAxes: number; readonly elements: number },
): LoopNest {
  let [first, second, tiles] = [producer, consumer, tileAxes];
  for (let outer = tileAxes - 2; outer >= 0; outer--) {
    if (!mergeable(first, outer) || !mergeable(second, outer)) continue;
    first = mergeAxes(first, outer);
    second = mergeAxes(second, outer);
    tiles--;
  }
  first = canonicalise(first, tiles);
  second = canonicalise(second, tiles);
  const [store] = first.stores;
  const { dtype } = first.nodes[store.value];
  return {
    ...second,
    staging: {
      tileAxes: tiles,
      tileTerms: 0,
      stages: [
        {
          axes: first.axes.slice(tiles),
          nodes: first.nodes,
          reduction: first.reduction,
          stores: [store],
          local: { dtype, elements, buffer: null },
        },
      ],
    },
    ops: [...producer.ops, ...consumer.ops],
    origins: originsOf(consumer, producer),
    ...macsOf(producer, consumer),
  };
}
