import type { BufferSet, Plan } from '../ir/plan.ts';
import { setBytes } from '../ir/plan-host.ts';
import { NO_SWAP } from '../ir/plan-swap.ts';
import type { HostSlots } from './host-slots.ts';

/** Memory that values pass through on their way from and to stores that are not memory. */
export interface HostBuffers {
  readonly reading: readonly Uint8Array[];
  readonly writing: readonly Uint8Array[];
  readonly bytes: number;
}

const MOST_READING_BYTES = 4 * 2 ** 20;
const FOREIGN_BUFFERS = 2;

/**
 * As the plan says. Where stores of the caller's stand in for memory, values pass through buffers that the plan knows nothing of:
 * then these are of the largest slot, and of `stagingBytes`.
 */
export function hostBuffers(plan: Plan, slots: HostSlots, stagingBytes: number): HostBuffers {
  const { slots: places, ...planned } = plan.swap ?? NO_SWAP;
  const foreign = places.some(({ tier }, slot) => tier === 'memory' && !slots.isMemory(slot));
  const largest = places.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const orForeign = (set: BufferSet, bytes: number): BufferSet =>
    set.buffers === 0 && foreign ? { buffers: FOREIGN_BUFFERS, bytes } : set;
  const reading = orForeign(planned.reading, Math.min(largest, MOST_READING_BYTES));
  const writing = orForeign(planned.writing, stagingBytes);
  const allocate = ({ buffers, bytes }: BufferSet) =>
    Array.from({ length: buffers }, () => new Uint8Array(bytes));
  return {
    reading: allocate(reading),
    writing: allocate(writing),
    bytes: setBytes(reading) + setBytes(writing),
  };
}
