import { type AddressSpace, type Fit, Packer, usableAddress } from './first-fit.ts';
import { type Blocks, liveBytes, peakLiveBytes } from './liveness.ts';
import { type Preference, packSkyline } from './skyline.ts';

// Dynamic storage allocation: give every block an address so that no two blocks that are live together overlap, and
// the highest address is low. NP-hard. Best fit on a skyline (skyline.ts); greedy by size, area, pressure, start and
// end with every gap tried, the gap before the first live block included (first-fit.ts; Pisarchyk and Lee, "Efficient
// Memory Management for Deep Neural Net Inference", 2020); then repair of the best: what reaches the top moves
// forward in the order.

export interface Packing {
  /** Address of each block. */
  readonly addresses: Float64Array;
  /** Bytes taken above the reserved part, per slab. */
  readonly extents: readonly number[];
  /** Sum of `extents`. */
  readonly bytes: number;
  /** What gave it: `size/first-fit+repair`. */
  readonly method: string;
}

function slabExtents(blocks: Blocks, space: AddressSpace, addresses: Float64Array): number[] {
  const extents: number[] = [];
  addresses.forEach((address, block) => {
    const slab = Math.floor(address / space.slabBytes);
    const start = slab * space.slabBytes + (space.reserved[slab] ?? 0);
    while (extents.length <= slab) extents.push(0);
    extents[slab] = Math.max(extents[slab], address + blocks.bytes[block] - start);
  });
  return extents;
}

type Key = (block: number) => number;

/** Greedy orders, each by falling keys and then by index. */
function orders(blocks: Blocks): readonly (readonly [string, Fit, readonly Key[]])[] {
  const { bytes, first, last } = blocks;
  const size: Key = (block) => bytes[block];
  const duration: Key = (block) => last[block] - first[block] + 1;
  const area: Key = (block) => size(block) * duration(block);
  const pressure = pressureOf(blocks);
  return [
    ['size', 'first-fit', [size, duration]],
    ['start', 'best-fit', [(block) => -first[block], size]],
    ['area', 'first-fit', [area, size]],
    ['pressure', 'first-fit', [(block) => pressure[block], size, duration]],
    ['end', 'best-fit', [(block) => last[block], size]],
  ];
}

/** What a skyline may prefer: see `packSkyline`. */
function preferences(blocks: Blocks): readonly (readonly [string, Preference])[] {
  const { bytes, first, last } = blocks;
  const duration: Preference = (block) => last[block] - first[block] + 1;
  const steps = last.reduce((most, step) => Math.max(most, step), 0) + 1;
  return [
    // Blocks that touch an end of the stretch leave it in fewer pieces; both ends count more than any duration.
    [
      'edge',
      (block, stretch) =>
        (first[block] === stretch.first ? steps : 0) +
        (last[block] === stretch.last ? steps : 0) +
        duration(block, stretch),
    ],
    ['area', (block, stretch) => bytes[block] * duration(block, stretch)],
    ['duration', duration],
    ['size', (block) => bytes[block]],
  ];
}

/** For each block the most bytes that are live at one of its steps, itself included, by a sparse table of maxima. */
function pressureOf(blocks: Blocks): Float64Array {
  const levels = [liveBytes(blocks)];
  for (let width = 1; 2 * width <= levels[0].length; width *= 2) {
    const below = levels.at(-1)!;
    levels.push(
      Float64Array.from({ length: below.length - width }, (_, i) =>
        Math.max(below[i], below[i + width]),
      ),
    );
  }
  return Float64Array.from(blocks.bytes, (_, block) => {
    const length = blocks.last[block] - blocks.first[block] + 1;
    const level = 31 - Math.clz32(length);
    const row = levels[level];
    return Math.max(row[blocks.first[block]], row[blocks.last[block] - (1 << level) + 1]);
  });
}

function sorted(count: number, keys: readonly Key[]): Int32Array {
  const columns = keys.map((key) => Float64Array.from({ length: count }, (_, block) => key(block)));
  return Int32Array.from({ length: count }, (_, block) => block).sort((a, b) => {
    for (const column of columns) if (column[a] !== column[b]) return column[b] - column[a];
    return a - b;
  });
}

// Work is bounded by counts, not by a clock, so that builds are reproducible: blocks looked at by all greedy
// methods together (the first one always runs), and by the repair.
const GREEDY_VISITS = 100_000_000;
const REPAIR_VISITS = 6_000_000;
const REPAIR_ATTEMPTS = 400;

