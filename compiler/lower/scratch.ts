import type { Kernel } from '../../ir/kernel.ts';
import type { Schedule, ScheduleStep, ScheduleTensor } from '../../ir/schedule.ts';
import { byProgram } from './finalise-nests.ts';

/**
 * Gives kernels the working memory that makes their code faster: a tensor that lives in one step. `elements` says how many
 * numbers of four bytes a kernel takes, 0 for none.
 */
export function reserveScratch(schedule: Schedule, elements: (kernel: Kernel) => number): Schedule {
  const counts = schedule.kernels.map(elements);
  if (counts.every((count) => count === 0)) return schedule;
  const tensors: ScheduleTensor[] = [...schedule.tensors];
  const addTensor = (step: ScheduleStep, program: number): number => {
    const { stores } = schedule.kernels[step.kernel];
    const made = schedule.tensors[step.operands[stores[0].buffer]];
    return (
      tensors.push({
        name: `${made.name}.panels`,
        dtype: 'f32',
        shape: [counts[step.kernel]],
        role: 'activation',
        program,
        source: made.source,
        ...(made.scope === undefined ? {} : { scope: made.scope }),
        ...(made.pass === undefined ? {} : { pass: made.pass }),
      }) - 1
    );
  };
  const programs = schedule.programs.map((program, index) => ({
    ...program,
    steps: program.steps.map((step): ScheduleStep => {
      if (counts[step.kernel] === 0) return step;
      const operands = [...step.operands, addTensor(step, index)];
      return { ...step, operands, ...(step.offsets ? { offsets: [...step.offsets, 0] } : {}) };
    }),
  }));
  const kernels = schedule.kernels.map((kernel, index) =>
    counts[index] === 0 ? kernel : withScratch(kernel, counts[index]),
  );
  return { ...schedule, ...byProgram(tensors, programs), kernels };
}

/** The kernel with one more binding, its working memory. */
export function withScratch(kernel: Kernel, elements: number): Kernel {
  const buffers = [...kernel.buffers, { dtype: 'f32', access: 'write', elements } as const];
  return { ...kernel, buffers, scratch: kernel.buffers.length };
}
