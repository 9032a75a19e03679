import type { ContractionBound, GraphKnobs } from '../knobs.ts';
import type { GraphSpace } from './action.ts';

/** Halvings of the bound on intermediates. */
const MOST_HALVINGS = 12;

/** Ever narrower bounds on what the intermediates of a contraction take at once, among which are the results of parts of sums. */
export function narrowing(
  { widest }: GraphSpace,
  knobs: GraphKnobs,
  { reorder }: Pick<ContractionBound, 'reorder'>,
): GraphKnobs[] {
  if (widest === 0) return [];
  return Array.from({ length: MOST_HALVINGS }, (_, k) => ({
    ...knobs,
    bound: { elements: Math.floor(widest / 2 ** (k + 1)), reorder },
    smallParts: true,
  }));
}
