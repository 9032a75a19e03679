import { stepMedians } from '../../compiler/inspect/kernel-times.ts';
import type { Plan } from '../../ir/plan.ts';
import type { SessionTrace } from '../../ir/trace.ts';

/** Seconds of each step of a program; null where they are not known. */
export interface StepTimes {
  /** By the plan's profile. */
  readonly predicted: Float64Array | null;
  /** The median of the traced runs but the first, which is cold. */
  readonly measured: Float64Array | null;
  /** How long each should wait for copies before it begins; null where that is not known, or none waits. */
  readonly waits: Float64Array | null;
}

/** What is known of the steps' times. */
export function stepTimes(plan: Plan, program: string, trace: SessionTrace | undefined): StepTimes {
  const { steps } = plan.programs[program];
  const isPredicted = steps.length > 0 && steps.every(({ seconds }) => seconds !== undefined);
  const medians = trace ? stepMedians(plan, trace, program) : null;
  return {
    predicted: isPredicted ? Float64Array.from(steps, ({ seconds }) => seconds!) : null,
    measured: medians && Float64Array.from(medians),
    waits: steps.some(({ waitSeconds }) => waitSeconds !== undefined)
      ? Float64Array.from(steps, ({ waitSeconds }) => waitSeconds ?? 0)
      : null,
  };
}
