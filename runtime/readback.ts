import type { PlanTensor } from '../ir/plan.ts';
import type { TensorData } from './executor.ts';
import { BUFFER_USAGE, MAP_MODE_READ } from './webgpu-constants.ts';

/** Tensors start at multiples of this in the staging buffer, as `stagingBytes` counts them. */
const ALIGNMENT = 16;
/** Size of the temporary buffer that large reads go through where the plan's staging buffer is smaller. */
const CHUNK_BYTES = 256 * 1024;

/** A stretch of a tensor and where it lies in the staging buffer, all in bytes. */
interface Piece {
  readonly tensor: number;
  readonly from: number;
  readonly bytes: number;
  readonly to: number;
}

/**
 * Copies tensors to the host through `staging`, in several rounds where they do not fit together. Where the staging
 * buffer is too small to do so in few rounds, a temporary buffer of at most 256 KiB stands in for it.
 */
export async function readTensors(
  device: GPUDevice,
  slabs: readonly GPUBuffer[],
  staging: GPUBuffer | null,
  tensors: readonly PlanTensor[],
): Promise<TensorData[]> {
  const results = tensors.map(({ dtype, bytes }) =>
    dtype === 'f32' ? new Float32Array(bytes / 4) : new Int32Array(bytes / 4),
  );
  const total = tensors.reduce((sum, { bytes }) => sum + alignUp(bytes), 0);
  if (total === 0) {
    await device.queue.onSubmittedWorkDone();
    return results;
  }
  const own = staging !== null && staging.size >= Math.min(total, CHUNK_BYTES);
  const buffer = own
    ? staging
    : device.createBuffer({
        size: Math.min(total, CHUNK_BYTES),
        usage: BUFFER_USAGE.MAP_READ | BUFFER_USAGE.COPY_DST,
      });
  try {
    for (const round of rounds(tensors, buffer.size)) {
      const encoder = device.createCommandEncoder();
      for (const { tensor, from, bytes, to } of round) {
        const { slab, offset } = tensors[tensor];
        encoder.copyBufferToBuffer(slabs[slab!], offset + from, buffer, to, bytes);
      }
      device.queue.submit([encoder.finish()]);
      const end = round[round.length - 1].to + round[round.length - 1].bytes;
      await buffer.mapAsync(MAP_MODE_READ, 0, end);
      const mapped = new Uint8Array(buffer.getMappedRange(0, end));
      for (const { tensor, from, bytes, to } of round) {
        const target = new Uint8Array(results[tensor].buffer, from, bytes);
        target.set(mapped.subarray(to, to + bytes));
      }
      buffer.unmap();
    }
  } finally {
    if (!own) buffer.destroy();
  }
  return results;
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Cuts tensors into pieces and those into rounds that fit a buffer of `capacity` bytes, a multiple of 16. */
function rounds(tensors: readonly PlanTensor[], capacity: number): Piece[][] {
  const all: Piece[][] = [];
  let round: Piece[] = [];
  let to = 0;
  tensors.forEach(({ bytes }, tensor) => {
    for (let from = 0; from < bytes; ) {
      if (to >= capacity) {
        all.push(round);
        [round, to] = [[], 0];
      }
      const size = Math.min(bytes - from, capacity - to);
      round.push({ tensor, from, bytes: size, to });
      from += size;
      to = alignUp(to + size);
    }
  });
  if (round.length > 0) all.push(round);
  return all;
}
