import type { Blocks } from '../liveness/events.ts';

/** What a skyline takes first: the largest value, where `edges` says so among the blocks that touch most ends of the stretch. */
export interface Preference {
  /** By block, finite. */
  readonly values: Float64Array;
  readonly edges: boolean;
}

/**
 * The blocks that a skyline has not placed, by first step, in a tree that knows the largest value and the earliest last step of
 * each part.
 */
export class RemainingBlocks {
  /** Nodes looked at. */
  visits = 0;
  private readonly blocks: Blocks;
  private readonly edges: boolean;
  private readonly byFirst: Int32Array;
  private readonly starts: Int32Array;
  private readonly leaves: number;
  /** By node, the root at 1; for none -Infinity and the largest integer. */
  private readonly largest: Float64Array;
  private readonly earliest: Int32Array;
  /** The same blocks by last step and then by position; `nextEnding` skips those that are placed. */
  private readonly ending: Int32Array;
  private readonly endingStarts: Int32Array;
  private readonly endingAt: Int32Array;
  private readonly nextEnding: Int32Array;
  private bestAt = -1;
  private bestValue = 0;

  constructor(blocks: Blocks, { values, edges }: Preference) {
    const count = blocks.bytes.length;
    const { first, last } = blocks;
    this.blocks = blocks;
    this.edges = edges;
    this.byFirst = Int32Array.from(blocks.bytes.keys()).sort(
      (a, b) => first[a] - first[b] || a - b,
    );
    const steps = last.reduce((most, step) => Math.max(most, step), 0) + 1;
    this.starts = startsOf(first, steps);
    this.leaves = 1;
    while (this.leaves < count) this.leaves *= 2;
    this.largest = new Float64Array(2 * this.leaves).fill(Number.NEGATIVE_INFINITY);
    this.earliest = new Int32Array(2 * this.leaves).fill(NEVER);
    this.byFirst.forEach((block, at) => {
      this.largest[at + this.leaves] = values[block];
      this.earliest[at + this.leaves] = last[block];
    });
    for (let node = this.leaves - 1; node > 0; node--) this.join(node);
    this.endingStarts = startsOf(last, steps);
    const next = this.endingStarts.slice();
    this.ending = new Int32Array(count);
    this.endingAt = new Int32Array(count);
    this.byFirst.forEach((block, at) => {
      this.endingAt[at] = next[last[block]]++;
      this.ending[this.endingAt[at]] = at;
    });
    this.nextEnding = Int32Array.from({ length: count + 1 }, (_, at) => at);
  }

  /** Takes the best block that lives within a stretch, the first of several; -1 where none does. */
  takeBest(first: number, last: number): number {
    const from = this.starts[first];
    const to = this.starts[last + 1];
    this.bestAt = -1;
    this.bestValue = Number.NEGATIVE_INFINITY;
    if (this.edges) this.findAtEdges(from, this.starts[first + 1], last);
    if (this.bestAt < 0) this.find(1, 0, this.leaves, from, to, last);
    if (this.bestAt < 0) return -1;
    this.take(this.bestAt);
    return this.byFirst[this.bestAt];
  }

  /** Of the blocks that touch an end of a stretch the best one: at both ends, or the longest. */
  private findAtEdges(from: number, to: number, last: number): void {
    if (to > from) this.find(1, 0, this.leaves, from, to, last);
    const { ending } = this;
    let low = this.endingStarts[last];
    let high = this.endingStarts[last + 1];
    const end = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ending[middle] < from) low = middle + 1;
      else high = middle;
    }
    const found = this.skip(low);
    if (found >= end) return;
    const at = ending[found];
    const value = this.largest[at + this.leaves];
    const { last: lasts } = this.blocks;
    // One that touches both ends is the longest of all, and found by both.
    const isBoth = this.bestAt >= 0 && lasts[this.byFirst[this.bestAt]] === last;
    if (isBoth || value < this.bestValue) return;
    if (value > this.bestValue || at < this.bestAt) this.bestAt = at;
  }

  /** Looks below a node of the positions [`start`, `start + width`) for the largest value in [`from`, `to`) that ends by `last`. */
  private find(
    node: number,
    start: number,
    width: number,
    from: number,
    to: number,
    last: number,
  ): void {
    const value = this.largest[node];
    if (start >= to || start + width <= from || this.earliest[node] > last) return;
    if (value < this.bestValue || (value === this.bestValue && start > this.bestAt)) return;
    this.visits++;
    if (width === 1) {
      this.bestAt = start;
      this.bestValue = value;
      return;
    }
    const half = width / 2;
    const left = 2 * node;
    if (this.largest[left] >= this.largest[left + 1]) {
      this.find(left, start, half, from, to, last);
      this.find(left + 1, start + half, half, from, to, last);
    } else {
      this.find(left + 1, start + half, half, from, to, last);
      this.find(left, start, half, from, to, last);
    }
  }

  private take(at: number): void {
    let node = at + this.leaves;
    this.largest[node] = Number.NEGATIVE_INFINITY;
    this.earliest[node] = NEVER;
    for (node >>= 1; node > 0; node >>= 1) this.join(node);
    this.nextEnding[this.endingAt[at]] = this.endingAt[at] + 1;
  }

  private join(node: number): void {
    const { largest, earliest } = this;
    largest[node] = Math.max(largest[2 * node], largest[2 * node + 1]);
    earliest[node] = Math.min(earliest[2 * node], earliest[2 * node + 1]);
  }

  /** The first that is not placed from `from` on, with shorter ways for the next time. */
  private skip(from: number): number {
    const { nextEnding } = this;
    let found = from;
    while (nextEnding[found] !== found) found = nextEnding[found];
    for (let at = from; at !== found; ) {
      const next = nextEnding[at];
      nextEnding[at] = found;
      at = next;
    }
    return found;
  }
}

const NEVER = 2 ** 31 - 1;

/** By step, how many have an earlier one; one more entry than steps. */
function startsOf(stepOf: Int32Array, steps: number): Int32Array {
  const starts = new Int32Array(steps + 1);
  for (const step of stepOf) starts[step + 1]++;
  for (let step = 0; step < steps; step++) starts[step + 1] += starts[step];
  return starts;
}
