import { RECOMPUTE } from '../decisions.ts';
import type { ScheduleAction } from './action.ts';

/** What is recomputed: nothing, by a strategy of SuperNeurons (PPoPP 2018), or what is cheapest for the budget. */
export const RECOMPUTE_STRATEGIES = ['none', 'speed', 'memory', 'cost', 'auto'] as const;
/** How rematerialised values are chosen: `--recompute`. */
export type RecomputeStrategy = (typeof RECOMPUTE_STRATEGIES)[number];

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
