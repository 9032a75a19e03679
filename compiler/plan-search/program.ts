import { kernelAccess } from '../../ir/kernel-access.ts';
import { RangeSet } from '../../ir/ranges.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { programAccess, type StepAccess } from '../liveness/access.ts';
import { alignedBytes, outputFlags } from '../liveness/lifetimes.ts';

// What recompute and swap see of a program: steps that read and write values of known bytes. It knows no kernels, so that the
// same passes run on the layer lists of a paper.

export interface ValueProgram {
  readonly name: string;
  readonly steps: readonly ValueStep[];
  readonly values: readonly ProgramValue[];
  /** The first step of the backward pass; `steps.length` where there is none. What named strategies drop is used on both sides of it. */
  readonly turn: number;
}

/** Its access, of values in place of tensors, and what running it takes. */
export interface ValueStep extends Pick<StepAccess, 'reads' | 'writes' | 'pairs'> {
  /** Predicted time. */
  readonly seconds: number;
  /** Whether it can run twice with the same result: it writes no persistent value. */
  readonly repeatable: boolean;
  /** A step whose results named strategies always keep: contractions, and what else is dear. */
  readonly checkpoint: boolean;
}

export interface ProgramValue {
  readonly name: string;
  /** Alignment included. */
  readonly bytes: number;
  /** `input`: there from the start; `output`: kept to the end; `persistent`: both, and shared by all programs. */
  readonly kind: 'input' | 'output' | 'temporary' | 'persistent';
  /** The steps that touch it, rising. */
  readonly uses: readonly number[];
  /** Those that write it. */
  readonly writers: readonly number[];
  /** Whether elements of it are written after a step has read them, so that what they hold depends on when they are read. */
  readonly accumulated: boolean;
}

/** How the values of a value program are called in the schedule that it was made of. */
export interface NamedValueProgram extends ValueProgram {
  /** The tensor of each value. */
  readonly tensors: readonly number[];
}

/** Derives `uses`, `writers` and `accumulated` of every value from the steps. */
export function withUses(
  steps: readonly ValueStep[],
  values: readonly Pick<ProgramValue, 'name' | 'bytes' | 'kind'>[],
  accumulated: ReadonlySet<number> = new Set(),
): ProgramValue[] {
  const uses = values.map((): number[] => []);
  const writers = values.map((): number[] => []);
  steps.forEach((step, s) => {
    for (const value of step.reads) uses[value].push(s);
    for (const value of step.writes) {
      writers[value].push(s);
      if (uses[value].at(-1) !== s) uses[value].push(s);
    }
  });
  return values.map((value, i) => ({
    ...value,
    uses: uses[i],
    writers: writers[i],
    accumulated: accumulated.has(i),
  }));
}

/** The program `index` of a schedule whose steps are in their final order. */
export function valueProgram(
  schedule: Schedule,
  index: number,
  alignment: number,
  secondsOf: (kernel: number) => number,
): NamedValueProgram {
  const program = schedule.programs[index];
  const bytes = alignedBytes(schedule, alignment);
  const isOutput = outputFlags(schedule);
  const isInput = new Set(program.inputs.map(({ tensor }) => tensor));
  const tensors: number[] = [];
  const known = new Map<number, number>();
  const value = (tensor: number) => {
    const number = known.get(tensor);
    if (number !== undefined) return number;
    known.set(tensor, tensors.length);
    return tensors.push(tensor) - 1;
  };
  for (const tensor of isInput) value(tensor);
  const accumulated = new Set<number>();
  const wasRead = new Map<number, RangeSet>();
  const access = programAccess(schedule, program, alignment);
  const steps = program.steps.map((step, s): ValueStep => {
    const ranges = kernelAccess(schedule.kernels[step.kernel]);
    step.operands.forEach((tensor, buffer) => {
      const number = value(tensor);
      const { read, written } = ranges[buffer];
      const start = step.offsets?.[buffer] ?? 0;
      const before = wasRead.get(tensor) ?? new RangeSet();
      if (read) wasRead.set(tensor, before.add(start + read.start, start + read.end));
      if (written.some((range) => before.meet(start + range.start, start + range.end)))
        accumulated.add(number);
    });
    const { reads, writes, pairs } = access.steps[s];
    return {
      reads: reads.map(value),
      writes: writes.map(value),
      pairs: pairs.map(({ from, to }) => ({ from: value(from), to: value(to) })),
      seconds: secondsOf(step.kernel),
      repeatable: writes.every((tensor) => schedule.tensors[tensor].program !== null),
      checkpoint: step.macs !== undefined,
    };
  });
  const kindOf = (tensor: number): ProgramValue['kind'] => {
    if (schedule.tensors[tensor].program === null) return 'persistent';
    if (isOutput[tensor]) return 'output';
    return isInput.has(tensor) ? 'input' : 'temporary';
  };
  const values = tensors.map((tensor) => ({
    name: schedule.tensors[tensor].name,
    bytes: bytes[tensor],
    kind: kindOf(tensor),
  }));
  const used = withUses(steps, values, accumulated);
  const loss = program.outputs.length > 0 ? value(program.outputs[0].tensor) : -1;
  return { name: program.name, steps, values: used, turn: turnOf(steps, used, loss), tensors };
}

/**
 * The step behind the last one that both the loss and an update need: what is after it is the backward pass, or reports. The
 * loss is the first output of a program that trains, and only such a program writes parameters.
 */
function turnOf(
  steps: readonly ValueStep[],
  values: readonly ProgramValue[],
  loss: number,
): number {
  const needed = (isGoal: (step: ValueStep) => boolean) => {
    const reached = new Uint8Array(values.length);
    const marked = new Uint8Array(steps.length);
    for (let s = steps.length - 1; s >= 0; s--) {
      if (!isGoal(steps[s]) && !steps[s].writes.some((value) => reached[value])) continue;
      marked[s] = 1;
      for (const value of steps[s].reads)
        if (values[value].kind !== 'persistent') reached[value] = 1;
    }
    return marked;
  };
  const forLoss = needed((step) => step.writes.includes(loss));
  const forUpdates = needed((step) => !step.repeatable);
  for (let s = steps.length - 1; s >= 0; s--) if (forLoss[s] && forUpdates[s]) return s + 1;
  return steps.length;
}
