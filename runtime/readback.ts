import type { PlanTensor } from '../ir/plan.ts';
import { emptyData, type TensorData } from './executor.ts';
import { cutIntoRounds, roundBytes } from './rounds.ts';
import { MAP_MODE_READ } from './webgpu-constants.ts';
import { submitted } from './webgpu-setup.ts';

/** Copies tensors to the host through `staging`, in several rounds where they do not fit together. */
export async function readTensors(
  device: GPUDevice,
  slabs: readonly GPUBuffer[],
  staging: GPUBuffer | null,
  tensors: readonly PlanTensor[],
): Promise<TensorData[]> {
  if (tensors.length === 0 || !staging) {
    await device.queue.onSubmittedWorkDone();
    return [];
  }
  const results = tensors.map(emptyData);
  const sizes = tensors.map(({ bytes }) => bytes);
  for (const round of cutIntoRounds(sizes, staging.size)) {
    submitted(device, (encoder) => {
      for (const { item, from, bytes, to } of round) {
        const { slab, offset } = tensors[item];
        encoder.copyBufferToBuffer(slabs[slab!], offset + from, staging, to, bytes);
      }
    });
    const end = roundBytes(round);
    await staging.mapAsync(MAP_MODE_READ, 0, end);
    const mapped = new Uint8Array(staging.getMappedRange(0, end));
    for (const { item, from, bytes, to } of round)
      results[item].bytes.set(mapped.subarray(to, to + bytes), from);
    staging.unmap();
  }
  return results.map(({ data }) => data);
}
