import { interpretKernel } from '../../ir/kernel-interpret.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';

/**
 * Runs one program of a schedule in float64, every tensor in memory of its own: the meaning of the schedule before any
 * memory is shared. Parameters are updated in `parameters`.
 */
export function runSchedule(
  schedule: Schedule,
  programName: string,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  parameters: Record<string, Float64Array>,
): Record<string, Float64Array> {
  const program = schedule.programs.find(({ name }) => name === programName)!;
  const memory = schedule.tensors.map((tensor) =>
    // A value that nobody writes shows up as NaN.
    tensor.program === null
      ? parameters[tensor.name]
      : new Float64Array(elementCount(tensor.shape)).fill(Number.NaN),
  );
  for (const { name, tensor } of program.inputs) memory[tensor].set(inputs[name]);
  for (const { kernel, operands, offsets } of program.steps) {
    const { buffers } = schedule.kernels[kernel];
    const ranges = operands.map((tensor, k) => {
      const start = offsets?.[k] ?? 0;
      return memory[tensor].subarray(start, start + buffers[k].elements);
    });
    interpretKernel(schedule.kernels[kernel], ranges);
  }
  return Object.fromEntries(program.outputs.map(({ name, tensor }) => [name, memory[tensor]]));
}
