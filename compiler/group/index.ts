import type { Kernel } from '../../ir/kernel.ts';
import type { AllocatedSchedule, TargetLimits } from '../../ir/schedule.ts';
import { canBePart, joinBindings, type KernelVectors } from './bindings.ts';
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
  /** By buffer of a kernel: whether its code accesses it as vectors of four. */
  readonly vectors: (kernel: Kernel) => readonly boolean[];
}

type KernelModel = Omit<GroupModel, 'vectors'> & { readonly vectors: KernelVectors };

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
  const vectors = vectorsOf(schedule, model);
  const all = schedule.programs.map((_, program) =>
    groupsOf(schedule, program, limits, { ...model, vectors }),
  );
  const isSame = all.every(({ groups }, p) => groups.length === schedule.programs[p].steps.length);
  return isSame ? schedule : regrouped(schedule, all, limits, vectors);
}

/** {@link GroupModel.vectors} by number of a kernel, looked at once. */
function vectorsOf({ kernels }: AllocatedSchedule, model: GroupModel): KernelVectors {
  const known = new Map<number, readonly boolean[]>();
  return (kernel) => {
    let own = known.get(kernel);
    if (!own) {
      own = model.vectors(kernels[kernel]);
      known.set(kernel, own);
    }
    return own;
  };
}

function groupsOf(
  schedule: AllocatedSchedule,
  program: number,
  limits: TargetLimits,
  model: KernelModel,
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
  { dispatchSeconds, busySeconds, sharesDispatch, vectors }: KernelModel,
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
    open: (first) => {
      const group = [first];
      const bound = new Set(steps[first].operands);
      let busy = busySeconds([kernelOf(first)]);
      return {
        added: (step) => steps[step].operands.filter((tensor) => !bound.has(tensor)).length,
        take: (step) => {
          const together = [...group, step];
          const seconds = busySeconds(together.map(kernelOf));
          const gains =
            busy + aloneSeconds(step) - seconds >= LEAST_GAIN * aloneSeconds(step) &&
            joinBindings(
              schedule,
              together.map((one) => steps[one]),
              limits,
              vectors,
            ) !== null &&
            sharesDispatch(together.map(kernelOf));
          if (!gains) return false;
          group.push(step);
          busy = seconds;
          for (const tensor of steps[step].operands) bound.add(tensor);
          return true;
        },
      };
    },
  };
}
