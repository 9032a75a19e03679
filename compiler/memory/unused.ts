import type { Schedule } from '../../ir/schedule.ts';
import { neededTensors } from '../liveness/access.ts';

/** The schedule without tensors that no step, input or output names, and without kernels that no step runs; itself where there are none. */
export function dropUnused(schedule: Schedule): Schedule {
  const tensorUsed = neededTensors(schedule);
  const kernelUsed = new Uint8Array(schedule.kernels.length);
  for (const { steps } of schedule.programs) for (const { kernel } of steps) kernelUsed[kernel] = 1;
  if (tensorUsed.every((used) => used) && kernelUsed.every((used) => used)) return schedule;
  const newIndex = (used: Uint8Array) => {
    let next = 0;
    return Int32Array.from(used, (flag) => (flag ? next++ : -1));
  };
  const tensor = newIndex(tensorUsed);
  const kernel = newIndex(kernelUsed);
  return {
    name: schedule.name,
    tensors: schedule.tensors.filter((_, index) => tensorUsed[index]),
    kernels: schedule.kernels.filter((_, index) => kernelUsed[index]),
    programs: schedule.programs.map((program) => ({
      name: program.name,
      inputs: program.inputs.map((input) => ({ ...input, tensor: tensor[input.tensor] })),
      outputs: program.outputs.map((output) => ({ ...output, tensor: tensor[output.tensor] })),
      steps: program.steps.map((step) => ({
        ...step,
        kernel: kernel[step.kernel],
        operands: step.operands.map((operand) => tensor[operand]),
      })),
    })),
  };
}
