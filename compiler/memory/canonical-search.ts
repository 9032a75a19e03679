import { type Blocks, liveBytes } from '../liveness/events.ts';

// Branch and bound over canonical packings, after Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated
// Machine Learning", ASPLOS 2023. Every packing can be pushed down until each block lies at 0 or on another one, and those
// are met by placing blocks in the order of their offsets, each at the lowest that is free. A node is left
//   - where at some step all that is not placed does not fit above the lowest offset that any of it can have there;
//   - for a block that would lie above one that fits below it: then the packing is not pushed down;
//   - for other blocks once one has failed that nothing comes above of: its place was in nobody's way.
// Blocks that no unplaced one connects in time are packed on their own.

/** Deeper searches than this are not worth their time; it also bounds the recursion. */
const MOST_BLOCKS = 512;

/** Addresses of at most `capacity` for all blocks, or why there are none: `infeasible` is proof. */
export type SearchResult = Float64Array | 'infeasible' | 'gave up';

export class CanonicalSearch {
  private readonly blocks: Blocks;
  /** By block, from 0 on: stretches of steps in which the same blocks live. */
  private readonly first: Int32Array;
  private readonly last: Int32Array;
  /** Bytes per stretch that are not placed. */
  private readonly unplaced: Float64Array;
  private readonly offset: Float64Array;
  private readonly rank: Int32Array;
  /** Of `painted` stretches, the next one that is not; one more entry than stretches. */
  private readonly next: Int32Array;
  private readonly orders: readonly Int32Array[];
  private capacity = 0;
  private visitsLeft = 0;

  constructor(blocks: Blocks) {
    const count = blocks.bytes.length;
    this.blocks = blocks;
    const starts = new Set([...blocks.first, ...blocks.last.map((step) => step + 1)]);
    const stretchOf = new Map([...starts].sort((a, b) => a - b).map((step, i) => [step, i]));
    this.first = Int32Array.from(blocks.first, (step) => stretchOf.get(step)!);
    this.last = Int32Array.from(blocks.last, (step) => stretchOf.get(step + 1)! - 1);
    this.unplaced = liveBytes({ bytes: blocks.bytes, first: this.first, last: this.last }).slice();
    this.offset = new Float64Array(count);
    this.rank = new Int32Array(count);
    this.next = new Int32Array(this.unplaced.length + 1);
    this.orders = preferredOrders(blocks, this.first, this.last, this.unplaced);
  }

  /**
   * Looks at as many blocks as `rounds` say: in each round in every order of preference. Where a search ends soon or hardly
   * ever hangs on the order, so short rounds come first.
   */
  search(capacity: number, rounds: readonly number[]): SearchResult {
    const all = Array.from(this.rank.keys());
    if (all.length > MOST_BLOCKS) return 'gave up';
    this.capacity = capacity;
    for (const visits of rounds) {
      for (const order of this.orders) {
        order.forEach((block, rank) => {
          this.rank[block] = rank;
        });
        this.visitsLeft = visits;
        this.offset.fill(0);
        if (this.packParts(all, 0, -1)) {
          for (const block of all) this.addUnplaced(block, 1);
          return this.offset.slice();
        }
        if (this.visitsLeft >= 0) return 'infeasible';
      }
    }
    return 'gave up';
  }

  /** Packs parts that no block connects; `floor` and `rank` are those of the block that was placed last. */
  private packParts(blocks: readonly number[], floor: number, rank: number): boolean {
    const parts = this.partsOf(blocks);
    const offsets = parts.length > 1 ? blocks.map((block) => this.offset[block]) : [];
    const packed = parts.findIndex((part) => !this.packPart(part, floor, rank));
    if (packed < 0) return true;
    for (const block of parts.slice(0, packed).flat()) this.addUnplaced(block, 1);
    offsets.forEach((offset, i) => {
      this.offset[blocks[i]] = offset;
    });
    return false;
  }

