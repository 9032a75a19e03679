/** A binary heap of integers in [0, capacity) that knows where each one is, so that any of them can be removed. */
export class IndexedHeap {
  private readonly items: Int32Array;
  private readonly position: Int32Array;
  private readonly compare: (a: number, b: number) => number;
  size = 0;

  /** `compare` must be a strict order: 0 only for an item and itself. */
  constructor(capacity: number, compare: (a: number, b: number) => number) {
    this.items = new Int32Array(capacity);
    this.position = new Int32Array(capacity).fill(-1);
    this.compare = compare;
  }

  has(item: number): boolean {
    return this.position[item] >= 0;
  }

  /** The least item. */
  top(): number {
    return this.items[0];
  }

  push(item: number): void {
    this.place(item, this.size++);
    this.rise(item);
  }

  pop(): number {
    const item = this.items[0];
    this.remove(item);
    return item;
  }

  /** Removes `item`; nothing happens where it is not in the heap. */
  remove(item: number): void {
    const position = this.position[item];
    if (position < 0) return;
    this.position[item] = -1;
    const last = this.items[--this.size];
    if (last === item) return;
    this.place(last, position);
    this.rise(last);
    this.sink(last);
  }

  private place(item: number, position: number): void {
    this.items[position] = item;
    this.position[item] = position;
  }

  private rise(item: number): void {
    let position = this.position[item];
    while (position > 0) {
      const parent = this.items[(position - 1) >> 1];
      if (this.compare(parent, item) <= 0) break;
      this.place(parent, position);
      position = (position - 1) >> 1;
    }
    this.place(item, position);
  }

  private sink(item: number): void {
    let position = this.position[item];
    for (;;) {
      let child = 2 * position + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.compare(this.items[child + 1], this.items[child]) < 0)
        child++;
      if (this.compare(item, this.items[child]) <= 0) break;
      this.place(this.items[child], position);
      position = child;
    }
    this.place(item, position);
  }
}
