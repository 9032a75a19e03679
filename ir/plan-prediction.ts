import type { PlanProgram } from './plan.ts';
import type { Report } from './plan-report.ts';

/** Sums of many numbers differ in their last digits by the order of the terms. */
const TOLERANCE = 1e-9;

/** The seconds of a run are the sum of their parts, and those of its steps the sum over all of them. */
export function verifyPrediction(name: string, program: PlanProgram, report: Report): void {
  const { predicted, steps } = program;
  if (!predicted) return;
  let [all, recomputing] = [0, 0];
  steps.forEach(({ seconds, recomputed }, i) => {
    if (seconds === undefined)
      report(`programs.${name}.steps[${i}].seconds`, 'missing, but the program has a prediction');
    all += seconds ?? 0;
    if (recomputed) recomputing += seconds ?? 0;
  });
  const { seconds, stepSeconds, swapSeconds, interfaceSeconds } = predicted;
  const equal = (field: keyof typeof predicted, sum: number) => {
    if (Math.abs(predicted[field] - sum) > TOLERANCE * Math.max(stepSeconds, seconds))
      report(`programs.${name}.predicted.${field}`, `${predicted[field]}, but the sum is ${sum}`);
  };
  equal('stepSeconds', all);
  equal('recomputeSeconds', recomputing);
  equal('seconds', stepSeconds + swapSeconds + interfaceSeconds);
}
