import type { Plan, PlanKernel, PlanStep } from './plan.ts';
import { boundPlaces, type Members, SPAN_UNIT_BYTES, spanEnd } from './spans.ts';

/** A range of a slab that a step binds. */
export interface BoundRange {
  /** The entries of the kernel's `bindings` that lie in it. */
  readonly members: Members;
  /** Null: a tensor of it is on the host. */
  readonly slab: number | null;
  readonly offset: number;
  readonly bytes: number;
}

/** What is bound for a kernel: the entries of its `bindings` one by one, those of a span together. */
export function kernelBindings({
  bindings,
  spans,
}: PlanKernel): { readonly members: Members; readonly bytes: number }[] {
  const members = spans?.map((span) =>
    span.map(({ binding: buffer, start }) => ({ buffer, start })),
  );
  return boundPlaces(bindings.length, members).bindings.map((own) => ({
    members: own,
    bytes: spanEnd(own, (binding) => bindings[binding].bytes, SPAN_UNIT_BYTES),
  }));
}

/** The ranges that a step binds, in the order in which its code numbers them. Premise: indices are sound. */
export function boundRanges(plan: Plan, step: PlanStep): BoundRange[] {
  return kernelBindings(plan.kernels[step.kernel]).map(({ members, bytes }) => {
    const [{ buffer: first }] = members;
    const { slab, offset } = plan.tensors[step.bindings[first]];
    return { members, slab, offset: offset + (step.offsets?.[first] ?? 0), bytes };
  });
}
