/**
 * Numbers in a row, 0 at first, under addition to ranges and questions for maxima, each in logarithmic time: a bottom-up segment
 * tree whose nodes hold the maximum of their range, and what was added to all of it.
 */
export class RangeTree {
  readonly length: number;
  private readonly base: number;
  /** Maximum of the range of each node, without what was added to the nodes above it. */
  private readonly most: Float64Array;
  private readonly added: Float64Array;

  constructor(length: number) {
    let base = 4;
    while (base < length + 2) base *= 2;
    this.length = length;
    this.base = base;
    this.most = new Float64Array(2 * base);
    this.added = new Float64Array(base);
    // What is not there is never a maximum.
    for (let leaf = 0; leaf < base; leaf++)
      if (leaf < 1 || leaf > length) this.most[base + leaf] = Number.NEGATIVE_INFINITY;
    for (let node = base - 1; node > 0; node--)
      this.most[node] = Math.max(this.most[2 * node], this.most[2 * node + 1]);
  }

  /** Called with what is added to a range that is not empty. */
  onAdd: ((first: number, last: number, amount: number) => void) | null = null;

  /** Adds to all of `first` … `last`, both included; nothing where the range is empty. */
  add(first: number, last: number, amount: number): void {
    if (first > last || amount === 0) return;
    this.onAdd?.(first, last, amount);
    const { most, added, base } = this;
    let left = base + first;
    let right = base + last + 2;
    while ((left ^ right) !== 1) {
      if ((left & 1) === 0) {
        most[left ^ 1] += amount;
        if ((left ^ 1) < base) added[left ^ 1] += amount;
      }
      if ((right & 1) === 1) {
        most[right ^ 1] += amount;
        if ((right ^ 1) < base) added[right ^ 1] += amount;
      }
      left >>= 1;
      right >>= 1;
      most[left] = Math.max(most[2 * left], most[2 * left + 1]) + added[left];
      most[right] = Math.max(most[2 * right], most[2 * right + 1]) + added[right];
    }
    for (let node = left >> 1; node > 0; node >>= 1)
      most[node] = Math.max(most[2 * node], most[2 * node + 1]) + added[node];
  }

  /** The largest number; minus infinity where there is none. */
  get largest(): number {
    return this.most[1];
  }

  /** The first place of the largest number. */
  get largestAt(): number {
    const { most, base } = this;
    let node = 1;
    while (node < base) node = most[2 * node] >= most[2 * node + 1] ? 2 * node : 2 * node + 1;
    return node - base - 1;
  }

  at(place: number): number {
    const { most, added, base } = this;
    let node = base + place + 1;
    let value = most[node];
    for (node >>= 1; node > 0; node >>= 1) value += added[node];
    return value;
  }

  /** The largest of `first` … `last`, both included; minus infinity where the range is empty. */
  largestIn(first: number, last: number): number {
    if (first > last) return Number.NEGATIVE_INFINITY;
    const { most, added, base } = this;
    let left = base + first;
    let right = base + last + 2;
    let fromLeft = Number.NEGATIVE_INFINITY;
    let fromRight = Number.NEGATIVE_INFINITY;
    while ((left ^ right) !== 1) {
      if ((left & 1) === 0 && most[left ^ 1] > fromLeft) fromLeft = most[left ^ 1];
      if ((right & 1) === 1 && most[right ^ 1] > fromRight) fromRight = most[right ^ 1];
      left >>= 1;
      right >>= 1;
      fromLeft += added[left];
      fromRight += added[right];
    }
    let value = Math.max(fromLeft, fromRight);
    for (let node = left >> 1; node > 0; node >>= 1) value += added[node];
    return value;
  }
}
