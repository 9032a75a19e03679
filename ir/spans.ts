// Bindings of a kernel with spans (see `Span` in kernel.ts). A span stands where its first buffer stands in the order of buffers.

/** Buffers of one binding: their numbers, and where they start in it; in elements or bytes, as its owner counts. */
export type Members = readonly { readonly buffer: number; readonly start: number }[];

/** What is bound: the buffers of each binding, and by buffer where it lies. */
export interface BoundPlaces {
  readonly bindings: readonly Members[];
  readonly places: readonly { readonly binding: number; readonly start: number }[];
}

/** The bindings of `count` buffers. Premise: no buffer is in two spans. */
export function boundPlaces(count: number, spans: readonly Members[] = []): BoundPlaces {
  const spanOf = new Map(
    spans.flatMap((span) => span.map(({ buffer }) => [buffer, span] as const)),
  );
  const bindings: Members[] = [];
  const places = new Array<BoundPlaces['places'][number]>(count);
  const known = new Set<Members>();
  for (let buffer = 0; buffer < count; buffer++) {
    const members = spanOf.get(buffer) ?? [{ buffer, start: 0 }];
    if (known.has(members)) continue;
    known.add(members);
    const binding = bindings.push(members) - 1;
    for (const { buffer: own, start } of members) places[own] = { binding, start };
  }
  return { bindings, places };
}

/** How many bindings there are. */
export function bindingCount(count: number, spans: readonly Members[] = []): number {
  return spans.reduce((left, span) => left - span.length + 1, count);
}

/** Ranges of several buffers end with a whole vector of four words, since code may access them as vectors; places are further apart. */
export const SPAN_UNIT_BYTES = 16;

/** Where a binding ends, `sizes` being those of the buffers and `unit` what {@link SPAN_UNIT_BYTES} are. */
export function spanEnd(members: Members, sizes: (buffer: number) => number, unit: number): number {
  const end = Math.max(...members.map(({ buffer, start }) => start + sizes(buffer)));
  return members.length === 1 ? end : Math.ceil(end / unit) * unit;
}
