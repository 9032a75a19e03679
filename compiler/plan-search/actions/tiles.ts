import type { GraphAction } from './action.ts';
import { TILE_CHOICES } from './choices.ts';

export const tiles: GraphAction = {
  name: 'tiles',
  level: 'graph',
  exact: false,
  option: { name: 'tiles', choices: TILE_CHOICES },
  summary:
    'Intermediates that are far larger than their operands, as the scores of attention are, are computed tile by tile by each kernel that reduces them, and are never in memory.',
  deed: 'wide intermediates computed tile by tile',
  tries: ({ tiles: isAllowed }, knobs) => (isAllowed ? [{ ...knobs, tiles: true }] : []),
  taken: (knobs) => knobs.tiles,
};
