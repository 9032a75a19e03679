import { type Blocks, liveBytes, peakLiveBytes } from './liveness.ts';
import { type Preference, packSkyline } from './skyline.ts';

// Dynamic storage allocation: give every block an address so that no two blocks that are live together overlap,
// and the highest address is low. NP-hard; greedy by size, area, duration or start, each with every gap tried,
// the gap before the first live block included, then repair: what reaches the top moves forward in the order.
// See Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, and Sekiyama et al.,
// "Profile-guided memory optimization for deep neural networks", 2018 (best fit by start).

/**
 * Where blocks may lie: addresses count through all slabs, slab `k` taking [k·slabBytes, (k+1)·slabBytes), of which the
 * first `reserved[k]` are not to be used. A block never straddles two slabs.
 */
export interface AddressSpace {
  readonly slabBytes: number;
  readonly reserved: readonly number[];
}

export interface Packing {
  /** Address of each block. */
  readonly addresses: Float64Array;
  /** Bytes taken above the reserved part, per slab. */
  readonly extents: readonly number[];
  /** Sum of `extents`. */
  readonly bytes: number;
  /** The order and the rule that gave it: `size/first-fit`. */
  readonly method: string;
}

/** The lowest address from `address` on where `bytes` lie within the usable part of one slab. */
function usableAddress(space: AddressSpace, address: number, bytes: number): number {
  let slab = Math.floor(address / space.slabBytes);
  for (;;) {
    const start = Math.max(address, slab * space.slabBytes + (space.reserved[slab] ?? 0));
    if (start + bytes <= (slab + 1) * space.slabBytes) return start;
    slab++;
  }
}

/** For each block the others that are live with it, in compressed rows; null when they are too many to list. */
function overlaps(
  blocks: Blocks,
  limit: number,
): { offsets: Int32Array; targets: Int32Array } | null {
  const count = blocks.bytes.length;
  const byStart = Int32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => blocks.first[a] - blocks.first[b] || a - b,
  );
  const starts = Int32Array.from(byStart, (block) => blocks.first[block]);
  // Blocks that start after block i's own position and not after its last step overlap it; each pair is met once.
  const ends = new Int32Array(count);
  const degree = new Int32Array(count + 1);
  let pairs = 0;
  for (let i = 0; i < count; i++) {
    let low = i + 1;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= blocks.last[byStart[i]]) low = middle + 1;
      else high = middle;
    }
    ends[i] = low;
    pairs += low - i - 1;
  }
  if (pairs > limit) return null;
  for (let i = 0; i < count; i++) {
    degree[byStart[i] + 1] += ends[i] - i - 1;
    for (let j = i + 1; j < ends[i]; j++) degree[byStart[j] + 1]++;
  }
  for (let i = 0; i < count; i++) degree[i + 1] += degree[i];
  const next = degree.slice(0, count);
  const targets = new Int32Array(2 * pairs);
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < ends[i]; j++) {
      targets[next[byStart[i]]++] = byStart[j];
      targets[next[byStart[j]]++] = byStart[i];
    }
  }
  return { offsets: degree, targets };
}

type Fit = 'first-fit' | 'best-fit';

/** Places blocks one after the other in any order, among the placed ones that are live with them. */
class Packer {
  readonly blocks: Blocks;
  readonly space: AddressSpace;
  /** Placed blocks looked at so far: a measure of work that is the same on every machine. */
  visits = 0;
  // Lists of neighbours must be sorted by address for each block. Where most blocks overlap it is quicker to keep all
  // placed blocks sorted and skip those of other times: null then.
  private readonly neighbours: { offsets: Int32Array; targets: Int32Array } | null;
  private readonly scratch: Int32Array;

  constructor(blocks: Blocks, space: AddressSpace) {
    const count = blocks.bytes.length;
    this.blocks = blocks;
    this.space = space;
    this.neighbours = overlaps(blocks, Math.max(count * 64, (count * count) / 64));
    this.scratch = new Int32Array(count);
  }

  pack(order: Int32Array, fit: Fit): Float64Array {
    const addresses = new Float64Array(order.length).fill(-1);
    for (let placed = 0; placed < order.length; placed++) {
      const block = order[placed];
      if (this.neighbours) {
        const count = this.placedNeighbours(block, addresses);
        addresses[block] = this.fit(block, addresses, count, fit);
      } else {
        addresses[block] = this.fit(block, addresses, placed, fit);
        this.insert(block, addresses, placed);
      }
    }
    return addresses;
  }

  private placedNeighbours(block: number, addresses: Float64Array): number {
    const { offsets, targets } = this.neighbours!;
    let count = 0;
    for (let edge = offsets[block]; edge < offsets[block + 1]; edge++) {
      if (addresses[targets[edge]] >= 0) this.scratch[count++] = targets[edge];
    }
    this.visits += offsets[block + 1] - offsets[block];
    this.scratch.subarray(0, count).sort((a, b) => addresses[a] - addresses[b]);
    return count;
  }

  /** Inserts `block` into the first `count` of `scratch`, which are sorted by address. */
  private insert(block: number, addresses: Float64Array, count: number): void {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (addresses[this.scratch[middle]] <= addresses[block]) low = middle + 1;
      else high = middle;
    }
    this.scratch.copyWithin(low + 1, low, count);
    this.scratch[low] = block;
  }

  /** Address for `block` among the first `count` of `scratch`, which are sorted by address. */
  private fit(block: number, addresses: Float64Array, count: number, fit: Fit): number {
    const others = this.scratch;
    if (!this.neighbours) this.visits += count;
    const { bytes, first, last } = this.blocks;
    let free = 0;
    let best = -1;
    let bestWaste = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const other = others[i];
      if (first[other] > last[block] || last[other] < first[block]) continue;
      if (addresses[other] > free) {
        const address = usableAddress(this.space, free, bytes[block]);
        const waste = addresses[other] - address - bytes[block];
        if (waste >= 0 && waste < bestWaste) {
          best = address;
          bestWaste = waste;
          if (fit === 'first-fit') return best;
        }
      }
      free = Math.max(free, addresses[other] + bytes[other]);
    }
    return best >= 0 ? best : usableAddress(this.space, free, bytes[block]);
  }
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
