import type { Schedule, ScheduleProgram } from '../../ir/schedule.ts';
import { type BufferPair, inPlacePairs, outputFlags, sharable } from './in-place.ts';
import { alignedBytes } from './liveness.ts';

/** Tensor `to`, which a step writes, may take over the memory of `from`, which it reads. */
export interface TensorPair {
  readonly from: number;
  readonly to: number;
}

/** What one step does to tensors. Each stands once per list; one that is updated in both. */
export interface StepUse {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly pairs: readonly TensorPair[];
}

/** What the steps of one program do to tensors: all that liveness and the order of steps depend on. */
export interface ProgramUse {
  readonly steps: readonly StepUse[];
  /** By tensor: what it takes of the arena, alignment included; 0 for those that are not in the program's arena. */
  readonly bytes: Float64Array;
  /** Arena tensors that are written before the first step. */
  readonly inputs: readonly number[];
  /** By tensor: 1 where it must last to the end. */
  readonly isOutput: Uint8Array;
}

/** Reads the use of a program's steps off their kernels. */
export function programUse(
  schedule: Schedule,
  program: ScheduleProgram,
  alignment: number,
): ProgramUse {
  const isOutput = outputFlags(schedule);
  const bytes = alignedBytes(schedule, alignment);
  schedule.tensors.forEach((tensor, index) => {
    if (tensor.program === null) bytes[index] = 0;
  });
  const pairsOf = new Map<number, BufferPair[]>();
  const steps = program.steps.map((step): StepUse => {
    const { buffers } = schedule.kernels[step.kernel];
    const named = (unlike: 'read' | 'write') => [
      ...new Set(step.operands.filter((_, buffer) => buffers[buffer].access !== unlike)),
    ];
    const pairs = pairsOf.get(step.kernel) ?? inPlacePairs(schedule.kernels[step.kernel]);
    pairsOf.set(step.kernel, pairs);
    return {
      reads: named('write'),
      writes: named('read'),
      pairs: pairs
        .filter((pair) => sharable(schedule, step, pair) && !isOutput[step.operands[pair.read]])
        .map(({ read, written }) => ({ from: step.operands[read], to: step.operands[written] })),
    };
  });
  return { steps, bytes, inputs: program.inputs.map(({ tensor }) => tensor), isOutput };
}
