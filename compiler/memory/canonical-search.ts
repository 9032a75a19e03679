import { type Blocks, liveBytes } from '../liveness/events.ts';
import { CanonicalState } from './canonical-state.ts';

// Branch and bound over canonical packings, after Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated
// Machine Learning", ASPLOS 2023. Every packing can be pushed down until each block lies at 0 or on another one. A node takes a
// block that nothing has room below, and tries it at its lowest offset; then that it is not there: then it
// lies on one that is not placed yet, which is more than that the next block is tried. Besides,
//   - in every step what is not placed must fit, one above the other, each at its lowest offset or above (section inference);
//   - where what is left of a step would not fit above any other lowest offset of it, the lowest block has no choice;
//   - a block that nothing unplaced lives with is in nobody's way;
//   - of blocks of the same life that touch, or of the same size too, only one order is tried (dominance);
//   - parts that no unplaced block connects in time are packed on their own (temporal decomposition).
// How soon a search ends hangs on the order of choices and hardly on the instance: many orders take turns, with ever more work.

/** Deeper searches than this are not worth their time; it also bounds the recursion and the lists of neighbours. */
const MOST_BLOCKS = 2048;

/** Addresses of at most `capacity` for all blocks, or why there are none: `infeasible` is proof. */
export type SearchResult = Float64Array | 'infeasible' | 'gave up';

/** Which block a node takes: of the lowest ones the first in the order; or one of the step that has the fewest that can be lowest. */
type Choice = 'lowest' | 'tightest';

interface Strategy {
  readonly order: Int32Array;
  readonly choice: Choice;
}

export class CanonicalSearch {
  /** List entries looked at so far: a measure of work that is the same on every machine. */
  work = 0;
  private readonly state: CanonicalState;
  private readonly strategies: readonly Strategy[];
  private readonly rank: Int32Array;
  private choice: Choice = 'lowest';
  private end = 0;
  private readonly isExpired: () => boolean;
  private nodes = 0;

  /** A search gives up as soon as `isExpired`. */
  constructor(blocks: Blocks, isExpired: () => boolean = () => false) {
    const isSmall = blocks.bytes.length <= MOST_BLOCKS;
    this.state = new CanonicalState(isSmall ? blocks : NO_BLOCKS);
    this.strategies = isSmall ? strategiesFor(this.state.blocks) : [];
    this.rank = new Int32Array(blocks.bytes.length);
    this.isExpired = isExpired;
  }

  get canSearch(): boolean {
    return this.strategies.length > 0;
  }

  /** Each round gives every strategy that much work, one after the other. */
  search(capacity: number, rounds: readonly number[]): SearchResult {
    const { state } = this;
    if (this.strategies.length === 0) return 'gave up';
    state.failures.fill(1);
    for (const work of rounds) {
      for (const { order, choice } of this.strategies) {
        if (this.isExpired()) return 'gave up';
        order.forEach((block, rank) => {
          this.rank[block] = rank;
        });
        this.choice = choice;
        this.end = this.work + work;
        if (!state.reset(capacity)) return 'infeasible';
        if (this.pack(0, state.cliqueCount - 1)) return state.lowest.slice();
        if (!this.isSpent()) return 'infeasible';
      }
    }
    return 'gave up';
  }

  private isSpent(): boolean {
    return this.work > this.end;
  }

  /** Places all that lives in the cliques `from` to `to`, which nothing unplaced leaves. */
  private pack(from: number, to: number): boolean {
    const { state } = this;
    for (;;) {
      this.work += state.live.starts[to + 1] - state.live.starts[from];
      if ((++this.nodes & 255) === 0 && this.isExpired()) this.end = 0;
      if (this.isSpent()) return false;
      const parts = this.partsOf(from, to);
      if (parts.length === 0) return true;
      if (parts.length > 1) return parts.every((part) => this.pack(part.from, part.to));
      ({ from, to } = parts[0]);
      const forced = this.forced(from, to);
      const block = forced >= 0 ? forced : this.choose(from, to);
      if (!this.canLieLowest(block)) {
        if (forced >= 0 || !state.lift(block)) return false;
      } else if (forced >= 0 || state.isAlone(block)) {
        if (!state.place(block)) return false;
      } else {
        const { mark } = state;
        if (state.place(block) && this.pack(from, to)) return true;
        if (this.isSpent()) return false;
        state.undo(mark);
        if (!state.lift(block)) return false;
      }
    }
  }

  /** Ranges of cliques that nothing unplaced connects, the one that failed most first. */
  private partsOf(from: number, to: number): { from: number; to: number; failures: number }[] {
    const { count, crossing, failures } = this.state;
    const parts: { from: number; to: number; failures: number }[] = [];
    let isOpen = false;
    for (let clique = from; clique <= to; clique++) {
      if (count[clique] === 0) continue;
      if (!isOpen) parts.push({ from: clique, to: clique, failures: 0 });
      const part = parts[parts.length - 1];
      part.to = clique;
      part.failures = Math.max(part.failures, failures[clique]);
      isOpen = crossing[clique] > 0;
    }
    return parts.sort((a, b) => b.failures - a.failures || a.from - b.from);
  }

