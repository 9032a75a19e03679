import type { Blocks } from '../liveness/events.ts';
import { IntervalIndex } from './interval-index.ts';
import type { Packing } from './packing.ts';

/**
 * Where blocks may lie: addresses count through all slabs, slab `k` taking [k·slabBytes, (k+1)·slabBytes), of which the
 * first `reserved[k]` are not to be used. A block never straddles two slabs.
 */
export interface AddressSpace {
  readonly slabBytes: number;
  readonly reserved: readonly number[];
}

/** The lowest address from `address` on where `bytes` lie within the usable part of one slab. */
export function usableAddress(space: AddressSpace, address: number, bytes: number): number {
  let slab = Math.floor(address / space.slabBytes);
  for (;;) {
    const start = Math.max(address, slab * space.slabBytes + (space.reserved[slab] ?? 0));
    if (start + bytes <= (slab + 1) * space.slabBytes) return start;
    slab++;
  }
}

/** For each block the others that are live with it, in compressed rows. */
interface Neighbours {
  readonly offsets: Int32Array;
  readonly targets: Int32Array;
}

/** How many pairs of blocks are live together, and which; null when they are too many to list. */
function overlaps(
  blocks: Blocks,
  limit: number,
): { readonly pairs: number; readonly neighbours: Neighbours | null } {
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
  if (pairs > limit) return { pairs, neighbours: null };
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
  return { pairs, neighbours: { offsets: degree, targets } };
}

export type Fit = 'first-fit' | 'best-fit';

/** Addresses from here on are above all packings in one slab that take fewer than `packing`, or as many. */
export const topOf = ({ reserved }: AddressSpace, { extents, bytes }: Packing): number =>
  extents.length > 1 ? Number.POSITIVE_INFINITY : (reserved[0] ?? 0) + bytes;

/** What a packing may leave out; see {@link Packer.pack}. */
export interface PackLimits {
  /** Null where that takes more looks in all. */
  readonly mostVisits?: number;
  /** Null where a block ends above this address. */
  readonly top?: number;
  /** A packing by the same fit whose order begins with the same `count` blocks. */
  readonly from?: { readonly addresses: Float64Array; readonly count: number };
}

/** What a neighbour counts that the index finds: sorting takes far more than looking. */
const INDEXED_VISITS = 16;
/** Up to so many neighbours are sorted by insertion. */
const FEW_NEIGHBOURS = 128;

/** More pairs than this are not listed, and of more blocks than this not all placed ones are looked at. */
const MOST_PAIRS = 2 ** 24;
const MOST_SCANNED = 20_000;

/** Places blocks one after the other in any order, among the placed ones that are live with them. */
export class Packer {
  readonly blocks: Blocks;
  readonly space: AddressSpace;
  /** Placed blocks looked at so far: a measure of work that is the same on every machine. */
  visits = 0;
  // Lists of neighbours must be sorted by address for each block. Where most blocks overlap it is quicker to keep all
  // placed blocks sorted and skip those of other times: neither neighbours nor index then. Of very many blocks an index
  // finds the neighbours.
  private readonly neighbours: Neighbours | null;
  private readonly index: IntervalIndex | null;
  private readonly scratch: Int32Array;
  /** What one packing to the end counts. */
  private readonly visitsOfPacking: number;

  constructor(blocks: Blocks, space: AddressSpace) {
    const count = blocks.bytes.length;
    this.blocks = blocks;
    this.space = space;
    const mostPairs = Math.min(Math.max(count * 64, (count * count) / 64), MOST_PAIRS);
    const { pairs, neighbours } = overlaps(blocks, mostPairs);
    this.neighbours = neighbours;
    this.index = !neighbours && count > MOST_SCANNED ? new IntervalIndex(blocks) : null;
    this.visitsOfPacking = neighbours
      ? 2 * pairs
      : this.index
        ? INDEXED_VISITS * pairs
        : (count * (count - 1)) / 2;
    this.scratch = new Int32Array(count);
  }

  /**
   * Addresses of blocks that are placed in an order; null where a limit is met. Work is counted as if nothing of another packing were
   * used, and to the end.
   */
  pack(
    order: Int32Array,
    fit: Fit,
    {
      mostVisits = Number.POSITIVE_INFINITY,
      top = Number.POSITIVE_INFINITY,
      from,
    }: PackLimits = {},
  ): Float64Array<ArrayBuffer> | null {
    const addresses = new Float64Array(order.length).fill(-1);
    const { bytes } = this.blocks;
    // What a whole packing counts, which may not be more than is left.
    const end = this.visits + this.visitsOfPacking;
    const isWithin = end <= mostVisits;
    const known = isWithin && from ? from.count : 0;
    this.index?.clear();
    for (let placed = 0; placed < known; placed++) {
      const block = order[placed];
      addresses[block] = from!.addresses[block];
      if (this.index) this.index.add(block);
      else if (!this.neighbours) this.insert(block, addresses, placed);
    }
    for (let placed = known; placed < order.length; placed++) {
      if (this.visits > mostVisits) return null;
      const block = order[placed];
      const isListed = this.neighbours !== null || this.index !== null;
      const count = isListed ? this.placedNeighbours(block, addresses) : placed;
      if (!isListed) this.visits += placed;
      addresses[block] = this.fit(block, addresses, count, fit);
      if (isWithin && addresses[block] + bytes[block] > top) {
        this.visits = end;
        return null;
      }
      if (this.index) this.index.add(block);
      else if (!this.neighbours) this.insert(block, addresses, placed);
    }
    if (isWithin) this.visits = end;
    return addresses;
  }

  private placedNeighbours(block: number, addresses: Float64Array): number {
    if (this.index) {
      const count = this.index.find(block, this.scratch);
      this.visits += INDEXED_VISITS * count;
      this.sortByAddress(count, addresses);
      return count;
    }
    const { offsets, targets } = this.neighbours!;
    let count = 0;
    for (let edge = offsets[block]; edge < offsets[block + 1]; edge++) {
      if (addresses[targets[edge]] >= 0) this.scratch[count++] = targets[edge];
    }
    this.visits += offsets[block + 1] - offsets[block];
    this.sortByAddress(count, addresses);
    return count;
  }

  private sortByAddress(count: number, addresses: Float64Array): void {
    const { scratch } = this;
    if (count > FEW_NEIGHBOURS) {
      scratch.subarray(0, count).sort((a, b) => addresses[a] - addresses[b]);
      return;
    }
    for (let i = 1; i < count; i++) {
      const block = scratch[i];
      const address = addresses[block];
      let at = i;
      for (; at > 0 && addresses[scratch[at - 1]] > address; at--) scratch[at] = scratch[at - 1];
      scratch[at] = block;
    }
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
