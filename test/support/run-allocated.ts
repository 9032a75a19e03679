import { interpretKernel } from '../../ir/kernel-interpret.ts';
import type { AllocatedSchedule } from '../../ir/schedule.ts';
import { BYTES_PER_ELEMENT, elementCount } from '../../ir/tensor.ts';

/** Float64 stands for four bytes: one array per slab, so that tensors meet wherever their places do. */
export class Slabs {
  private readonly slabs: readonly Float64Array[];
  private readonly schedule: AllocatedSchedule;

  constructor(schedule: AllocatedSchedule) {
    this.schedule = schedule;
    this.slabs = schedule.slabs.map(({ bytes }) =>
      new Float64Array(bytes / BYTES_PER_ELEMENT).fill(Number.NaN),
    );
  }

  view(tensor: number): Float64Array {
    const { slab, offset } = this.schedule.placements[tensor];
    const start = offset / BYTES_PER_ELEMENT;
    const count = elementCount(this.schedule.tensors[tensor].shape);
    return this.slabs[slab!].subarray(start, start + count);
  }

  /** Runs one program in float64 over the shared memory. */
  run(
    programName: string,
    inputs: Readonly<Record<string, ArrayLike<number>>>,
  ): Record<string, Float64Array> {
    const { kernels, programs } = this.schedule;
    const program = programs.find(({ name }) => name === programName)!;
    for (const { name, tensor } of program.inputs) this.view(tensor).set(inputs[name]);
    for (const { kernel, operands, offsets } of program.steps) {
      const ranges = operands.map((tensor, k) => {
        const start = offsets?.[k] ?? 0;
        return this.view(tensor).subarray(start, start + kernels[kernel].buffers[k].elements);
      });
      interpretKernel(kernels[kernel], ranges);
    }
    return Object.fromEntries(
      program.outputs.map(({ name, tensor }) => [name, this.view(tensor).slice()]),
    );
  }
}
