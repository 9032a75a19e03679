import { RECOMPUTE } from '../decisions.ts';
import type { ScheduleAction } from './action.ts';
import { RECOMPUTE_STRATEGIES } from './choices.ts';

export const recompute: ScheduleAction = {
  name: 'recompute',
  level: 'schedule',
  method: RECOMPUTE,
  exact: true,
  option: { name: 'recompute', choices: RECOMPUTE_STRATEGIES },
  summary: 'A value is evicted, and rematerialised before its next use by the steps that made it.',
  apply: (residency, value) => residency.evict(value),
  leastSeconds: ({ recipes }, _, value) => recipes[value]?.seconds ?? Number.POSITIVE_INFINITY,
};
