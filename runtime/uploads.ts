import type { PlanTensor } from '../ir/plan.ts';
import { MAP_MODE_WRITE } from './webgpu-constants.ts';

/** A stretch of a tensor and where it lies in a buffer, in bytes. */
interface Piece {
  readonly tensor: PlanTensor;
  readonly from: number;
  readonly bytes: number;
  readonly at: number;
}

interface Ring {
  readonly buffer: GPUBuffer;
  /** Its bytes; null while the device has them. */
  mapped: Uint8Array | null;
  used: number;
  pieces: Piece[];
}

/** Takes inputs to the device through buffers that stay mapped between runs and are used in turn. Nobody waits for one. */
export class Uploads {
  readonly #ring: readonly Ring[];
  #turn = 0;

  /** The buffers are mapped. */
  constructor(buffers: readonly GPUBuffer[]) {
    this.#ring = buffers.map((buffer) => ({
      ...{ buffer, mapped: new Uint8Array(buffer.getMappedRange()), used: 0, pieces: [] },
    }));
  }

  /** Takes a copy of the beginning of `bytes`, as much as there is room for; how many bytes that is. */
  take(tensor: PlanTensor, bytes: Uint8Array): number {
    let from = 0;
    for (let tried = 0; tried < this.#ring.length && from < bytes.length; ) {
      const place = this.#ring[this.#turn];
      // Memory of a device that is lost is detached.
      const room = Math.max(0, (place.mapped?.length ?? 0) - place.used);
      if (room === 0) {
        this.#turn = (this.#turn + 1) % this.#ring.length;
        tried++;
        continue;
      }
      const piece = { tensor, from, bytes: Math.min(room, bytes.length - from), at: place.used };
      place.mapped!.set(bytes.subarray(from, from + piece.bytes), piece.at);
      place.pieces.push(piece);
      place.used += piece.bytes;
      from += piece.bytes;
    }
    return from;
  }

  /** Whether there is anything to be sent. */
  get isPending(): boolean {
    return this.#ring.some(({ used }) => used > 0);
  }

  /** Encodes what was taken. Once that is submitted, {@link sent} is due. */
  encode(encoder: GPUCommandEncoder, slabs: readonly GPUBuffer[]): void {
    for (const place of this.#ring) {
      if (place.used === 0) continue;
      place.buffer.unmap();
      place.mapped = null;
      for (const { tensor, from, bytes, at } of place.pieces)
        encoder.copyBufferToBuffer(
          ...([place.buffer, at, slabs[tensor.slab!], tensor.offset + from, bytes] as const),
        );
    }
  }

  /** The buffers that were sent are mapped again when the device has read them. */
  sent(): void {
    for (const place of this.#ring) {
      if (place.used === 0) continue;
      this.#empty(place);
      place.buffer.mapAsync(MAP_MODE_WRITE).then(
        () => {
          place.mapped = new Uint8Array(place.buffer.getMappedRange());
        },
        // Of a device that is lost, which shows elsewhere.
        () => {},
      );
    }
    this.#turn = (this.#turn + 1) % Math.max(1, this.#ring.length);
  }

  /** Forgets what was taken for a run that does not happen. */
  discard(): void {
    for (const place of this.#ring) if (place.mapped) this.#empty(place);
  }

  #empty(place: Ring): void {
    place.used = 0;
    place.pieces = [];
  }
}
