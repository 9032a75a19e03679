import type { Blocks } from '../liveness/events.ts';
import { overMaximalCliques } from './cliques.ts';
import { type Rows, rowsOf } from './rows.ts';

/**
 * A packing from below in the making: which blocks lie where, and the lowest offset that each other one can still have. Steps
 * are maximal cliques. `place` and `lift` say false where the rest cannot fit any more; every change can be undone, back to a
 * mark.
 */
export class CanonicalState {
  readonly blocks: Blocks;
  readonly cliqueCount: number;
  /** Blocks by clique, those that start by clique, and by block those that live with it. */
  readonly live: Rows;
  readonly starting: Rows;
  readonly neighbours: Rows;
  /** Of what is not placed, by clique: bytes, number, and number of those that live on in the next clique. */
  readonly unplaced: Float64Array;
  readonly count: Int32Array;
  readonly crossing: Int32Array;
  /** By block: its offset, or the lowest that it can still have. */
  readonly lowest: Float64Array;
  readonly isPlaced: Uint8Array;
  /** By clique: how often the rest did not fit in it. */
  readonly failures: Float64Array;
  /** The highest placed block by clique, or -1. */
  private readonly below: Int32Array;
  /** Lives that begin and end in ranges of cliques that are to be checked: differences by clique. */
  private readonly touched: Int32Array;
  private readonly trail = { what: [] as number[], before: [] as number[] };
  capacity = 0;

  constructor(given: Blocks) {
    const { blocks, cliqueCount } = overMaximalCliques(given);
    const { bytes, first, last } = blocks;
    this.blocks = blocks;
    this.cliqueCount = cliqueCount;
    this.live = rowsOf(cliqueCount, (add) => {
      for (let block = 0; block < bytes.length; block++)
        for (let clique = first[block]; clique <= last[block]; clique++) add(clique, block);
    });
    this.starting = rowsOf(cliqueCount, (add) => {
      for (let block = 0; block < bytes.length; block++) add(first[block], block);
    });
    this.neighbours = neighboursOf(blocks, this.live, this.starting);
    this.unplaced = new Float64Array(cliqueCount);
    this.count = new Int32Array(cliqueCount);
    this.crossing = new Int32Array(cliqueCount);
    this.lowest = new Float64Array(bytes.length);
    this.isPlaced = new Uint8Array(bytes.length);
    this.failures = new Float64Array(cliqueCount);
    this.below = new Int32Array(cliqueCount);
    this.touched = new Int32Array(cliqueCount + 1);
  }

  /** Takes all blocks back; false where they cannot fit. */
  reset(capacity: number): boolean {
    this.capacity = capacity;
    this.trail.what.length = 0;
    this.trail.before.length = 0;
    this.unplaced.fill(0);
    this.count.fill(0);
    this.crossing.fill(0);
    this.lowest.fill(0);
    this.isPlaced.fill(0);
    this.below.fill(-1);
    for (let block = 0; block < this.lowest.length; block++) this.countUnplaced(block, 1);
    return this.unplaced.every((bytes) => bytes <= capacity);
  }

  get mark(): number {
    return this.trail.what.length;
  }

  undo(mark: number): void {
    const { what, before } = this.trail;
    const blockCount = this.lowest.length;
    while (what.length > mark) {
      const index = what.pop()!;
      const value = before.pop()!;
      if (index < blockCount) this.lowest[index] = value;
      else if (index < blockCount + this.cliqueCount) this.below[index - blockCount] = value;
      else {
        this.isPlaced[value] = 0;
        this.countUnplaced(value, 1);
      }
    }
  }

  /** Puts a block at its lowest offset; all others that live with it lie above it then. */
  place(block: number): boolean {
    const { lowest, isPlaced, below, trail } = this;
    const { bytes, first, last } = this.blocks;
    const blockCount = bytes.length;
    for (let clique = first[block]; clique <= last[block]; clique++) {
      trail.what.push(blockCount + clique);
      trail.before.push(below[clique]);
      below[clique] = block;
    }
    trail.what.push(blockCount + this.cliqueCount);
    trail.before.push(block);
    isPlaced[block] = 1;
    this.countUnplaced(block, -1);
    const top = lowest[block] + bytes[block];
    const { starts, items } = this.neighbours;
    this.touch(block);
    let from = first[block];
    let to = last[block];
    for (let i = starts[block]; i < starts[block + 1]; i++) {
      const other = items[i];
      if (isPlaced[other] || lowest[other] >= top) continue;
      this.raise(other, top);
      this.touch(other);
      if (first[other] < from) from = first[other];
      if (last[other] > to) to = last[other];
    }
    return this.restFits(from, to);
  }

