import type { Schedule, ScheduleProgram, ScheduleTensor } from '../../ir/schedule.ts';
import { finalise, KernelTable } from './finalise.ts';
import type { LoweredModule } from './lowered.ts';

/** The schedule of a module's loop nests: equal nests become one kernel, tensors become buffers. */
export function finaliseNests({ name, tensors, programs }: LoweredModule): Schedule {
  const kernels = new KernelTable();
  const finalised = programs.map(({ nests, ...program }) => ({
    ...program,
    steps: nests.map((nest) => finalise(nest, tensors, kernels)),
  }));
  return { name, ...byProgram(tensors, finalised), kernels: kernels.kernels };
}

/** Numbers persistent tensors first, then those of each program in turn: passes add some at the end. */
export function byProgram(
  tensors: readonly ScheduleTensor[],
  programs: readonly ScheduleProgram[],
): Pick<Schedule, 'tensors' | 'programs'> {
  const rank = (tensor: number) => tensors[tensor].program ?? -1;
  const order = tensors.map((_, tensor) => tensor).sort((a, b) => rank(a) - rank(b) || a - b);
  if (order.every((tensor, place) => tensor === place)) return { tensors, programs };
  const moved = new Int32Array(tensors.length);
  order.forEach((tensor, place) => {
    moved[tensor] = place;
  });
  const move = <T extends { readonly tensor: number }>(named: T): T => ({
    ...named,
    tensor: moved[named.tensor],
  });
  return {
    tensors: order.map((tensor) => tensors[tensor]),
    programs: programs.map((program) => ({
      ...program,
      steps: program.steps.map((step) => ({
        ...step,
        operands: step.operands.map((tensor) => moved[tensor]),
      })),
      inputs: program.inputs.map(move),
      outputs: program.outputs.map(move),
    })),
  };
}
