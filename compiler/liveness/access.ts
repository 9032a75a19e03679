import type { Schedule, ScheduleProgram } from '../../ir/schedule.ts';
import { type BufferPair, inPlacePairs, outputFlags, sharable } from '../memory/in-place.ts';
import { alignedBytes } from './lifetimes.ts';

/** Tensor `to`, which a step writes, may take over the memory of `from`, which it reads. */
export interface TensorPair {
  readonly from: number;
  readonly to: number;
}

/** What one step does to tensors. Each stands once per list; one that is updated in both. */
export interface StepAccess {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly pairs: readonly TensorPair[];
}

/** What the steps of one program do to tensors: all that liveness and the order of steps depend on. */
export interface ProgramAccess {
  readonly steps: readonly StepAccess[];
  /** Arena tensors that are written before the first step. */
  readonly inputs: readonly number[];
  /** What a tensor takes of the arena, alignment included; 0 where it is not in the program's arena. */
  bytesOf(tensor: number): number;
  /** Whether a tensor must last to the end. */
  isOutput(tensor: number): boolean;
}

/** Reads the use of a program's steps off their kernels. */
export function programAccess(
  schedule: Schedule,
  program: ScheduleProgram,
  alignment: number,
): ProgramAccess {
  const isOutput = outputFlags(schedule);
  const bytes = alignedBytes(schedule, alignment);
  const pairsOf = new Map<number, BufferPair[]>();
  const steps = program.steps.map((step): StepAccess => {
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
  return {
    steps,
    inputs: program.inputs.map(({ tensor }) => tensor),
    bytesOf: (tensor) => (schedule.tensors[tensor].program === null ? 0 : bytes[tensor]),
    isOutput: (tensor) => isOutput[tensor] === 1,
  };
}
