import type { GraphAction } from './action.ts';
import { narrowing } from './narrowing.ts';

export const slice: GraphAction = {
  name: 'slice',
  level: 'graph',
  exact: false,
  option: null,
  summary:
    'Contractions that read one another run in slices of an index, so that a slice of the intermediate exists at a time; the multiply-adds stay what they are.',
  deed: 'contractions in slices',
  tries: (space, knobs) => narrowing(space, knobs, { reorder: false }),
  taken: ({ bound }) => bound !== null && !bound.reorder,
};
