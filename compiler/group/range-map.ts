import { partitionPoint } from '../../ir/lists.ts';

/** Values by disjoint ranges of addresses, in order; what a change touches in part is cut. */
export class RangeMap<Value> {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #values: Value[] = [];
  readonly #copy: (value: Value) => Value;

  /** `copy`: for the parts of a range that is cut. */
  constructor(copy: (value: Value) => Value) {
    this.#copy = copy;
  }

  /** Calls `visit` with the value of every range between `start` and `end`; those that have none get what `make` gives. */
  visit(start: number, end: number, make: () => Value, visit: (value: Value) => void): void {
    this.#cut(start);
    this.#cut(end);
    let at = start;
    let i = this.#first(start);
    while (at < end) {
      if (i < this.#starts.length && this.#starts[i] === at) {
        at = this.#ends[i];
      } else {
        const next = i < this.#starts.length ? Math.min(end, this.#starts[i]) : end;
        this.#insert(i, at, next, make());
        at = next;
      }
      visit(this.#values[i]);
      i++;
    }
  }

  /** Gives one value to a whole range, and returns those that were there. */
  replace(start: number, end: number, value: Value): Value[] {
    this.#cut(start);
    this.#cut(end);
    const low = this.#first(start);
    let high = low;
    while (high < this.#starts.length && this.#starts[high] < end) high++;
    const gone = this.#values.splice(low, high - low, value);
    this.#starts.splice(low, high - low, start);
    this.#ends.splice(low, high - low, end);
    return gone;
  }

  #insert(at: number, start: number, end: number, value: Value): void {
    this.#starts.splice(at, 0, start);
    this.#ends.splice(at, 0, end);
    this.#values.splice(at, 0, value);
  }

  /** Position of the first range that ends behind `address`. */
  #first(address: number): number {
    return partitionPoint(this.#ends.length, (i) => this.#ends[i] <= address);
  }

  #cut(address: number): void {
    const i = this.#first(address);
    if (i >= this.#starts.length || this.#starts[i] >= address) return;
    this.#insert(i + 1, address, this.#ends[i], this.#copy(this.#values[i]));
    this.#ends[i] = address;
  }
}
