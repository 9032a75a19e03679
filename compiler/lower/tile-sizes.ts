import type { Affine } from '../../ir/kernel.ts';
import { arrayElements, type LinkedCluster, type LinkedNest } from './cluster.ts';
import { isMatrixProduct } from './loop-nest.ts';
import { variesAlong } from './node-facts.ts';

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

/** Points of a tile along the sides of products, at most. */
const PRODUCT_SIDES = [128, 64, 32];

/**
 * Rectangles along the two longest shared axes that are sides or terms of the products in a cluster, as queries and keys are in attention, whose
 * arrays have at most `most` elements: for products in blocks, which read each element for many points. Along all other axes a tile
 * has one point.
 */
export function rectangles(cluster: LinkedCluster, most: number): readonly (readonly number[])[] {
  const { shared } = cluster;
  const sides = [...shared.keys()]
    .filter((k) => isSide(cluster, shared[k].axis))
    .sort((a, b) => shared[b].extent - shared[a].extent || a - b)
    .slice(0, 2);
  const ones: readonly number[] = shared.map(() => 1);
  let found = new Map([[ones.join(), ones]]);
  for (const k of sides) {
    const all = divisors(shared[k].extent);
    const sizes = new Set(PRODUCT_SIDES.map((side) => all.find((size) => size <= side)!));
    found = new Map(
      [...found.values()].flatMap((tile) =>
        [...sizes].map((size) => {
          const sized = tile.with(k, size);
          return [sized.join(), sized] as const;
        }),
      ),
    );
  }
  const fitting = [...found.values()].filter(
    (sizes) => total(arrayElements(cluster, sizes)) <= most,
  );
  return sides.length > 0 ? fitting : [];
}

/** Whether an axis of the consumer tells apart the values of one factor alone, or terms, in every product of a cluster. */
function isSide({ producers, consumer }: LinkedCluster, axis: number): boolean {
  const nests = [...producers, consumer].filter(({ nest }) => isMatrixProduct(nest));
  return (
    nests.length > 0 &&
    nests.every(({ nest, axes }) => {
      const own = axes.indexOf(axis);
      if (own < 0 || nest.axes[own].kind === 'reduced') return true;
      const varies = variesAlong(
        nest,
        nest.axes.map((_, other) => other === own),
      );
      const value = nest.nodes[nest.reductions[0].value];
      return (
        value.kind === 'apply' && value.operands.filter((factor) => varies[factor]).length === 1
      );
    })
  );
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
