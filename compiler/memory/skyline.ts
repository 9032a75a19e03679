import type { Blocks } from '../liveness/events.ts';
import { IndexedHeap } from './heap.ts';
import { type Preference, RemainingBlocks } from './remaining-blocks.ts';

// Best fit on a skyline: Sekiyama, Imai, Negishi, Kawachiya, "Profile-guided memory optimization for deep neural
// networks", 2018, after Burke et al., "A new placement heuristic for the orthogonal stock-cutting problem", 2004. The
// skyline is the height of what is placed, per step. Its lowest stretch takes the block that fits best between
// its ends; where none fits, the stretch rises to its lower neighbour.

/**
 * Addresses of all blocks, and how much was looked at; `place` moves a height up to where a block of that size may start.
 * Of blocks that are as good as each other the first in time comes first. Near-linear where blocks nest or follow each other.
 */
export function packSkyline(
  blocks: Blocks,
  preference: Preference,
  place: (height: number, bytes: number) => number,
): { readonly addresses: Float64Array; readonly visits: number } {
  const count = blocks.bytes.length;
  const addresses = new Float64Array(count);
  const remaining = new RemainingBlocks(blocks, preference);
  const end = blocks.last.reduce((most, last) => Math.max(most, last), 0);
  const skyline = new Skyline(end, 2 * count + 1);
  for (let left = count; left > 0; ) {
    const lowest = skyline.lowest();
    const block = remaining.takeBest(skyline.first[lowest], skyline.last[lowest]);
    if (block < 0) {
      skyline.rise(lowest);
      continue;
    }
    left--;
    addresses[block] = place(skyline.height[lowest], blocks.bytes[block]);
    skyline.cover(
      lowest,
      blocks.first[block],
      blocks.last[block],
      addresses[block] + blocks.bytes[block],
    );
  }
  return { addresses, visits: remaining.visits };
}

/** Stretches of equal height side by side, linked in time, and a heap of them by height. */
class Skyline {
  readonly first: Int32Array;
  readonly last: Int32Array;
  readonly height: Float64Array;
  private readonly before: Int32Array;
  private readonly after: Int32Array;
  private readonly heap: IndexedHeap;
  private readonly free: number[] = [];
  private used = 1;

  constructor(end: number, capacity: number) {
    this.first = new Int32Array(capacity);
    this.last = new Int32Array(capacity);
    this.height = new Float64Array(capacity);
    this.before = new Int32Array(capacity).fill(-1);
    this.after = new Int32Array(capacity).fill(-1);
    this.last[0] = end;
    this.heap = new IndexedHeap(
      capacity,
      (a, b) => this.height[a] - this.height[b] || this.first[a] - this.first[b],
    );
    this.heap.push(0);
  }

  /** The lowest stretch, the first of several. */
  lowest(): number {
    return this.heap.top();
  }

  /** Lifts the lowest stretch to its lower neighbour and joins what is then level. */
  rise(stretch: number): void {
    const left = this.before[stretch];
    const right = this.after[stretch];
    const leftHeight = left < 0 ? Number.POSITIVE_INFINITY : this.height[left];
    const rightHeight = right < 0 ? Number.POSITIVE_INFINITY : this.height[right];
    const height = Math.min(leftHeight, rightHeight);
    this.heap.remove(stretch);
    if (leftHeight === height) {
      this.first[stretch] = this.first[left];
      this.drop(left);
    }
    if (rightHeight === height) {
      this.last[stretch] = this.last[right];
      this.drop(right);
    }
    this.height[stretch] = height;
    this.heap.push(stretch);
  }

  /** Raises the steps `first` to `last` of a stretch to `height`. */
  cover(stretch: number, first: number, last: number, height: number): void {
    this.heap.remove(stretch);
    if (first > this.first[stretch])
      this.insertBefore(stretch, this.first[stretch], first - 1, this.height[stretch]);
    if (last < this.last[stretch]) {
      this.insertBefore(stretch, first, last, height);
      this.first[stretch] = last + 1;
    } else {
      this.first[stretch] = first;
      this.height[stretch] = height;
    }
    this.heap.push(stretch);
  }

  private insertBefore(stretch: number, first: number, last: number, height: number): void {
    const made = this.free.pop() ?? this.used++;
    this.first[made] = first;
    this.last[made] = last;
    this.height[made] = height;
    const left = this.before[stretch];
    this.before[made] = left;
    this.after[made] = stretch;
    this.before[stretch] = made;
    if (left >= 0) this.after[left] = made;
    this.heap.push(made);
  }

  private drop(stretch: number): void {
    const left = this.before[stretch];
    const right = this.after[stretch];
    if (left >= 0) this.after[left] = right;
    if (right >= 0) this.before[right] = left;
    this.heap.remove(stretch);
    this.free.push(stretch);
  }
}
