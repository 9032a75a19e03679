import type { TimeSpan } from '../../ir/trace.ts';

/** Nanoseconds at which a span begins and ends: spans that touch still do. */
export interface Nanoseconds {
  readonly begin: number;
  readonly end: number;
}

export function nanoseconds({ startSeconds, seconds }: TimeSpan): Nanoseconds {
  return {
    begin: Math.round(startSeconds * 1e9),
    end: Math.round((startSeconds + seconds) * 1e9),
  };
}

/**
 * Whole nanoseconds as microseconds. Perfetto cuts `1000 * microseconds` off to an integer, so what would come out below is the next
 * double instead: a nanosecond less, and spans that touch would overlap.
 */
export function microseconds(nanoseconds: number): number {
  const nearest = nanoseconds / 1e3;
  return Math.trunc(nearest * 1e3) < nanoseconds ? nearest * (1 + Number.EPSILON) : nearest;
}

/**
 * A lane for each span, from 0 on, so that no two of a lane overlap: Perfetto drops events of a thread that overlap and do not nest.
 * Spans begin in the order of `spans` or later.
 */
export function lanesOf(spans: readonly Nanoseconds[]): number[] {
  const lanes: number[] = new Array(spans.length).fill(0);
  const ends: number[] = [];
  const order = spans.map((_, index) => index).sort((a, b) => spans[a].begin - spans[b].begin);
  for (const index of order) {
    const { begin, end } = spans[index];
    const free = ends.findIndex((last) => last <= begin);
    lanes[index] = free < 0 ? ends.length : free;
    ends[lanes[index]] = end;
  }
  return lanes;
}
