import type { PlanTensor } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';
import { type TensorData, targetOf, type Wanted } from './executor.ts';
import { cutIntoRounds, type Piece, roundBytes } from './rounds.ts';
import { MAP_MODE_READ } from './webgpu-constants.ts';
import { submitted } from './webgpu-setup.ts';

/** Adds to what is submitted. */
export type Encode = (encoder: GPUCommandEncoder) => void;

/** What is on its way to the host. */
export interface Reading {
  readonly arrays: Promise<TensorData[]>;
}

/**
 * Copies tensors to the host through a few buffers, which are used in turn: several reads are under way at once, each in its own
 * buffers, and the next run need not wait for any of them.
 */
export class ReadBack {
  readonly #device: GPUDevice;
  readonly #slabs: readonly GPUBuffer[];
  readonly #free: GPUBuffer[];
  readonly #count: number;
  readonly #capacity: number;
  #waiting: (() => void)[] = [];

  constructor(device: GPUDevice, slabs: readonly GPUBuffer[], buffers: readonly GPUBuffer[]) {
    this.#device = device;
    this.#slabs = slabs;
    this.#free = [...buffers];
    this.#count = buffers.length;
    this.#capacity = Math.min(...buffers.map(({ size }) => size));
  }

  /**
   * Calls `submit` once with the first copies, as many as there are buffers for, and submits those that are left by itself. When it
   * resolves, all copies have been submitted, and the memory of the tensors may be written over.
   */
  async start(wanted: readonly Wanted[], submit: (encode?: Encode) => void): Promise<Reading> {
    if (wanted.length === 0) {
      submit();
      return { arrays: Promise.resolve([]) };
    }
    const targets = wanted.map(targetOf);
    const tensors = wanted.map(({ tensor }) => tensor);
    const rounds = cutIntoRounds(
      tensors.map(({ bytes }) => bytes),
      this.#capacity,
    );
    const copied: Promise<void>[] = [];
    const first = Math.min(rounds.length, this.#count);
    while (this.#free.length < first) await this.#freed();
    for (let next = 0; next < rounds.length; ) {
      if (this.#free.length === 0) await this.#freed();
      const now = rounds.slice(next, next + (next === 0 ? first : this.#free.length));
      const filled = now.map((round) => ({ round, buffer: this.#free.shift()! }));
      const encode: Encode = (encoder) => {
        for (const { round, buffer } of filled) this.#encode(encoder, tensors, round, buffer);
      };
      if (next === 0) submit(encode);
      else submitted(this.#device, encode);
      next += now.length;
      for (const { round, buffer } of filled) {
        const work = this.#take(buffer, round, targets);
        // Seen through `arrays`, unless something fails before that is made.
        work.catch(() => {});
        copied.push(work);
      }
    }
    const arrays = Promise.all(copied).then(() => targets.map(({ data }) => data));
    // What else goes wrong with the run may be told first.
    arrays.catch(() => {});
    return { arrays };
  }

  /** Waits until all that was to be read has arrived, and no buffer is in use. */
  async idle(): Promise<void> {
    while (this.#free.length < this.#count) await this.#freed();
  }

  #encode(
    encoder: GPUCommandEncoder,
    tensors: readonly PlanTensor[],
    round: readonly Piece[],
    buffer: GPUBuffer,
  ): void {
    for (const { item, from, bytes, to } of round) {
      const { slab, offset } = tensors[item];
      encoder.copyBufferToBuffer(this.#slabs[slab!], offset + from, buffer, to, bytes);
    }
  }

  async #take(
    buffer: GPUBuffer,
    round: readonly Piece[],
    targets: readonly { readonly bytes: Uint8Array }[],
  ): Promise<void> {
    const end = roundBytes(round);
    try {
      await buffer.mapAsync(MAP_MODE_READ, 0, end);
      const mapped = new Uint8Array(buffer.getMappedRange(0, end));
      for (const { item, from, bytes, to } of round)
        fill(targets[item].bytes, mapped.subarray(to, to + bytes), from);
    } finally {
      buffer.unmap();
      this.#free.push(buffer);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resume of waiting) resume();
    }
  }

  #freed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function fill(target: Uint8Array, bytes: Uint8Array, from: number): void {
  if (target.length === 0)
    throw new RuntimeError(
      'invalid-input',
      "an array of 'into' was detached, as by a transfer, before the output arrived",
    );
  target.set(bytes, from);
}
