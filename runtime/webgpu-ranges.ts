import type { PlanTensor } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';
import type { BufferUse, DeviceRange, Wanted } from './executor.ts';
import type { GpuBufferRange } from './gpu-types.ts';
import { BUFFER_USAGE } from './webgpu-constants.ts';

// Buffers of the caller's, from which inputs are copied and to which outputs are.

/** An input that comes from a buffer of the caller's. */
export interface CopyIn {
  readonly tensor: PlanTensor;
  readonly range: DeviceRange;
}

/** What a buffer must be made with. */
const USES: Readonly<Record<BufferUse, 'COPY_SRC' | 'COPY_DST'>> = {
  input: 'COPY_SRC',
  output: 'COPY_DST',
};
/** WebGPU copies whole words. */
const COPY_ALIGNMENT = 4;

/** What can be told of a buffer without asking the device. Error: `invalid-buffer`. */
export function checkedRange(
  { buffer, offset = 0, size }: GpuBufferRange,
  { bytes }: PlanTensor,
  use: BufferUse,
  what: string,
  slabs: readonly GPUBuffer[],
): DeviceRange {
  const refuse = (problem: string): never => {
    throw new RuntimeError('invalid-buffer', `the GPUBuffer of ${what} ${problem}`);
  };
  if (slabs.includes(buffer as GPUBuffer))
    refuse("is the session's own memory; let the output go into a buffer of your own, by 'into'");
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % COPY_ALIGNMENT !== 0)
    refuse(`is used from byte ${offset}; the offset is a multiple of ${COPY_ALIGNMENT}`);
  if (size !== undefined && size !== bytes)
    refuse(`is used with size ${size}, but the tensor has ${bytes} bytes`);
  if (offset + bytes > buffer.size)
    refuse(
      `has ${buffer.size} bytes${offset > 0 ? `, from ${offset} on ${Math.max(0, buffer.size - offset)}` : ''}, but the tensor has ${bytes}`,
    );
  if (!(buffer.usage & BUFFER_USAGE[USES[use]]))
    refuse(`was made without GPUBufferUsage.${USES[use]}, which an ${use} needs`);
  if (buffer.mapState !== undefined && buffer.mapState !== 'unmapped')
    refuse('is mapped; unmap it first');
  return { buffer: buffer as GPUBuffer, offset, size: bytes };
}

/** The tensor itself, where it lies. */
export function ownRange({ slab, offset, bytes }: PlanTensor, slabs: readonly GPUBuffer[]) {
  return { buffer: slabs[slab!], offset, size: bytes } satisfies DeviceRange;
}

/** Where the caller wants the output, if that is a buffer. */
export function rangeInto({ into }: Wanted): DeviceRange | null {
  return into === null || into === 'device' || ArrayBuffer.isView(into) ? null : into;
}

export function encodeCopiesIn(
  encoder: GPUCommandEncoder,
  copies: readonly CopyIn[],
  slabs: readonly GPUBuffer[],
): void {
  for (const { tensor, range } of copies) {
    const to = ownRange(tensor, slabs);
    encoder.copyBufferToBuffer(range.buffer, range.offset, to.buffer, to.offset, to.size);
  }
}

export function encodeCopiesOut(
  encoder: GPUCommandEncoder,
  wanted: readonly Wanted[],
  slabs: readonly GPUBuffer[],
): void {
  for (const want of wanted) {
    const range = rangeInto(want);
    if (!range) continue;
    const from = ownRange(want.tensor, slabs);
    encoder.copyBufferToBuffer(from.buffer, from.offset, range.buffer, range.offset, from.size);
  }
}

/** Buffers of the caller's that a run uses. */
export function foreignBuffers(copies: readonly CopyIn[], wanted: readonly Wanted[]): GPUBuffer[] {
  const out = wanted.flatMap((want) => rangeInto(want)?.buffer ?? []);
  return [...copies.map(({ range }) => range.buffer), ...out] as GPUBuffer[];
}
