import { largest, smallest } from './lists.ts';
/** The bytes of one tensor that have been written, as disjoint ranges in order. */
export class WrittenRanges {
  private ranges: { start: number; end: number }[] = [];

  add(start: number, end: number): void {
    const touching = (range: { start: number; end: number }) =>
      range.start <= end && range.end >= start;
    const joined = this.ranges.filter(touching);
    this.ranges = [
      ...this.ranges.filter((range) => range.end < start),
      {
        start: smallest(
          joined.map((range) => range.start),
          start,
        ),
        end: largest(
          joined.map((range) => range.end),
          end,
        ),
      },
      ...this.ranges.filter((range) => range.start > end),
    ];
  }

  cover(start: number, end: number): boolean {
    return this.ranges.some((range) => range.start <= start && range.end >= end);
  }
}

/** Live ranges in order of address. They are disjoint, so both neighbours of a new one decide whether it fits. */
export class LiveRanges {
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private readonly owners: number[] = [];

  /** Position of the first range that starts at or after `start`. */
  private position(start: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds a range and returns -1, or returns an owner that it overlaps and adds nothing. */
  add(start: number, end: number, owner: number): number {
    const position = this.position(start);
    if (position > 0 && this.ends[position - 1] > start) return this.owners[position - 1];
    if (position < this.starts.length && this.starts[position] < end) return this.owners[position];
    this.starts.splice(position, 0, start);
    this.ends.splice(position, 0, end);
    this.owners.splice(position, 0, owner);
    return -1;
  }

  remove(start: number, owner: number): void {
    const position = this.position(start);
    if (this.owners[position] !== owner) return;
    this.starts.splice(position, 1);
    this.ends.splice(position, 1);
    this.owners.splice(position, 1);
  }
}
