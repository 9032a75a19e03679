import { SWAP } from '../decisions.ts';
import { transferTime } from '../transfer-costs.ts';
import type { ScheduleAction } from './action.ts';
import { SWAP_POLICIES } from './choices.ts';

export const swap: ScheduleAction = {
  name: 'swap',
  level: 'schedule',
  method: SWAP,
  exact: true,
  option: { name: 'swap', choices: SWAP_POLICIES },
  summary: 'A value is copied to the host and evicted, and swapped in before its next use.',
  apply: (residency, value) => {
    residency.sendOut(value);
    residency.evict(value);
  },
  // Copies may hide behind computation.
  leastSeconds: ({ counted, isOutput, bytes }, costs, value) =>
    counted[value] && !isOutput[value]
      ? (1 - costs.overlap) * transferTime(costs, 'in', bytes[value])
      : Number.POSITIVE_INFINITY,
};