  private canLieLowest(block: number): boolean {
    const { state, rank } = this;
    if (!state.isSupported(block)) return false;
    const twin = state.twinBelow(block);
    if (twin >= 0 && rank[twin] > rank[block]) return false;
    const { bytes, first, last } = state.blocks;
    const { starts, items } = state.starting;
    for (let i = starts[first[block]]; i < starts[first[block] + 1]; i++) {
      const other = items[i];
      const isEqual = last[other] === last[block] && bytes[other] === bytes[block];
      if (isEqual && rank[other] < rank[block] && !state.isPlaced[other]) return false;
    }
    return true;
  }

  /**
   * A block that must lie at its lowest offset, or -1: it must be the lowest of a clique, which would not fit above the second lowest
   * offset, nor above what else the block could lie on.
   */
  private forced(from: number, to: number): number {
    const { lowest, isPlaced, count, unplaced, live, capacity } = this.state;
    for (let clique = from; clique <= to; clique++) {
      let first = -1;
      let low = Number.POSITIVE_INFINITY;
      let second = Number.POSITIVE_INFINITY;
      let left = count[clique];
      for (let i = live.starts[clique]; left > 0; i++) {
        const block = live.items[i];
        if (isPlaced[block]) continue;
        left--;
        if (lowest[block] < low) {
          second = low;
          low = lowest[block];
          first = block;
        } else if (lowest[block] < second) second = lowest[block];
      }
      if (first < 0 || second === low || second + unplaced[clique] <= capacity) continue;
      const level = this.state.nextLevel(first);
      if (level > low && level + unplaced[clique] > capacity) return first;
    }
    return -1;
  }

  private choose(from: number, to: number): number {
    const tightest = this.choice === 'tightest' ? this.tightest(from, to) : -1;
    return tightest >= 0 ? tightest : this.lowest(from, to);
  }

  private lowest(from: number, to: number): number {
    const { isPlaced, starting } = this.state;
    let best = -1;
    for (let i = starting.starts[from]; i < starting.starts[to + 1]; i++) {
      const block = starting.items[i];
      if (!isPlaced[block] && (best < 0 || this.comesBefore(block, best))) best = block;
    }
    return best;
  }

  /** Of a clique where few blocks can be the lowest, and which failed often, the lowest one; or -1. */
  private tightest(from: number, to: number): number {
    const { lowest, isPlaced, count, unplaced, live, failures, capacity } = this.state;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let clique = from; clique <= to; clique++) {
      let candidates = 0;
      let first = -1;
      let left = count[clique];
      for (let i = live.starts[clique]; left > 0; i++) {
        const block = live.items[i];
        if (isPlaced[block]) continue;
        left--;
        if (lowest[block] + unplaced[clique] > capacity) continue;
        candidates++;
        if (first < 0 || this.comesBefore(block, first)) first = block;
      }
      const score = candidates / Math.sqrt(failures[clique]);
      if (first < 0 || score >= bestScore || this.state.nextLevel(first) <= lowest[first]) continue;
      best = first;
      bestScore = score;
    }
    return best;
  }

  private comesBefore(a: number, b: number): boolean {
    const { lowest } = this.state;
    return lowest[a] < lowest[b] || (lowest[a] === lowest[b] && this.rank[a] < this.rank[b]);
  }
}

const NO_BLOCKS: Blocks = {
  bytes: new Float64Array(),
  first: new Int32Array(),
  last: new Int32Array(),
};

/** Blocks by falling keys: area, width in cliques, the most that lives with a block, size. */
function strategiesFor(blocks: Blocks): Strategy[] {
  const { bytes, first, last } = blocks;
  const live = liveBytes(blocks);
  const width = Float64Array.from(bytes, (_, block) => last[block] - first[block] + 1);
  const area = bytes.map((size, block) => size * width[block]);
  const pressure = Float64Array.from(bytes, (_, block) =>
    live.subarray(first[block], last[block] + 1).reduce((most, sum) => Math.max(most, sum), 0),
  );
  const orders = [
    [area, width, pressure],
    [pressure, width, area],
    [pressure, area, width],
    [width, area],
    [bytes, width],
  ].map((keys) =>
    Int32Array.from(bytes.keys()).sort((a, b) => {
      for (const key of keys) if (key[a] !== key[b]) return key[b] - key[a];
      return a - b;
    }),
  );
  return orders.flatMap((order) =>
    (['lowest', 'tightest'] as const).map((choice) => ({ order, choice })),
  );
}
