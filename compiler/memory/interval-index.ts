import type { Blocks } from '../liveness/events.ts';

/** Blocks by first step in a tree of the latest last steps: finds those that were added and live in a range of steps. */
export class IntervalIndex {
  private readonly blocks: Blocks;
  private readonly byFirst: Int32Array;
  private readonly position: Int32Array;
  /** By node, the root at 1: the latest last step of those added below it, or -1. */
  private readonly latest: Int32Array;
  private readonly leaves: number;

  constructor(blocks: Blocks) {
    const count = blocks.bytes.length;
    this.blocks = blocks;
    this.byFirst = Int32Array.from(blocks.bytes.keys()).sort(
      (a, b) => blocks.first[a] - blocks.first[b] || a - b,
    );
    this.position = new Int32Array(count);
    this.byFirst.forEach((block, at) => {
      this.position[block] = at;
    });
    this.leaves = 1;
    while (this.leaves < count) this.leaves *= 2;
    this.latest = new Int32Array(2 * this.leaves).fill(-1);
  }

  clear(): void {
    this.latest.fill(-1);
  }

  add(block: number): void {
    const last = this.blocks.last[block];
    for (let node = this.position[block] + this.leaves; node > 0; node >>= 1)
      if (this.latest[node] < last) this.latest[node] = last;
  }

  /** Writes the added blocks that live with `block` to `found`, in no order; gives how many they are. */
  find(block: number, found: Int32Array): number {
    const { blocks, byFirst, latest, leaves } = this;
    const from = blocks.first[block];
    const to = blocks.last[block];
    let count = 0;
    // Node 1, then always the next one to the right of those that need no look below them.
    let node = 1;
    for (;;) {
      if (latest[node] >= from) {
        if (node < leaves) {
          node *= 2;
          continue;
        }
        const other = byFirst[node - leaves];
        // All further ones begin later.
        if (blocks.first[other] > to) return count;
        found[count++] = other;
      }
      while (node & 1) node >>= 1;
      if (node === 0) return count;
      node++;
    }
  }
}
