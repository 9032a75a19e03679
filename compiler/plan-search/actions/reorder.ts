import type { GraphAction } from './action.ts';
import { narrowing } from './narrowing.ts';

export const reorder: GraphAction = {
  name: 'reorder',
  level: 'graph',
  exact: false,
  option: null,
  summary:
    'Einsums take an order with smaller intermediates further along the front of cost, peak and saved elements, and slices.',
  deed: 'contractions in another order',
  tries: (space, knobs) => narrowing(space, knobs, { reorder: true }),
  taken: ({ bound }) => bound?.reorder === true,
};
