import type { PlanBound } from '../../ir/plan.ts';

/** `2.1 %` */
export function formatGap({ gap }: PlanBound): string {
  return gap === null ? 'all of it' : `${(100 * gap).toFixed(gap < 0.1 ? 2 : 0)} %`;
}
