/** Addresses of one tensor, as those that have been written, in disjoint ranges in order, none of which touches the next. */
export class RangeSet {
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  add(start: number, end: number): this {
    // The ranges from `low` to before `high` touch the new one, which takes their place.
    const low = firstAtLeast(this.ends, start);
    const high = firstAtLeast(this.starts, end + 1);
    const joined = low < high;
    const from = joined ? Math.min(start, this.starts[low]) : start;
    const to = joined ? Math.max(end, this.ends[high - 1]) : end;
    this.starts.splice(low, high - low, from);
    this.ends.splice(low, high - low, to);
    return this;
  }

  /** Whether some address is in a range. */
  meet(start: number, end: number): boolean {
    const at = firstAtLeast(this.ends, start + 1);
    return at < this.starts.length && this.starts[at] < end;
  }

  cover(start: number, end: number): boolean {
    const at = firstAtLeast(this.ends, end);
    return at < this.ends.length && this.starts[at] <= start;
  }
}

/** Position of the first of rising numbers that is at least `least`. */
function firstAtLeast(rising: readonly number[], least: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Live ranges in order of address. They are disjoint, so both neighbours of a new one decide whether it fits. */
export class LiveRanges {
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private readonly owners: number[] = [];

  /** Adds a range and returns -1, or returns an owner that it overlaps and adds nothing. */
  add(start: number, end: number, owner: number): number {
    const position = firstAtLeast(this.starts, start);
    if (position > 0 && this.ends[position - 1] > start) return this.owners[position - 1];
    if (position < this.starts.length && this.starts[position] < end) return this.owners[position];
    this.starts.splice(position, 0, start);
    this.ends.splice(position, 0, end);
    this.owners.splice(position, 0, owner);
    return -1;
  }

  remove(start: number, owner: number): void {
    const position = firstAtLeast(this.starts, start);
    if (this.owners[position] !== owner) return;
    this.starts.splice(position, 1);
    this.ends.splice(position, 1);
    this.owners.splice(position, 1);
  }
}
