import type { Affine } from '../../ir/kernel.ts';
import { arrayElements, type LinkedCluster, type LinkedNest } from './cluster.ts';

/** How much of the memory for the arrays a tile may take: little, for many tiles, or all. */
const FILLS = [1 / 16, 1 / 4, 1];
/** Orders that are tried: kernels that read many tensors have many. */
const MOST_ORDERS = 4;
/** Smaller tiles, for arrays that are far smaller than what is computed of them. */
const SMALL_FILLS = [1 / 4096, 1 / 256];

/**
 * Ways to cut the shared axes of a cluster into tiles whose arrays have at most `most` elements. Axes are taken into the
 * tile in one of several orders, as much of each as fits: along the memory of the intermediates, of the result, and of
 * what the producers read, the innermost first, so that a tile walks along memory.
 *
 * @param isSmall whether to try tiles whose arrays take little of the memory for them
 * @returns for each way how many points of each shared axis one tile has
 */
export function tileSizes(
  cluster: LinkedCluster,
  most: number,
  isSmall = false,
): readonly (readonly number[])[] {
  const ones = cluster.shared.map(() => 1);
  const least = total(arrayElements(cluster, ones));
  const found = new Map<string, readonly number[]>();
  for (const order of orders(cluster))
    for (const fill of [...(isSmall ? SMALL_FILLS : []), ...FILLS]) {
      const sizes = filled(cluster, order, Math.max(least, most * fill));
      found.set(sizes.join(), sizes);
    }
  return least > most ? [] : [...found.values()];
}

/** Points of a tile along one axis that an invocation has in registers. */
const SIDES = [8, 7, 6, 5, 4, 3, 2, 1];

/**
 * Tiles of a few points along the last two axes, whose arrays have at most `most` elements: for invocations that compute them alone.
 */
export function blockSizes(cluster: LinkedCluster, most: number): readonly (readonly number[])[] {
  const ones = cluster.shared.map(() => 1);
  const fits = (sizes: readonly number[]) => total(arrayElements(cluster, sizes)) <= most;
  if (!fits(ones)) return [];
  const [inner, outer] = [...cluster.shared.keys()].reverse();
  const sidesOf = (axis: number | undefined) =>
    axis === undefined ? [1] : SIDES.filter((side) => cluster.shared[axis].extent % side === 0);
  const sized = (axis: number | undefined, side: number, sizes: readonly number[]) =>
    axis === undefined ? sizes : sizes.with(axis, side);
  const found = new Map([[ones.join(), ones as readonly number[]]]);
  for (const side of sidesOf(outer)) {
    const sizes = sized(outer, side, ones);
    const other = sidesOf(inner).find((one) => fits(sized(inner, one, sizes)));
    if (other === undefined) continue;
    const both = sized(inner, other, sizes);
    found.set(both.join(), both);
  }
  return [...found.values()];
}

const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

const FAR = Number.MAX_SAFE_INTEGER;

/** Orders in which shared axes enter a tile, by stride in some memory that they walk along. */
function orders({ producers, consumer, shared }: LinkedCluster): number[][] {
  const byStride = (stride: (k: number) => number) =>
    shared
      .map((_, k) => k)
      // Axes along which nothing moves come last.
      .sort((a, b) => (stride(a) || FAR) - (stride(b) || FAR));
  const along = ({ axes }: LinkedNest, { coefficients }: Affine) =>
    byStride((k) => Math.abs(coefficients[axes.indexOf(shared[k].axis)]));
  const found = [
    ...producers.map((producer) => along(producer, producer.store.index)),
    along(consumer, consumer.nest.stores[0].index),
    ...producers.flatMap((producer) =>
      producer.nest.nodes.flatMap((node) =>
        node.kind === 'load' ? [along(producer, node.index)] : [],
      ),
    ),
  ];
  return [...new Map(found.map((order) => [order.join(), order])).values()].slice(0, MOST_ORDERS);
}

function filled(cluster: LinkedCluster, order: readonly number[], most: number): number[] {
  const { shared } = cluster;
  const sizes = shared.map(() => 1);
  for (const k of order) {
    for (const size of divisors(shared[k].extent)) {
      sizes[k] = size;
      if (total(arrayElements(cluster, sizes)) <= most) break;
    }
  }
  return sizes;
}

/** The divisors of a number, the largest first. */
function divisors(number: number): number[] {
  const small: number[] = [];
  for (let divisor = 1; divisor * divisor <= number; divisor++)
    if (number % divisor === 0) small.push(divisor);
  const large = small.map((divisor) => number / divisor);
  return [...new Set([...large, ...small.reverse()])];
}
