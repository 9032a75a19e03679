import type { GraphAction } from './action.ts';

export const reorder: GraphAction = {
  name: 'reorder',
  level: 'graph',
  exact: false,
  option: null,
  summary:
    'Einsums take an order with smaller intermediates further along the front of cost, peak and saved elements, and slices.',
  apply: (elements) => ({ elements, reorder: true }),
  cost: (macs, macsWithout) => macs / macsWithout,
};
