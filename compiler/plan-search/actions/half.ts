import type { GraphAction } from './action.ts';
import { HALF_CHOICES } from './choices.ts';

export const half: GraphAction = {
  name: 'half',
  level: 'graph',
  exact: false,
  option: { name: 'half', choices: HALF_CHOICES },
  summary:
    'Activations that are kept for gradients are stored as f16, in half of the bytes, and read as such; everything else stays f32.',
  deed: 'activations that are kept for gradients as f16',
  tries: ({ halves, microBatches: counts }, knobs) =>
    halves
      ? [
          { ...knobs, half: 'kept' },
          ...counts.map((microBatches) => ({ ...knobs, half: 'kept' as const, microBatches })),
        ]
      : [],
  taken: (knobs) => knobs.half === 'kept',
};
