import type { Blocks } from '../liveness/events.ts';
import type { AddressSpace } from './first-fit.ts';

export interface Packing {
  /** Address of each block. */
  readonly addresses: Float64Array;
  /** Bytes taken above the reserved part, per slab. */
  readonly extents: readonly number[];
  /** Sum of `extents`. */
  readonly bytes: number;
  /** What gave it: `size/first-fit+repair`. */
  readonly method: string;
}

export function measured(
  blocks: Blocks,
  space: AddressSpace,
  addresses: Float64Array,
  method: string,
): Packing {
  const extents = slabExtents(blocks, space, addresses);
  return { addresses, extents, bytes: extents.reduce((sum, bytes) => sum + bytes, 0), method };
}

function slabExtents(blocks: Blocks, space: AddressSpace, addresses: Float64Array): number[] {
  const extents: number[] = [];
  addresses.forEach((address, block) => {
    const slab = Math.floor(address / space.slabBytes);
    const start = slab * space.slabBytes + (space.reserved[slab] ?? 0);
    while (extents.length <= slab) extents.push(0);
    extents[slab] = Math.max(extents[slab], address + blocks.bytes[block] - start);
  });
  return extents;
}

export function reachesTop(
  packing: Packing,
  blocks: Blocks,
  space: AddressSpace,
  block: number,
): boolean {
  const slab = Math.floor(packing.addresses[block] / space.slabBytes);
  const start = slab * space.slabBytes + (space.reserved[slab] ?? 0);
  return packing.addresses[block] + blocks.bytes[block] === start + packing.extents[slab];
}