  private partsOf(blocks: readonly number[]): number[][] {
    const parts: number[][] = [];
    let end = -1;
    for (const block of blocks.toSorted((a, b) => this.first[a] - this.first[b])) {
      if (this.first[block] <= end) parts[parts.length - 1].push(block);
      else parts.push([block]);
      end = Math.max(end, this.last[block]);
    }
    return parts;
  }

  private packPart(part: number[], floor: number, rank: number): boolean {
    const { offset, blocks } = this;
    this.visitsLeft -= part.length;
    if (this.visitsLeft < 0) return false;
    part.sort((a, b) => offset[a] - offset[b] || this.rank[a] - this.rank[b]);
    if (!this.fits(part, floor)) return false;
    const lowestTop = part.reduce(
      (top, block) => Math.min(top, offset[block] + blocks.bytes[block]),
      Number.POSITIVE_INFINITY,
    );
    for (const block of part) {
      if (offset[block] >= lowestTop) return false;
      if (offset[block] < floor || (offset[block] === floor && this.rank[block] < rank)) continue;
      const others = part.filter((other) => other !== block);
      const lifted = this.place(block, others);
      const isCovered = lifted.length > 0;
      const packed = isCovered
        ? this.packParts(others, offset[block], this.rank[block])
        : this.packParts(others, floor, rank);
      if (packed) return true;
      this.takeBack(block, lifted);
      if (!isCovered || this.visitsLeft < 0) return false;
    }
    return false;
  }

  /** Whether the unplaced fit at every step above the lowest offset that one of them can have there; `part` by offset. */
  private fits(part: readonly number[], floor: number): boolean {
    const { next, unplaced, offset, capacity } = this;
    for (const block of part)
      for (let s = this.first[block]; s <= this.last[block] + 1; s++) next[s] = s;
    const skip = (from: number) => {
      let s = from;
      while (next[s] !== s) s = next[s];
      for (let t = from; t !== s; ) {
        const after = next[t];
        next[t] = s;
        t = after;
      }
      return s;
    };
    for (const block of part) {
      const lowest = Math.max(floor, offset[block]);
      const end = this.last[block];
      for (let s = skip(this.first[block]); s <= end; s = skip(s)) {
        if (lowest + unplaced[s] > capacity) return false;
        next[s] = s + 1;
      }
    }
    return true;
  }

  /** Puts a block at its offset; gives those that must lie above it now and their offsets before. */
  private place(block: number, others: readonly number[]): [number, number][] {
    const { offset, first, last } = this;
    const bytes = this.blocks.bytes[block];
    this.addUnplaced(block, -1);
    const top = offset[block] + bytes;
    const lifted: [number, number][] = [];
    for (const other of others) {
      if (first[other] > last[block] || last[other] < first[block]) continue;
      lifted.push([other, offset[other]]);
      offset[other] = Math.max(offset[other], top);
    }
    return lifted;
  }

  private takeBack(block: number, lifted: readonly [number, number][]): void {
    this.addUnplaced(block, 1);
    for (const [other, before] of lifted) this.offset[other] = before;
  }

  private addUnplaced(block: number, times: 1 | -1): void {
    const bytes = times * this.blocks.bytes[block];
    for (let s = this.first[block]; s <= this.last[block]; s++) this.unplaced[s] += bytes;
  }
}

/** Blocks by falling keys: area, width in time, the most that lives with a block. */
function preferredOrders(
  { bytes }: Blocks,
  first: Int32Array,
  last: Int32Array,
  live: Float64Array,
): readonly Int32Array[] {
  const width = Float64Array.from(bytes, (_, block) => last[block] - first[block] + 1);
  const area = bytes.map((size, block) => size * width[block]);
  const pressure = Float64Array.from(bytes, (_, block) =>
    live.subarray(first[block], last[block] + 1).reduce((most, sum) => Math.max(most, sum), 0),
  );
  const orders = [
    [area, width, pressure],
    [pressure, width, area],
    [pressure, area, width],
  ];
  return orders.map((keys) =>
    Int32Array.from(bytes.keys()).sort((a, b) => {
      for (const key of keys) if (key[a] !== key[b]) return key[b] - key[a];
      return a - b;
    }),
  );
}
