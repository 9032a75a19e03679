import type { Access } from '../../ir/kernel.ts';
import type { Schedule, ScheduleProgram } from '../../ir/schedule.ts';
import { stepPairs } from './alias-classes.ts';
import type { TensorPair } from './handovers.ts';
import { alignedBytes, outputFlags } from './lifetimes.ts';

/** What one step does to tensors. Each stands once per list; one that is updated in both `reads` and `writes`. */
export interface StepAccess {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  /** What may take over whose place in this step, wherever it runs: nothing of what is copied behind it or in before it. */
  readonly pairs: readonly TensorPair[];
  /** Tensors that are copied from the host before the step. */
  readonly copiesIn?: readonly number[];
  /** Tensors that are copied to the host behind the step. */
  readonly copiesOut?: readonly number[];
}

/** What the steps of one program do to tensors: all that liveness and the order of steps depend on. */
export interface ProgramAccess {
  readonly steps: readonly StepAccess[];
  /** Tensors that are there before the first step: those that the caller writes, and persistent ones where they count. */
  readonly inputs: readonly number[];
  /** What a tensor takes, alignment included; 0 where it does not count. */
  bytesOf(tensor: number): number;
  /** Whether a tensor must last to the end. */
  isOutput(tensor: number): boolean;
}

/** All tensors that a step needs in memory, each once. */
export function touchedBy({
  reads,
  writes,
  copiesIn = [],
  copiesOut = [],
}: StepAccess): readonly number[] {
  const all = [...reads];
  // Each list names a tensor once, and a step touches few: looking through them is cheaper than a set.
  for (const list of [writes, copiesIn, copiesOut])
    for (const tensor of list) if (all.length > MANY || !all.includes(tensor)) all.push(tensor);
  return all.length > MANY ? [...new Set(all)] : all;
}

const MANY = 32;

/** How a buffer of a kernel, or a binding of a plan, is used. */
interface Accessed {
  readonly access: Access;
}

export const isRead = ({ access }: Accessed) => access !== 'write';
export const isWritten = ({ access }: Accessed) => access !== 'read';

/** Which of a step's operands it writes, each once; `buffers` of its kernel, parallel to them. */
export function writtenBy(buffers: readonly Accessed[], operands: readonly number[]): number[] {
  return [...new Set(operands.filter((_, buffer) => isWritten(buffers[buffer])))];
}

/** Which of a step's operands it reads, each once. */
export function readBy(buffers: readonly Accessed[], operands: readonly number[]): number[] {
  return [...new Set(operands.filter((_, buffer) => isRead(buffers[buffer])))];
}

/** 1 for each tensor that something needs: the callers, the runtime between two runs, a step or a transfer. */
export function neededTensors({ tensors, programs }: Schedule): Uint8Array {
  const needed = Uint8Array.from(tensors, ({ program }) => (program === null ? 1 : 0));
  for (const { inputs, outputs, steps, transfers = [] } of programs) {
    for (const { tensor } of [...inputs, ...outputs, ...transfers]) needed[tensor] = 1;
    for (const { operands } of steps) for (const tensor of operands) needed[tensor] = 1;
  }
  return needed;
}

/**
 * Reads the use of a program's steps off their kernels, and that of its transfers. `arena` counts the tensors of the
 * program; `device` persistent ones as well, which are live in all steps unless they are host-resident.
 */
export function programAccess(
  schedule: Schedule,
  program: ScheduleProgram,
  alignment: number,
  counted: 'arena' | 'device' = 'arena',
): ProgramAccess {
  const { tensors, kernels } = schedule;
  const flags = outputFlags(schedule);
  const bytes = alignedBytes(schedule, alignment);
  const onDevice = (tensor: number) =>
    counted === 'device' && tensors[tensor].program === null && !tensors[tensor].hostResident;
  const isOutput = (tensor: number) => flags[tensor] === 1 || onDevice(tensor);
  const steps = program.steps.map((step): StepAccess => {
    const { buffers } = kernels[step.kernel];
    return {
      reads: readBy(buffers, step.operands),
      writes: writtenBy(buffers, step.operands),
      pairs: stepPairs(schedule, step, isOutput),
    };
  });
  const { transfers = [] } = program;
  const copies = (kind: 'in' | 'out', step: number) =>
    transfers.flatMap((one) => (one.kind === kind && one.step === step ? [one.tensor] : []));
  for (const step of new Set(transfers.map((transfer) => transfer.step))) {
    const copiesIn = copies('in', step);
    const copiesOut = copies('out', step);
    const { reads, writes, pairs } = steps[step];
    steps[step] = {
      ...{ reads, writes, copiesIn, copiesOut },
      pairs: pairs.filter(({ from, to }) => !copiesOut.includes(from) && !copiesIn.includes(to)),
    };
  }
  const persistent = tensors.flatMap((_, tensor) => (onDevice(tensor) ? [tensor] : []));
  return {
    steps,
    inputs: [...program.inputs.map(({ tensor }) => tensor), ...persistent],
    bytesOf: (tensor) =>
      tensors[tensor].program === null && !onDevice(tensor) ? 0 : bytes[tensor],
    isOutput,
  };
}