/**
 * Squeaky wheel: the blocks that reach the top, and what is live with them at random, move forward in the order
 * and everything is packed again; a result that is no worse is kept.
 */
function repair(packer: Packer, start: Packing, bound: number): Packing {
  const { blocks, space } = packer;
  const count = blocks.bytes.length;
  let best = start;
  // First fit by rising address gives the same packing again, or a lower one.
  let current = sorted(count, [(block) => -start.addresses[block]]);
  let random = 1;
  const below = (limit: number) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * limit);
  };
  const end = packer.visits + REPAIR_VISITS;
  // One attempt looks at every block at least once besides its neighbours.
  for (
    let attempt = 0;
    attempt < REPAIR_ATTEMPTS && packer.visits < end && best.bytes > bound;
    attempt++
  ) {
    packer.visits += count;
    const next = Array.from(current);
    const top = next.filter((block) => reachesTop(best, blocks, space, block));
    const moved = top[below(top.length)];
    const from = next.indexOf(moved);
    next.splice(from, 1);
    next.splice(below(from + 1), 0, moved);
    if (attempt % 2 === 1) {
      const other = below(next.length);
      const [block] = next.splice(other, 1);
      next.splice(below(other + 1), 0, block);
    }
    const candidate = Int32Array.from(next);
    const addresses = packer.pack(candidate, 'first-fit');
    const packing = measured(blocks, space, addresses, `${start.method}+repair`);
    if (packing.bytes > best.bytes) continue;
    current = candidate;
    best = packing;
  }
  return best;
}

function reachesTop(packing: Packing, blocks: Blocks, space: AddressSpace, block: number): boolean {
  const slab = Math.floor(packing.addresses[block] / space.slabBytes);
  const start = slab * space.slabBytes + (space.reserved[slab] ?? 0);
  return packing.addresses[block] + blocks.bytes[block] === start + packing.extents[slab];
}

function measured(
  blocks: Blocks,
  space: AddressSpace,
  addresses: Float64Array,
  method: string,
): Packing {
  const extents = slabExtents(blocks, space, addresses);
  return { addresses, extents, bytes: extents.reduce((sum, bytes) => sum + bytes, 0), method };
}

/**
 * Addresses for `blocks` in `space`: the best of several greedy orders and of a bounded repair of the best one. Stops
 * as soon as the bytes taken equal the largest sum of live blocks, which nothing can beat. Sizes keep whatever
 * alignment the blocks' sizes, the slab size and the reserved parts share. Every block must fit into a slab.
 */
export function packBlocks(blocks: Blocks, space: AddressSpace): Packing {
  const count = blocks.bytes.length;
  if (count === 0) return { addresses: new Float64Array(), extents: [], bytes: 0, method: 'empty' };
  const bound = peakLiveBytes(blocks);
  const slabs = (packing: Packing) => packing.extents.length;
  const reserved = space.reserved.reduce((sum, bytes) => sum + bytes, 0);
  const fewestSlabs = Math.ceil((reserved + bound) / space.slabBytes);
  const isOptimal = (packing: Packing) => packing.bytes <= bound && slabs(packing) <= fewestSlabs;
  const packer = new Packer(blocks, space);
  let best: Packing | undefined;
  for (const [method, pack] of strategies(packer)) {
    if (best && (packer.visits > GREEDY_VISITS || isOptimal(best))) break;
    const packing = measured(blocks, space, pack(), method);
    if (
      !best ||
      packing.bytes < best.bytes ||
      (packing.bytes === best.bytes && slabs(packing) < slabs(best))
    )
      best = packing;
  }
  return repair(packer, best!, bound);
}

function strategies(packer: Packer): (readonly [string, () => Float64Array])[] {
  const { blocks, space } = packer;
  const count = blocks.bytes.length;
  const place = (height: number, bytes: number) => usableAddress(space, height, bytes);
  const skylines = preferences(blocks).map(([name, preference]) => {
    const pack = () => {
      const { addresses, visits } = packSkyline(blocks, preference, place);
      packer.visits += visits;
      return addresses;
    };
    return [`skyline/${name}`, pack] as const;
  });
  const greedy = orders(blocks).map(
    ([name, fit, keys]) => [`${name}/${fit}`, () => packer.pack(sorted(count, keys), fit)] as const,
  );
  return [...skylines.slice(0, 2), ...greedy, ...skylines.slice(2)];
}
