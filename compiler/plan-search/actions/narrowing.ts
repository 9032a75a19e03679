import type { GraphKnobs } from '../knobs.ts';
import type { GraphSpace } from './action.ts';

/** Halvings of the bound on intermediates. */
const MOST_HALVINGS = 12;

/** Ever narrower bounds on what the intermediates of a contraction take at once. */
export function narrowing(
  { widest }: GraphSpace,
  knobsOf: (elements: number) => GraphKnobs,
): GraphKnobs[] {
  if (widest === 0) return [];
  return Array.from({ length: MOST_HALVINGS }, (_, k) =>
    knobsOf(Math.floor(widest / 2 ** (k + 1))),
  );
}
