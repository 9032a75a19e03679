import type { Schedule } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';

/** First and last step at which each tensor takes memory, counted within its program. */
export interface Liveness {
  readonly firstStep: Int32Array;
  readonly lastStep: Int32Array;
}

/** Rounds up to a multiple of `alignment`; exact for any safe integer. */
export function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Bytes that each tensor takes, alignment included. */
export function alignedBytes(schedule: Schedule, alignment: number): Float64Array {
  return Float64Array.from(schedule.tensors, (tensor) => alignUp(byteCount(tensor), alignment));
}

/**
 * Inputs live from step 0, for all of them are written before it; outputs until the last step of their program;
 * everything else from its first to its last use, transfers included. Tensors without a program live in every step of every program.
 */
export function liveness(schedule: Schedule): Liveness {
  const count = schedule.tensors.length;
  const firstStep = new Int32Array(count).fill(-1);
  const lastStep = new Int32Array(count);
  let lastOfAll = 0;
  for (const program of schedule.programs) {
    const last = Math.max(0, program.steps.length - 1);
    lastOfAll = Math.max(lastOfAll, last);
    for (const input of program.inputs) firstStep[input.tensor] = 0;
    program.steps.forEach((step, index) => {
      for (const tensor of step.operands) {
        if (firstStep[tensor] < 0) firstStep[tensor] = index;
        lastStep[tensor] = index;
      }
    });
    for (const { tensor, step } of program.transfers ?? []) {
      if (firstStep[tensor] < 0 || step < firstStep[tensor]) firstStep[tensor] = step;
      lastStep[tensor] = Math.max(lastStep[tensor], step);
    }
    for (const output of program.outputs) lastStep[output.tensor] = last;
  }
  schedule.tensors.forEach((tensor, index) => {
    if (tensor.program === null || firstStep[index] < 0) firstStep[index] = 0;
    if (tensor.program === null) lastStep[index] = lastOfAll;
  });
  return { firstStep, lastStep };
}

/** Blocks of memory, each taken from `first` to `last` step inclusive. */
export interface Blocks {
  readonly bytes: Float64Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
}

/** Sum of the blocks that are live at each step, for steps 0 … the last that any block lives in. */
export function liveBytes(blocks: Blocks): Float64Array {
  let last = -1;
  for (const step of blocks.last) last = Math.max(last, step);
  const live = new Float64Array(last + 2);
  for (let block = 0; block < blocks.bytes.length; block++) {
    live[blocks.first[block]] += blocks.bytes[block];
    live[blocks.last[block] + 1] -= blocks.bytes[block];
  }
  for (let step = 1; step <= last; step++) live[step] += live[step - 1];
  return live.subarray(0, last + 1);
}

/** The largest sum of live blocks: no assignment of offsets can take less. */
export function peakLiveBytes(blocks: Blocks): number {
  return liveBytes(blocks).reduce((peak, live) => Math.max(peak, live), 0);
}
