import type { Blocks } from '../../compiler/liveness/events.ts';
import { randomBelow } from './random-schedule.ts';

export function only({ bytes, first, last }: Blocks, kept: readonly number[]): Blocks {
  return {
    bytes: Float64Array.from(kept, (block) => bytes[block]),
    first: Int32Array.from(kept, (block) => first[block]),
    last: Int32Array.from(kept, (block) => last[block]),
  };
}

export function randomBlocks(
  seed: number,
  sizes: { count: number; steps: number; most: number; longest?: number },
): Blocks {
  const { count, steps, most, longest = steps } = sizes;
  const below = randomBelow(seed);
  const first = Int32Array.from({ length: count }, () => below(steps));
  return {
    bytes: Float64Array.from(first, () => 1 + below(most)),
    first,
    last: first.map((step) =>
      Math.min(steps - 1, step + below(below(4) === 0 ? longest : Math.ceil(longest / 4))),
    ),
  };
}

/**
 * A rectangle of time and addresses, cut into at least `count` pieces by cuts across a piece: so `height` bytes suffice, and every step
 * needs them all.
 */
export function cutRectangle(seed: number, count: number): { blocks: Blocks; height: number } {
  const below = randomBelow(seed);
  const height = 1024;
  let pieces = [{ first: 0, last: 4 * count, low: 0, high: height }];
  for (let misses = 0; pieces.length < count && misses < 1000; ) {
    const at = below(pieces.length);
    const { first, last, low, high } = pieces[at];
    const cut = below(2) === 0 ? cutTime(first, last) : cutBytes(low, high);
    if (cut) pieces = pieces.toSpliced(at, 1, ...cut.map((part) => ({ ...pieces[at], ...part })));
    else misses++;
  }
  function cutTime(first: number, last: number) {
    if (last - first < 2) return null;
    const step = first + 1 + below(last - first - 1);
    return [{ last: step - 1 }, { first: step }];
  }
  function cutBytes(low: number, high: number) {
    if (high - low < 8) return null;
    const address = low + 4 + below(high - low - 7);
    return [{ high: address }, { low: address }];
  }
  const order = pieces.map((piece) => ({ piece, key: below(2 ** 30) }));
  order.sort((a, b) => a.key - b.key);
  const shuffled = order.map(({ piece }) => piece);
  return {
    height,
    blocks: {
      bytes: Float64Array.from(shuffled, ({ low, high }) => high - low),
      first: Int32Array.from(shuffled, ({ first }) => first),
      last: Int32Array.from(shuffled, ({ last }) => last),
    },
  };
}

/** Some lives, and what fills their steps up to one height: often that cannot be packed into it. */
export function filledBlocks(seed: number): Blocks {
  const below = randomBelow(seed);
  const height = 6 + below(4);
  const live = new Array<number>(4).fill(0);
  const lives: [number, number, number][] = [];
  for (let tries = 0; tries < 8 && lives.length < 4; tries++) {
    const first = below(3);
    const last = Math.min(3, first + 1 + below(3));
    const bytes = 1 + below(4);
    const steps = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    if (steps.some((step) => live[step] + bytes > height)) continue;
    for (const step of steps) live[step] += bytes;
    lives.push([first, last, bytes]);
  }
  live.forEach((bytes, step) => {
    if (bytes < height) lives.push([step, step, height - bytes]);
  });
  return {
    bytes: Float64Array.from(lives, ([, , bytes]) => bytes),
    first: Int32Array.from(lives, ([first]) => first),
    last: Int32Array.from(lives, ([, last]) => last),
  };
}

/** Lives of a deep network in training: five blocks a layer, of which some live until the layer's turn comes in the backward pass. */
export function trainingBlocks(seed: number, count: number): Blocks {
  const below = randomBelow(seed);
  const layers = Math.floor(count / 5);
  const end = 4 * layers;
  const lives = Array.from({ length: layers }, (_, layer) => {
    const bytes = 256 * (1 + below(64)) * 2 ** Math.floor((4 * layer) / layers);
    const back = end - 2 * layer;
    return [
      [2 * layer, back, bytes],
      [2 * layer, 2 * layer + 1, 256 * (1 + below(32))],
      [2 * layer + 1, back - 1, 256 * (1 + below(8))],
      [back - 1, back + 1, bytes],
      [back, layer % 2 === 0 ? end + 1 : back + below(4), 256 * (1 + below(64))],
    ];
  }).flat();
  return {
    bytes: Float64Array.from(lives, ([, , bytes]) => bytes),
    first: Int32Array.from(lives, ([first]) => first),
    last: Int32Array.from(lives, ([, last]) => last),
  };
}

/** The lowest address for a block among those that have one, which is not negative. */
export function lowestFree(
  { bytes, first, last }: Blocks,
  addresses: Float64Array,
  block: number,
): number {
  const others = [...addresses.keys()].filter(
    (other) => addresses[other] >= 0 && first[other] <= last[block] && first[block] <= last[other],
  );
  const ends = [0, ...others.map((other) => addresses[other] + bytes[other])];
  const isFree = (address: number) =>
    others.every(
      (other) =>
        address >= addresses[other] + bytes[other] || address + bytes[block] <= addresses[other],
    );
  return Math.min(...ends.filter(isFree));
}

/** The least that any order gives when each block falls to the lowest place that is free: the optimum, for a handful of blocks; `over` where it is not less. */
export function leastTop({ bytes, first, last }: Blocks, over = Number.POSITIVE_INFINITY): number {
  const blocks = { bytes, first, last };
  const addresses = new Float64Array(bytes.length).fill(-1);
  let least = over;
  const place = (left: readonly number[], top: number) => {
    if (top >= least) return;
    if (left.length === 0) least = top;
    for (const block of left) {
      addresses[block] = lowestFree(blocks, addresses, block);
      place(
        left.filter((other) => other !== block),
        Math.max(top, addresses[block] + bytes[block]),
      );
      addresses[block] = -1;
    }
  };
  place([...bytes.keys()], 0);
  return least;
}
