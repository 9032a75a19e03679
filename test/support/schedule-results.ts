import type { AllocatedSchedule } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import { randomBelow } from '../memory/random-schedule.ts';
import { Slabs } from './run-allocated.ts';

/** Outputs and parameters of all programs, run in turn three times in float64 over the places of the plan. */
export function scheduleResults(schedule: AllocatedSchedule): Record<string, number[]> {
  const slabs = new Slabs(schedule);
  const below = randomBelow(5);
  schedule.tensors.forEach((tensor, index) => {
    if (tensor.program === null)
      slabs.view(index).forEach((_, i, view) => {
        view[i] = below(100) - 50;
      });
  });
  const seen: Record<string, number[]> = {};
  for (let round = 0; round < 3; round++) {
    for (const { name, inputs } of schedule.programs) {
      const given = Object.fromEntries(
        inputs.map((input) => [
          input.name,
          Float64Array.from(
            { length: elementCount(schedule.tensors[input.tensor].shape) },
            () => below(100) / 16,
          ),
        ]),
      );
      for (const [output, values] of Object.entries(slabs.run(name, given)))
        seen[`${round} ${name} ${output}`] = [...values];
    }
  }
  schedule.tensors.forEach((tensor, index) => {
    if (tensor.program === null) seen[tensor.name] = [...slabs.view(index)];
  });
  return seen;
}
