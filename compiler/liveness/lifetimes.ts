import type { Schedule } from '../../ir/schedule.ts';
import type { Handover } from '../../ir/schedule-flow.ts';
import { byteCount } from '../../ir/tensor.ts';
import { aliasClassRoots } from './alias-classes.ts';
import type { Blocks } from './events.ts';

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

/** 1 for each tensor that is an output of a program. */
export function outputFlags(schedule: Schedule): Uint8Array {
  const flags = new Uint8Array(schedule.tensors.length);
  for (const program of schedule.programs) {
    for (const output of program.outputs) flags[output.tensor] = 1;
  }
  return flags;
}

/** The persistent tensors that are not host-resident: they take memory in every step of every program. */
export function persistentOnDevice({ tensors }: Pick<Schedule, 'tensors'>): number[] {
  return tensors.flatMap(({ program, hostResident }, tensor) =>
    program === null && !hostResident ? [tensor] : [],
  );
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

/** The lives of the alias classes of one program, each as one block, and the first tensor of each. */
export interface ClassBlocks {
  readonly blocks: Blocks;
  readonly roots: readonly number[];
}

/**
 * For each program the places that its tensors take: an alias class lives from the first step of its first tensor to the
 * last step of its last one. `classOf` gives the first tensor of each tensor's class.
 */
export function classBlocks(
  { tensors, programs }: Schedule,
  live: Liveness,
  bytes: Float64Array,
  handovers: readonly Handover[],
): { readonly classOf: Int32Array; readonly programs: readonly ClassBlocks[] } {
  const classOf = aliasClassRoots(tensors.length, handovers);
  const roots = programs.map((): number[] => []);
  const last = live.lastStep.slice();
  const isSeen = new Uint8Array(tensors.length);
  tensors.forEach(({ program }, tensor) => {
    if (program === null) return;
    const root = classOf[tensor];
    if (!isSeen[root]) roots[program].push(root);
    isSeen[root] = 1;
    last[root] = Math.max(last[root], live.lastStep[tensor]);
  });
  return {
    classOf,
    programs: roots.map((list) => ({
      roots: list,
      blocks: {
        bytes: Float64Array.from(list, (tensor) => bytes[tensor]),
        first: Int32Array.from(list, (tensor) => live.firstStep[tensor]),
        last: Int32Array.from(list, (tensor) => last[tensor]),
      },
    })),
  };
}
