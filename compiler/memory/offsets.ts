import { type Blocks, peakLiveBytes } from '../liveness/events.ts';
import { CanonicalSearch } from './canonical-search.ts';
import { type AddressSpace, Packer, usableAddress } from './first-fit.ts';
import { greedyOrders, preferences, sorted } from './packing-orders.ts';
import { packSkyline } from './skyline.ts';

// Dynamic storage allocation: give every block an address so that no two blocks that are live together overlap, and
// the highest address is low. NP-hard. Best fit on a skyline (skyline.ts); greedy by size, area, pressure, start and
// end with every gap tried, the gap before the first live block included (first-fit.ts; Pisarchyk and Lee, "Efficient
// Memory Management for Deep Neural Net Inference", 2020); then repair of the best: what reaches the top moves
// forward in the order; and where that leaves a gap, the search of canonical-search.ts for a bounded time.

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

// Work is bounded by counts, not by a clock, so that builds are reproducible: blocks looked at by all greedy
// methods together (the first one always runs), and by the repair.
const GREEDY_VISITS = 100_000_000;
const REPAIR_VISITS = 6_000_000;
const REPAIR_ATTEMPTS = 400;
/** In each order of preference, one after the other. */
const LONG_SEARCH = [60_000, 400_000];
const SHORT_SEARCH = [60_000];
const SEARCH_ATTEMPTS = 5;

/**
 * Squeaky wheel: the blocks that reach the top, and what is live with them at random, move forward in the order
 * and everything is repacked; a result that is no worse is kept.
 */
function repair(packer: Packer, start: Packing, bound: number): Packing {
  const { blocks, space } = packer;
  const count = blocks.bytes.length;
  let best = start;
  // First fit by rising address gives the same packing, or a lower one.
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
 * Addresses for `blocks` in `space`: the best of several greedy orders, of a repair of the best one and of a search. Stops
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
  const repaired = repair(packer, best!, bound);
  return isOptimal(repaired) ? repaired : tighten(packer, repaired, bound);
}

/** Searches the bound itself, then between what was not found and the best; in one slab only. */
function tighten({ blocks, space }: Packer, start: Packing, bound: number): Packing {
  const reserved = space.reserved[0] ?? 0;
  if (start.extents.length > 1) return start;
  const search = new CanonicalSearch(blocks);
  let best = start;
  let missed = bound;
  let capacity = bound;
  for (let attempt = 0; attempt < SEARCH_ATTEMPTS && capacity < best.bytes; attempt++) {
    const found = search.search(capacity, attempt === 0 ? LONG_SEARCH : SHORT_SEARCH);
    if (typeof found === 'string') missed = capacity;
    else {
      const addresses = found.map((offset) => offset + reserved);
      best = measured(blocks, space, addresses, 'canonical');
    }
    if (best.bytes <= bound) break;
    capacity = Math.floor((missed + best.bytes) / 2);
  }
  return best;
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
  const greedy = greedyOrders(blocks).map(
    ([name, fit, keys]) => [`${name}/${fit}`, () => packer.pack(sorted(count, keys), fit)] as const,
  );
  return [...skylines.slice(0, 2), ...greedy, ...skylines.slice(2)];
}
