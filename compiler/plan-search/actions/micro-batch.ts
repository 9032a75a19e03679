import type { GraphAction } from './action.ts';
import { MICRO_BATCH_CHOICES } from './choices.ts';

export const microBatch: GraphAction = {
  name: 'micro-batch',
  level: 'graph',
  exact: false,
  option: { name: 'microBatch', choices: MICRO_BATCH_CHOICES, takesCount: true },
  summary:
    'The batch is cut into equal parts that are computed one after the other, and gradients accumulate; the parameters move once, by the gradient of the whole batch.',
  deed: 'the batch in parts',
  tries: ({ microBatches: counts }, knobs) =>
    counts.map((microBatches) => ({ ...knobs, microBatches })),
  taken: ({ microBatches }) => microBatches > 1,
};
