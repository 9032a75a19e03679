import type { PlanKernel } from '../../ir/plan.ts';

/** What the tensors of a kernel are bound as: fewer ranges than bindings, where neighbours in a slab are bound as one. */
export interface BoundRanges {
  /** Entries of the kernel's bindings: a tensor each. */
  readonly bindings: number;
  /** Ranges that are bound for them. */
  readonly ranges: number;
}

export function boundRanges({ bindings, spans = [] }: PlanKernel): BoundRanges {
  const joined = spans.reduce((sum, span) => sum + span.length - 1, 0);
  return { bindings: bindings.length, ranges: bindings.length - joined };
}

/** `14 in 3`; the number alone where each is bound by itself. */
export function boundText({ bindings, ranges }: BoundRanges): string {
  return bindings === ranges ? String(bindings) : `${bindings} in ${ranges}`;
}
