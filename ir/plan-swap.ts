import {
  type BufferSet,
  HOST_ALIGNMENT,
  type HostSlot,
  type HostTier,
  type PlanSwap,
} from './plan.ts';

// Sizes and times of what leaves device memory.

export const NO_BUFFERS: BufferSet = { buffers: 0, bytes: 0 };

export const NO_SWAP: PlanSwap = {
  ...{ staging: NO_BUFFERS, reading: NO_BUFFERS, writing: NO_BUFFERS },
  slots: [],
};

/** Distance of the copies of a slot. */
export function slotStride({ bytes }: Pick<HostSlot, 'bytes'>): number {
  return Math.ceil(bytes / HOST_ALIGNMENT) * HOST_ALIGNMENT;
}

/** Bytes of a tier: the end of its last slot, all copies counted, each rounded up to {@link HOST_ALIGNMENT}. */
export function tierBytes(slots: readonly HostSlot[], tier: HostTier): number {
  return slots.reduce(
    (most, slot) =>
      slot.tier === tier ? Math.max(most, slot.offset + slot.copies * slotStride(slot)) : most,
    0,
  );
}

/** When a transfer happens, in half steps. */
export function transferTime({ kind, step }: { kind: 'in' | 'out'; step: number }): number {
  return 2 * step + (kind === 'out' ? 1 : 0);
}
