import type { Target } from './plan.ts';

/** Alignment of tensor offsets, part of the plan's format. 256 is what every WebGPU device accepts. */
export const OFFSET_ALIGNMENT: Readonly<Record<Target, number>> = { webgpu: 256, wasm: 16 };

/** Offsets of bindings inside their tensors are multiples of this on every target. */
export const BINDING_ALIGNMENT = 256;

/** Slab sizes are multiples of this. */
export const SLAB_ALIGNMENT: Readonly<Record<Target, number>> = { webgpu: 256, wasm: 65536 };

export function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
