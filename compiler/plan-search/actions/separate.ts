import type { GraphAction } from './action.ts';

export const separate: GraphAction = {
  name: 'separate',
  level: 'graph',
  exact: true,
  option: null,
  summary:
    'Values that are computed inside the memory of a concatenation, as the states of all time steps, become tensors of their own, which can be evicted one by one, and are joined by a copy.',
  deed: 'parts of tensors that are tensors of their own',
  tries: ({ joins }, knobs) => (joins ? [{ ...knobs, separateParts: true }] : []),
  taken: ({ separateParts }) => separateParts,
};
