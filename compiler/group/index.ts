import type { Kernel } from '../../ir/kernel.ts';
import type { AllocatedSchedule, TargetLimits } from '../../ir/schedule.ts';
import { canBePart, joinBindings } from './bindings.ts';
import { dependencesOf } from './dependences.ts';
import { type Packing, packSteps } from './pack.ts';
import { type ProgramGroups, regrouped } from './regroup.ts';

/** What the grouping of steps goes by. */
export interface GroupModel {
  readonly dispatchSeconds: number;
  /** Of kernels that run in one dispatch, without what the dispatch takes. */
  readonly busySeconds: (kernels: readonly Kernel[]) => number;
  /** Whether they can be the parts of one kernel, each with the code that it has alone. */
  readonly sharesDispatch: (kernels: readonly Kernel[]) => boolean;
}

/** A step joins others where that saves at least this part of what it takes alone. */
const LEAST_GAIN = 0.05;

/**
 * Joins steps that do not depend on each other into steps of one dispatch, in another order where that brings them together.
 * Tensors keep their places and kernels their code, so results are the same to the bit.
 */
export function groupSteps(
  schedule: AllocatedSchedule,
  limits: TargetLimits,
  model: GroupModel,
): AllocatedSchedule {
  const all = schedule.programs.map((_, program) => groupsOf(schedule, program, limits, model));
  const isSame = all.every(({ groups }, p) => groups.length === schedule.programs[p].steps.length);
  return isSame ? schedule : regrouped(schedule, all, limits);
}

function groupsOf(
  schedule: AllocatedSchedule,
  program: number,
  limits: TargetLimits,
  model: GroupModel,
): ProgramGroups {
  const { steps, transfers = [] } = schedule.programs[program];
  const cuts = new Set([0, steps.length]);
  for (const { kind, step } of transfers) cuts.add(kind === 'out' ? step + 1 : step);
  const ends = [...cuts].sort((a, b) => a - b);
  const packing = packingOf(schedule, program, limits, model);
  const groups = ends.slice(1).flatMap((end, i) => {
    const from = ends[i];
    const packed = packSteps(dependencesOf(schedule, program, from, end), packing);
    // Where nothing is won, nothing changes.
    return packed.length < end - from
      ? packed
      : Array.from({ length: end - from }, (_, k) => [from + k]);
  });
  const groupOf = new Int32Array(steps.length);
  groups.forEach((group, g) => {
    for (const step of group) groupOf[step] = g;
  });
  return { groups, groupOf };
}

function packingOf(
  schedule: AllocatedSchedule,
  program: number,
  limits: TargetLimits,
  { dispatchSeconds, busySeconds, sharesDispatch }: GroupModel,
): Packing {
  const { kernels } = schedule;
  const { steps } = schedule.programs[program];
  const kernelOf = (step: number) => kernels[steps[step].kernel];
  // What is recomputed has a step of its own, as has what it repeats.
  const keyOf = (step: number) => `${steps[step].label} of ${steps[step].scope}`;
  const repeated = new Set(
    steps.flatMap(({ recomputed }, step) => (recomputed ? [keyOf(step)] : [])),
  );
  const alone = new Map<number, number>();
  const aloneSeconds = (step: number) => {
    const { kernel } = steps[step];
    let seconds = alone.get(kernel);
    if (seconds === undefined) {
      seconds = dispatchSeconds + busySeconds([kernels[kernel]]);
      alone.set(kernel, seconds);
    }
    return seconds;
  };
  const suits = kernels.map((kernel) => canBePart(kernel) && sharesDispatch([kernel]));
  const joins = steps.map((step, s) => suits[step.kernel] && !repeated.has(keyOf(s)));
  return {
    joins: (step) => joins[step],
    added: (group, step) => {
      const bound = new Set(group.flatMap((one) => steps[one].operands));
      return steps[step].operands.filter((tensor) => !bound.has(tensor)).length;
    },
    fits: (group, step) => {
      const together = [...group, step];
      const bound = new Set(together.flatMap((one) => steps[one].operands));
      if (bound.size > limits.maxStorageBuffers) return false;
      const gain =
        busySeconds(group.map(kernelOf)) + aloneSeconds(step) - busySeconds(together.map(kernelOf));
      return (
        gain >= LEAST_GAIN * aloneSeconds(step) &&
        joinBindings(
          schedule,
          together.map((one) => steps[one]),
          limits,
        ) !== null &&
        sharesDispatch(together.map(kernelOf))
      );
    },
  };
}