  /** Says that a block does not lie at its lowest offset, below which nothing has room: then it lies on one that is not placed yet. */
  lift(block: number): boolean {
    const { first, last, bytes } = this.blocks;
    const level = this.nextLevel(block);
    if (level + bytes[block] > this.capacity) {
      this.failures[first[block]]++;
      return false;
    }
    this.raise(block, level);
    this.touch(block);
    return this.restFits(first[block], last[block]);
  }

  /**
   * The lowest top that what is not placed and lives with a block can have. Where that is above the block's lowest offset nothing has room
   * below it there, and the block lies at that offset or on that top or higher.
   */
  nextLevel(block: number): number {
    const { starts, items } = this.neighbours;
    let level = Number.POSITIVE_INFINITY;
    for (let i = starts[block]; i < starts[block + 1]; i++) {
      const other = items[i];
      if (!this.isPlaced[other]) level = Math.min(level, this.topOf(other));
    }
    return level;
  }

  /** Whether a block at its lowest offset lies on the bottom or on a placed one. */
  isSupported(block: number): boolean {
    const { first, last } = this.blocks;
    for (let clique = first[block]; clique <= last[block]; clique++)
      if (this.topOf(this.below[clique]) === this.lowest[block]) return true;
    return false;
  }

  /** Whether nothing that is not placed lives with a block. */
  isAlone(block: number): boolean {
    const { first, last } = this.blocks;
    for (let clique = first[block]; clique <= last[block]; clique++)
      if (this.count[clique] > 1) return false;
    return true;
  }

  /** The placed block right below one, of the same life. */
  twinBelow(block: number): number {
    const { first, last } = this.blocks;
    const other = this.below[first[block]];
    const isTwin =
      other >= 0 &&
      first[other] === first[block] &&
      last[other] === last[block] &&
      this.topOf(other) === this.lowest[block];
    return isTwin ? other : -1;
  }

  private topOf(block: number): number {
    return block < 0 ? 0 : this.lowest[block] + this.blocks.bytes[block];
  }

  private countUnplaced(block: number, times: 1 | -1): void {
    const { bytes, first, last } = this.blocks;
    for (let clique = first[block]; clique <= last[block]; clique++) {
      this.unplaced[clique] += times * bytes[block];
      this.count[clique] += times;
      if (clique < last[block]) this.crossing[clique] += times;
    }
  }

  private raise(block: number, level: number): void {
    this.trail.what.push(block);
    this.trail.before.push(this.lowest[block]);
    this.lowest[block] = level;
  }

  private touch(block: number): void {
    this.touched[this.blocks.first[block]]++;
    this.touched[this.blocks.last[block] + 1]--;
  }

  /** Looks at the touched cliques, all between `from` and `to`. */
  private restFits(from: number, to: number): boolean {
    const { touched } = this;
    let open = 0;
    let fits = true;
    for (let clique = from; clique <= to; clique++) {
      open += touched[clique];
      touched[clique] = 0;
      if (open === 0 || !fits || this.fitsIn(clique)) continue;
      this.failures[clique]++;
      fits = false;
    }
    touched[to + 1] = 0;
    return fits;
  }

  /**
   * One machine with release dates: what has its lowest offset at a height or above it lies above that height. Sorts the
   * clique's list, whose order nothing hangs on.
   */
  private fitsIn(clique: number): boolean {
    const { isPlaced, lowest, capacity } = this;
    const { bytes } = this.blocks;
    const { starts, items } = this.live;
    const from = starts[clique];
    const to = starts[clique + 1];
    for (let i = from + 1; i < to; i++) {
      const block = items[i];
      const key = isPlaced[block] ? -1 : lowest[block];
      let at = i - 1;
      for (; at >= from; at--) {
        const other = items[at];
        if ((isPlaced[other] ? -1 : lowest[other]) >= key) break;
        items[at + 1] = other;
      }
      items[at + 1] = block;
    }
    let above = 0;
    for (let i = from; i < to && !isPlaced[items[i]]; i++) {
      above += bytes[items[i]];
      if (lowest[items[i]] + above > capacity) return false;
    }
    return true;
  }
}

/** What lives in a block's first clique, and what starts in its other ones. */
function neighboursOf({ bytes, first, last }: Blocks, live: Rows, starting: Rows): Rows {
  return rowsOf(bytes.length, (add) => {
    for (let block = 0; block < bytes.length; block++) {
      for (let i = live.starts[first[block]]; i < live.starts[first[block] + 1]; i++)
        if (live.items[i] !== block) add(block, live.items[i]);
      for (let i = starting.starts[first[block] + 1]; i < starting.starts[last[block] + 1]; i++)
        add(block, starting.items[i]);
    }
  });
}
