import type { PlanProgram, PlanTransfer } from '../../ir/plan.ts';
import type { TimeSpan } from '../../ir/trace.ts';

/**
 * When the steps of a run begin by the plan's profile, behind what they wait for; seconds from the begin of the first step's waiting.
 * A step without times takes none.
 */
export function stepStarts(steps: PlanProgram['steps']): Float64Array {
  const starts = new Float64Array(steps.length);
  let now = 0;
  steps.forEach(({ seconds = 0, waitSeconds = 0 }, step) => {
    starts[step] = now + waitSeconds;
    now = starts[step] + seconds;
  });
  return starts;
}

/** When a transfer is under way by the plan's profile, on the clock of {@link stepStarts}; null where the plan does not say. */
export function transferSpan({ startSeconds, seconds }: PlanTransfer): TimeSpan | null {
  return startSeconds === undefined || seconds === undefined ? null : { startSeconds, seconds };
}
