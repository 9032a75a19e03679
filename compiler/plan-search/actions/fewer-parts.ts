import type { GraphAction } from './action.ts';

export const fewerParts: GraphAction = {
  name: 'fewer-parts',
  level: 'graph',
  exact: false,
  option: null,
  summary:
    'Reductions that run in parts, to keep a large GPU busy, have fewer of them, or are whole, where the results of the parts take much memory.',
  deed: 'reductions in fewer parts',
  tries: ({ largeParts }, knobs) => (largeParts ? [{ ...knobs, smallParts: true }] : []),
  // A bound on intermediates has it with it.
  taken: ({ smallParts, bound }) => smallParts && bound === null,
};
