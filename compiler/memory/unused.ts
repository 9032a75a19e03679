import type { Schedule } from '../../ir/schedule.ts';

/** The schedule without tensors that no step, input or output names, and without kernels that no step runs. */
export function dropUnused(schedule: Schedule): Schedule {
  const tensorUsed = new Uint8Array(schedule.tensors.length);
  const kernelUsed = new Uint8Array(schedule.kernels.length);
  schedule.tensors.forEach((tensor, index) => {
    if (tensor.program === null) tensorUsed[index] = 1;
  });
  for (const program of schedule.programs) {
    for (const { tensor } of [...program.inputs, ...program.outputs]) tensorUsed[tensor] = 1;
    for (const step of program.steps) {
      kernelUsed[step.kernel] = 1;
      for (const tensor of step.operands) tensorUsed[tensor] = 1;
    }
  }
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
