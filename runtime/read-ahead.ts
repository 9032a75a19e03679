import type { HostSlots } from './host-slots.ts';
import type { Progress } from './progress.ts';
import type { TransferIn } from './transfers.ts';

/** Takes a stretch of a tensor, from its byte `from` on. The bytes are valid until it returns. */
export type Sink = (from: number, bytes: Uint8Array) => void;

/** A piece of a slot; `after` as of its transfer. */
export interface PlannedRead {
  readonly slot: number;
  readonly from: number;
  readonly bytes: number;
  readonly after: number;
}

/** What a program reads out of stores that are not memory, in order, in pieces of `most` bytes. */
export function plannedReads(
  slots: HostSlots,
  ins: readonly TransferIn[],
  most: number,
): PlannedRead[] {
  return ins.flatMap(({ tensor, slot, after }) => {
    const reads: PlannedRead[] = [];
    if (slots.isMemory(slot)) return reads;
    for (let from = 0; from < tensor.bytes; from += most)
      reads.push({ slot, from, bytes: Math.min(most, tensor.bytes - from), after });
    return reads;
  });
}

/**
 * Brings values in during one run. Out of stores that are not memory they are read ahead of their use, in order, as far as
 * there are buffers and as what was taken out has been written.
 */
export class ReadAhead {
  readonly #slots: HostSlots;
  readonly #progress: Progress;
  readonly #reads: readonly PlannedRead[];
  readonly #buffers: readonly Uint8Array[];
  readonly #filled: Uint8Array;
  /** Per copy out of the program: whether the host has it. */
  readonly #written: Uint8Array;
  #started = 0;
  #taken = 0;

  constructor(
    slots: HostSlots,
    progress: Progress,
    reads: readonly PlannedRead[],
    buffers: readonly Uint8Array[],
    outCount: number,
  ) {
    this.#slots = slots;
    this.#progress = progress;
    this.#reads = reads;
    this.#buffers = buffers;
    this.#filled = new Uint8Array(buffers.length);
    this.#written = new Uint8Array(outCount);
    this.#advance();
  }

  /** The host has what was copied out as the `order`th of the program. */
  wrote(order: number): void {
    this.#written[order] = 1;
    this.#advance();
    this.#progress.notify();
  }

  async bringIn({ tensor, slot, after }: TransferIn, sink: Sink): Promise<void> {
    if (!this.#has(after)) await this.#progress.until(() => this.#has(after));
    const whole = this.#slots.view(slot, tensor.bytes, after >= 0);
    if (whole) {
      sink(0, whole);
      return;
    }
    for (let from = 0; from < tensor.bytes; ) {
      const { bytes } = this.#reads[this.#taken];
      const buffer = this.#taken % this.#buffers.length;
      if (!this.#filled[buffer]) await this.#progress.until(() => this.#filled[buffer] === 1);
      sink(from, this.#buffers[buffer].subarray(0, bytes));
      from += bytes;
      this.#filled[buffer] = 0;
      this.#taken++;
      this.#advance();
    }
  }

  #has(order: number): boolean {
    return order < 0 || this.#written[order] === 1;
  }

  #advance(): void {
    while (
      this.#started < this.#reads.length &&
      this.#started - this.#taken < this.#buffers.length &&
      this.#has(this.#reads[this.#started].after)
    ) {
      const buffer = this.#started % this.#buffers.length;
      this.#progress.start(this.#fill(buffer, this.#reads[this.#started++]));
    }
  }

  async #fill(buffer: number, { slot, from, bytes, after }: PlannedRead): Promise<void> {
    await this.#slots.read(slot, from, this.#buffers[buffer].subarray(0, bytes), after >= 0);
    this.#filled[buffer] = 1;
  }
}
