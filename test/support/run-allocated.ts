import { STORAGE_TYPE_NAMES, STORAGE_TYPES } from '../../ir/dtypes.ts';
import { interpretKernel } from '../../ir/kernel-interpret.ts';
import type { AllocatedSchedule } from '../../ir/schedule.ts';
import { elementCount } from '../../ir/tensor.ts';

/** Bytes that one number of this memory stands for: those of the smallest element. */
const UNIT = Math.min(...STORAGE_TYPE_NAMES.map((type) => STORAGE_TYPES[type].bytes));

/** One array per slab, with a number for each unit, so that tensors meet wherever their places do. */
export class Slabs {
  private readonly slabs: readonly Float64Array[];
  private readonly schedule: AllocatedSchedule;
  private readonly host = new Map<number, Float64Array>();

  constructor(schedule: AllocatedSchedule) {
    this.schedule = schedule;
    this.slabs = schedule.slabs.map(({ bytes }) => new Float64Array(bytes / UNIT).fill(Number.NaN));
  }

  /** The memory of a tensor, wherever it is. */
  view(tensor: number): Float64Array {
    if (this.schedule.tensors[tensor].hostResident) {
      const home = this.schedule.hostSlots.findIndex((slot) => slot.tensor === tensor);
      const count = elementCount(this.schedule.tensors[tensor].shape);
      const known = this.host.get(home) ?? new Float64Array(count).fill(Number.NaN);
      this.host.set(home, known);
      return known;
    }
    const { slab, offset } = this.schedule.placements[tensor];
    const start = offset / UNIT;
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
    const transfer = (kind: 'in' | 'out', at: number) => {
      for (const { kind: way, tensor, slot, step } of program.transfers ?? []) {
        if (way !== kind || step !== at) continue;
        if (kind === 'out') this.host.set(slot, this.view(tensor).slice());
        else this.view(tensor).set(this.host.get(slot)!);
      }
    };
    program.steps.forEach(({ kernel, operands, offsets }, at) => {
      transfer('in', at);
      const ranges = operands.map((tensor, k) => {
        const start = offsets?.[k] ?? 0;
        return this.view(tensor).subarray(start, start + kernels[kernel].buffers[k].elements);
      });
      interpretKernel(kernels[kernel], ranges);
      transfer('out', at);
    });
    return Object.fromEntries(
      program.outputs.map(({ name, tensor }) => [name, this.view(tensor).slice()]),
    );
  }
}
