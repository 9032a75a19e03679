import type { ProducerLink } from './producer-link.ts';

/** How much of the memory for the array a tile may take: little, for many tiles, or all. */
const FILLS = [1 / 16, 1 / 4, 1];

/**
 * Ways to cut the shared axes of a contraction and its producer into tiles whose arrays have at most `most` elements. Axes are taken into the
 * tile in one of several orders, as much of each as fits: along the memory of the intermediate, of the result, and of
 * what the producer reads, the innermost first, so that a tile walks along memory.
 *
 * @returns for each way how many points of each shared axis one tile has
 */
export function tileSizes(
  { producer, consumer, digits, shared }: ProducerLink,
  most: number,
): readonly (readonly number[])[] {
  const isShared = new Set(shared.map((one) => one.producer));
  const least = digits.reduce(
    (product, _, axis) => (isShared.has(axis) ? product : product * producer.axes[axis].extent),
    1,
  );
  const found = new Map<string, readonly number[]>();
  for (const order of orders({ producer, consumer, shared })) {
    for (const fill of FILLS) {
      const sizes = filled(order, shared, least, Math.max(least, most * fill));
      found.set(sizes.join(), sizes);
    }
  }
  return least > most ? [] : [...found.values()];
}

type Ordered = Pick<ProducerLink, 'producer' | 'consumer' | 'shared'>;

const FAR = Number.MAX_SAFE_INTEGER;

/** Orders in which shared axes enter a tile, by stride in some memory that they walk along. */
function orders({ producer, consumer, shared }: Ordered): number[][] {
  const byStride = (stride: (k: number) => number) =>
    shared
      .map((_, k) => k)
      // Axes along which nothing moves come last.
      .sort((a, b) => (stride(a) || FAR) - (stride(b) || FAR));
  const loads = producer.nodes.flatMap((node) => (node.kind === 'load' ? [node.index] : []));
  return [
    byStride((k) => producer.stores[0].index.coefficients[shared[k].producer]),
    byStride((k) => consumer.stores[0].index.coefficients[shared[k].consumer]),
    ...loads.map((index) => byStride((k) => Math.abs(index.coefficients[shared[k].producer]))),
  ];
}

function filled(
  order: readonly number[],
  shared: ProducerLink['shared'],
  least: number,
  most: number,
): number[] {
  const sizes = shared.map(() => 1);
  let elements = least;
  for (const k of order) {
    const size = largestDivisor(shared[k].extent, Math.floor(most / elements));
    sizes[k] = size;
    elements *= size;
  }
  return sizes;
}

/** The largest divisor of `extent` that is at most `most`. */
function largestDivisor(extent: number, most: number): number {
  for (let divisor = Math.min(extent, most); divisor > 1; divisor--)
    if (extent % divisor === 0) return divisor;
  return 1;
}
