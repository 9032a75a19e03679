import type { GraphAction } from './action.ts';

/** The batch stays whole, or a search may cut it; a number cuts it whatever the budget. */
export const MICRO_BATCH_CHOICES = ['none', 'auto'] as const;
export type MicroBatches = (typeof MICRO_BATCH_CHOICES)[number] | number;

export const microBatch: GraphAction = {
  name: 'micro-batch',
  level: 'graph',
  exact: false,
  option: { name: 'microBatch', choices: MICRO_BATCH_CHOICES, takesCount: true },
  summary:
    'The batch is cut into equal parts that are computed one after the other, and gradients accumulate; the parameters move once, by the gradient of the whole batch.',
  tries: ({ microBatches: counts }, knobs) =>
    counts.map((microBatches) => ({ ...knobs, microBatches })),
  taken: ({ microBatches }) => microBatches > 1,
};
