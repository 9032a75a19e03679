/** Offsets of bindings inside their tensors are multiples of this on every target. */
export const BINDING_ALIGNMENT = 256;

export function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
