import type { Kernel, KernelPart } from './kernel.ts';

/** A kernel that is several. */
export type GroupKernel = Kernel & { readonly parts: readonly KernelPart[] };

export function isGroup(kernel: Kernel): kernel is GroupKernel {
  return kernel.parts !== undefined;
}

/** The kernels that run in one dispatch of a kernel: its parts, or the kernel itself. */
export function kernelParts(kernel: Kernel): readonly Kernel[] {
  return kernel.parts?.map((part) => part.kernel) ?? [kernel];
}

/** What a step binds: one operand per buffer, and where its range of each begins. */
export interface BoundKernel {
  readonly kernel: Kernel;
  readonly operands: readonly number[];
  readonly offsets?: readonly number[] | undefined;
}

/** What the parts of a bound kernel bind, each by itself; the kernel as it is where it has no parts. */
export function boundParts(bound: BoundKernel): readonly BoundKernel[] {
  const { kernel, operands, offsets } = bound;
  if (!isGroup(kernel)) return [bound];
  return kernel.parts.map((part) => ({
    kernel: part.kernel,
    operands: part.places.map(({ buffer }) => operands[buffer]),
    offsets: part.places.map(({ buffer, start }) => (offsets?.[buffer] ?? 0) + start),
  }));
}
