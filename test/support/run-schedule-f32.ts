import type { Schedule } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Data, runOnScript } from './run-script.ts';

/** Runs one program of a schedule in f32, by the code that a large GPU would get, in JavaScript; as `runSchedule` in float64. */
export function runScheduleInF32(
  schedule: Schedule,
  programName: string,
  inputs: Readonly<Record<string, Float32Array<ArrayBuffer>>>,
): Record<string, Data> {
  const program = schedule.programs.find(({ name }) => name === programName)!;
  const memory: Data[] = schedule.tensors.map(({ shape, dtype }) =>
    dtype === 'i32'
      ? new Int32Array(elementCount(shape))
      : new Float32Array(elementCount(shape)).fill(Number.NaN),
  );
  for (const { name, tensor } of program.inputs) memory[tensor].set(inputs[name]);
  for (const { kernel, operands, offsets } of program.steps) {
    const { buffers } = schedule.kernels[kernel];
    const starts = operands.map((_, k) => offsets?.[k] ?? 0);
    const ranges = operands.map((tensor, k) =>
      memory[tensor].slice(starts[k], starts[k] + buffers[k].elements),
    );
    runOnScript(schedule.kernels[kernel], ranges).forEach((data, k) => {
      if (buffers[k].access !== 'read') memory[operands[k]].set(data, starts[k]);
    });
  }
  return Object.fromEntries(program.outputs.map(({ name, tensor }) => [name, memory[tensor]]));
}
