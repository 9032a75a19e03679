import type { Plan, PlanProgram } from '../../ir/plan.ts';
import { boundOf } from '../plan-search/bounds.ts';
import type { ScheduleBounds } from '../plan-search/index.ts';

/** The plan with its bounds beside its figures; `saved`: seconds of each program that shared dispatches take off any such plan. */
export function boundedPlan(
  plan: Plan,
  { stepBytes, seconds }: ScheduleBounds,
  saved: readonly number[],
): Plan {
  const { memory } = plan;
  const programs = Object.entries(plan.programs).map(
    ([name, program], p): [string, PlanProgram] => {
      const { predicted } = program;
      if (!predicted) return [name, program];
      const { method, seconds: steps } = seconds[p];
      const least = Math.max(0, steps - saved[p]) + predicted.interfaceSeconds;
      return [name, { ...program, bound: boundOf(least, predicted.seconds, method) }];
    },
  );
  return {
    ...plan,
    memory: {
      ...memory,
      bounds: {
        packing: boundOf(memory.peakLiveBytes, memory.arenaBytes, 'live sum'),
        step: boundOf(stepBytes, memory.deviceBytes, 'largest step'),
      },
    },
    programs: Object.fromEntries(programs),
  };
}
