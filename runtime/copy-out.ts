import type { HostSlots } from './host-slots.ts';
import type { Progress } from './progress.ts';
import { cutIntoRounds, type Piece, roundBytes } from './rounds.ts';
import type { TransferOut } from './transfers.ts';
import { MAP_MODE_READ } from './webgpu-constants.ts';

/** What tensors are copied out through: buffers of the device, and memory for stores that take their time. */
export interface Staging {
  readonly buffers: readonly GPUBuffer[];
  readonly memory: readonly Uint8Array[];
}

/** A buffer's fill of pieces of what goes out. */
export interface OutRound {
  readonly outs: readonly TransferOut[];
  readonly pieces: readonly Piece[];
  /** It goes to stores that are memory, as does all else that goes out with it. */
  readonly direct: boolean;
}

/** The rounds in which `outs` go through buffers of `capacity` bytes, those to slow stores through memory of `writing` bytes. */
export function outRounds(
  slots: HostSlots,
  outs: readonly TransferOut[],
  capacity: number,
  writing: number,
): OutRound[] {
  const sizes = outs.map(({ tensor }) => tensor.bytes);
  // All or none: the end of a tensor must not be there before its beginning.
  const direct = outs.every(({ slot }) => slots.isMemory(slot));
  return cutIntoRounds(sizes, direct ? capacity : Math.min(capacity, writing)).map((pieces) => ({
    ...{ outs, pieces, direct },
  }));
}

/** Takes values to the host during one run, in order and in the background. */
export class CopyOut {
  readonly #slots: HostSlots;
  readonly #progress: Progress;
  readonly #staging: Staging;
  readonly #wrote: (order: number) => void;
  readonly #free: GPUBuffer[];
  readonly #using = new Set<GPUBuffer>();
  /** The last copy out of a staging buffer, and the last write to a store; by piece of memory the write that it holds. */
  #copied: Promise<void> = Promise.resolve();
  #written: Promise<void> = Promise.resolve();
  readonly #writing: Promise<void>[] = [];
  #turn = 0;

  /** `wrote` is told what the host has. */
  constructor(
    slots: HostSlots,
    progress: Progress,
    staging: Staging,
    wrote: (order: number) => void,
  ) {
    this.#slots = slots;
    this.#progress = progress;
    this.#staging = staging;
    this.#wrote = wrote;
    this.#free = [...staging.buffers];
  }

  /** A buffer that can be copied into, or null where all are in use. */
  take(): GPUBuffer | null {
    const buffer = this.#free.shift() ?? null;
    if (buffer) this.#using.add(buffer);
    return buffer;
  }

  /** The next buffer that becomes free. The copies into all others must have been submitted. */
  async wait(): Promise<GPUBuffer> {
    await this.#progress.until(() => this.#free.length > 0);
    return this.take()!;
  }

  /** Takes to the host what has been submitted to be copied into `buffer`. */
  start(buffer: GPUBuffer, round: OutRound): void {
    const mapped = buffer.mapAsync(MAP_MODE_READ, 0, roundBytes(round.pieces));
    this.#copied = Promise.all([mapped, this.#copied]).then(() => this.#copy(buffer, round));
    this.#progress.start(this.#copied);
  }

  /** After a failure: nothing stays mapped. */
  release(): void {
    for (const buffer of this.#using) buffer.unmap();
  }

  async #copy(buffer: GPUBuffer, round: OutRound): Promise<void> {
    this.#progress.check();
    const end = roundBytes(round.pieces);
    if (round.direct) {
      await this.#write(round, new Uint8Array(buffer.getMappedRange(0, end)));
      this.#give(buffer);
      return;
    }
    // A store may still read when the device, and with it the mapped bytes, is lost: it reads a copy.
    const turn = this.#turn++ % this.#staging.memory.length;
    const memory = this.#staging.memory[turn];
    await this.#writing[turn];
    this.#progress.check();
    memory.set(new Uint8Array(buffer.getMappedRange(0, end)));
    this.#give(buffer);
    this.#written = this.#written.then(() => this.#write(round, memory));
    this.#writing[turn] = this.#written;
    this.#progress.start(this.#written);
  }

  async #write({ outs, pieces }: OutRound, bytes: Uint8Array): Promise<void> {
    for (const piece of pieces) {
      const { slot, order } = outs[piece.item];
      const pending = this.#slots.write(
        slot,
        piece.from,
        bytes.subarray(piece.to, piece.to + piece.bytes),
      );
      if (pending) await pending;
      if (piece.last) this.#wrote(order);
    }
  }

  #give(buffer: GPUBuffer): void {
    buffer.unmap();
    this.#using.delete(buffer);
    this.#free.push(buffer);
    this.#progress.notify();
  }
}
