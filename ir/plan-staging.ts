import type { Plan } from './plan.ts';
import { NO_SWAP } from './plan-swap.ts';
import { TARGET_RULES } from './targets.ts';

// The buffers of a webgpu plan that the host reads through. wasm needs none.

/** Tensors are copied to multiples of this within a staging buffer. */
export const STAGING_ALIGNMENT = 16;
/** Persistent tensors are read in rounds; a buffer of this size makes them few enough. */
const READBACK_BYTES = 64 * 1024;

/** What the size of the buffer follows from: the sizes in bytes of tensors on the device. */
export interface ReadBack {
  /** Per program, those that its outputs name, once for each. */
  readonly outputs: readonly (readonly number[])[];
  readonly persistent: readonly number[];
}

/**
 * Bytes of the buffer that outputs and persistent tensors are read through: room for all outputs of a program, each rounded
 * up to 16; and for the largest persistent tensor, but at most 64 KiB of it.
 */
export function readbackBytesOf({ outputs, persistent }: ReadBack): number {
  const aligned = (bytes: number) => Math.ceil(bytes / STAGING_ALIGNMENT) * STAGING_ALIGNMENT;
  let most = 0;
  for (const sizes of outputs)
    most = Math.max(
      most,
      sizes.reduce((sum, bytes) => sum + aligned(bytes), 0),
    );
  for (const bytes of persistent) most = Math.max(most, Math.min(READBACK_BYTES, aligned(bytes)));
  return most;
}

/** The same of a plan; 0 where the host reads directly. */
export function readbackBytes({ target, tensors, programs }: Plan): number {
  if (TARGET_RULES[target].readsDirectly) return 0;
  return readbackBytesOf({
    outputs: Object.values(programs).map(({ outputs }) =>
      outputs.flatMap(({ tensor }) =>
        tensors[tensor].policy === 'host' ? [] : [tensors[tensor].bytes],
      ),
    ),
    persistent: tensors.flatMap(({ policy, bytes }) => (policy === 'persistent' ? [bytes] : [])),
  });
}

/** Most buffers that the bytes for reading are divided among: so many reads are under way at once. */
const READBACK_BUFFERS = 4;
/** Smaller ones are not worth that a read takes several. */
const LEAST_READBACK_BYTES = 256;

/** Sizes of the buffers that {@link readbackBytes} are divided into, all of whole copies. */
export function readbackBuffers(plan: Plan): number[] {
  const bytes = readbackBytes(plan);
  const count = Math.min(READBACK_BUFFERS, Math.floor(bytes / LEAST_READBACK_BYTES));
  if (count < 2) return bytes > 0 ? [bytes] : [];
  const each = Math.floor(bytes / count / STAGING_ALIGNMENT) * STAGING_ALIGNMENT;
  return Array.from({ length: count }, (_, i) => (i > 0 ? each : bytes - (count - 1) * each));
}

/** All staging of a plan: what is read back, what is copied out, and what inputs go up through. */
export function stagingBytes(plan: Plan): number {
  const { buffers, bytes } = (plan.swap ?? NO_SWAP).staging;
  const up = plan.uploads ?? NO_SWAP.staging;
  return readbackBytes(plan) + buffers * bytes + up.buffers * up.bytes;
}
