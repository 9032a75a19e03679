import { unsigned } from './opcodes.ts';

/** Bytes that grow at their end. */
export class Bytes {
  private held = new Uint8Array(256);
  private count = 0;

  get length(): number {
    return this.count;
  }

  /** A byte. */
  byte(value: number): void {
    this.reserve(1);
    this.held[this.count++] = value;
  }

  /** Several bytes. */
  all(values: ArrayLike<number>): void {
    this.reserve(values.length);
    this.held.set(values, this.count);
    this.count += values.length;
  }

  /** An unsigned integer, LEB128. */
  unsigned(value: number): void {
    if (value < 0x80) this.byte(value);
    else this.all(unsigned(value));
  }

  /** A signed integer, LEB128. */
  signed(value: bigint): void {
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const isLast = rest === (low & 0x40 ? -1n : 0n);
      this.byte(isLast ? low : low | 0x80);
      if (isLast) return;
    }
  }

  /** The length, then the bytes. */
  sized(values: ArrayLike<number>): void {
    this.unsigned(values.length);
    this.all(values);
  }

  /** What has been written, without a copy. */
  view(): Uint8Array<ArrayBuffer> {
    return this.held.subarray(0, this.count);
  }

  private reserve(more: number): void {
    if (this.count + more <= this.held.length) return;
    const larger = new Uint8Array(Math.max(2 * this.held.length, this.count + more));
    larger.set(this.held);
    this.held = larger;
  }
}
