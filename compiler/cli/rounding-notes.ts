import type { Plan } from '../../ir/plan.ts';
import { GRAPH_ACTIONS } from '../plan-search/index.ts';

/** Actions on the graph that change more than the rounding of sums have a line of their own. */
const OWN_LINE = ['half', 'micro-batch'];

const HALVES =
  'activations that are kept for gradients are f16; results change in the fourth digit';
const HALF_PRECISION = 'activations, gradients and copies of weights are f16';

const ROUNDING = 'sums are rounded differently';

/** A line for every action that leaves results equal but for rounding, or not even that. */
export function roundingNotes({
  graphActions = [],
  microBatches,
  precision,
  features = [],
}: Plan): string[] {
  const notes = GRAPH_ACTIONS.flatMap(({ name, exact, deed }) =>
    graphActions.includes(name) && !exact && !OWN_LINE.includes(name)
      ? [`${deed}; ${ROUNDING}`]
      : [],
  );
  const needs = features.length > 0 ? `; needs ${features.join(', ')}` : '';
  if (precision === 'f16') notes.push(HALF_PRECISION + needs);
  if (graphActions.includes('half')) notes.push(HALVES + needs);
  if (!microBatches) return notes;
  const { parts, norm } = microBatches;
  const meaning =
    norm === 'part'
      ? 'batch norm takes its statistics from each of them, so results are not those of the whole batch'
      : ROUNDING;
  return [...notes, `in ${parts} micro-batches; ${meaning}`];
}
