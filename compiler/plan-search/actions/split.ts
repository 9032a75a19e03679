import type { GraphAction } from './action.ts';

export const split: GraphAction = {
  name: 'split',
  level: 'graph',
  exact: false,
  option: null,
  summary:
    'Where a tensor is larger than a binding, whatever the budget: a parameter becomes several, and the batch is cut into parts that run together up to where examples are combined, so that every tensor of a batch becomes several.',
  deed: 'tensors that are larger than a binding cut',
  // Not for a budget: a search takes it where nothing could be bound without (search.ts).
  tries: () => [],
  taken: (knobs) => knobs.split > 0,
};
