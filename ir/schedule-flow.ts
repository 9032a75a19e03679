import { kernelAccess } from './kernel-access.ts';
import { RangeSet } from './ranges.ts';
import type { Schedule, ScheduleProgram, ScheduleStep, ScheduleTransfer } from './schedule.ts';
import { elementCount } from './tensor.ts';

// The part of `verifySchedule` about time. Its premise is that indices, ranges and kernels are sound. It runs each program once,
// and knows of every tensor which of its elements are written. What it proves:
//
// reads       the elements from the first to the last that a kernel may load were written by earlier steps, by the caller, by a
//             transfer, or are those of the tensor whose place was taken over; persistent tensors always hold something;
// outputs     are written as a whole;
// transfers   stand in the order of time and name slots and tensors of their program; `out` copies a whole tensor, which no step
//             writes afterwards; `in` brings a tensor that says what it is a copy of, before anything else touches it, from a
//             slot that holds that value: by an earlier `out` of it, or as its home slot; a home slot is written once in a run;
// copies      tensors that are recomputed or swapped in are, by recomputed steps that change no persistent value;
// handovers   a tensor takes over the place of one of its size and dtype, which no output, transfer or later step needs, in the step
//             that touches it first, bound as a whole, and read before it is written.

/** `tensor` takes over the place of `from` in step `step` of their program, which reads the one and writes the other. */
export interface Handover {
  readonly tensor: number;
  readonly from: number;
  readonly step: number;
}

type Report = (place: string, reason: string) => void;

export function verifyFlow(
  schedule: Schedule,
  handovers: readonly Handover[],
  report: Report,
): void {
  const isOutput = new Uint8Array(schedule.tensors.length);
  for (const { outputs } of schedule.programs)
    for (const { tensor } of outputs) isOutput[tensor] = 1;
  const flow = new Flow(schedule, isOutput, report);
  const taken = handoversByStep(schedule, handovers, report);
  schedule.programs.forEach((program, p) => {
    flow.run(program, taken[p]);
  });
  flow.finish();
}

/** By program and step; those that name what is not there are reported and left out. */
function handoversByStep(
  { tensors, programs }: Schedule,
  handovers: readonly Handover[],
  report: Report,
): ReadonlyMap<number, readonly Handover[]>[] {
  const groups = programs.map(() => new Map<number, Handover[]>());
  for (const handover of handovers) {
    const { tensor, from, step } = handover;
    const program = tensors[tensor]?.program ?? null;
    if (program === null || tensors[from]?.program !== program) {
      report(`handover of ${from} to ${tensor}`, 'they are no tensors of one program');
      continue;
    }
    if (!programs[program].steps[step]) {
      report(`handover of ${from} to ${tensor}`, `there is no step ${step}`);
      continue;
    }
    const group = groups[program].get(step);
    if (group) group.push(handover);
    else groups[program].set(step, [handover]);
  }
  return groups;
}

/** For each tensor the original that it is a copy of, in the end: itself where it is none. Premise: copies lead to an original. */
function originals({ tensors }: Schedule): Int32Array {
  const original = new Int32Array(tensors.length).fill(-1);
  tensors.forEach((_, index) => {
    const followed: number[] = [];
    let at = index;
    while (original[at] < 0) {
      followed.push(at);
      const { copyOf } = tensors[at];
      if (copyOf) at = copyOf.tensor;
      else original[at] = at;
    }
    for (const link of followed) original[link] = original[at];
  });
  return original;
}

/** Whose elements a step reads in a tensor that takes over a place. */
function sourceOf(tensor: number, handovers: readonly Handover[]): number {
  for (const one of handovers) if (one.tensor === tensor) return one.from;
  return tensor;
}

const NEVER = -1;
const NO_HANDOVERS: readonly Handover[] = [];

class Flow {
  readonly #schedule: Schedule;
  readonly #report: Report;
  readonly #isOutput: Uint8Array;
  readonly #original: Int32Array;
  readonly #elements: Float64Array;
  /** By tensor: 1 where all of it is written. What is written of the others is in `partial`. */
  readonly #whole: Uint8Array;
  readonly #partial = new Map<number, RangeSet>();
  readonly #touched: Uint8Array;
  /** By tensor: the step that took over its place, and the one after which it was copied out. */
  readonly #gone: Int32Array;
  readonly #sent: Int32Array;
  /** By slot: the original of the tensor whose value it holds. */
  #held = new Map<number, number>();
  readonly #brought: Uint8Array;
  readonly #recomputed: Uint8Array;
  #program: ScheduleProgram;

  constructor(schedule: Schedule, isOutput: Uint8Array, report: Report) {
    const { tensors } = schedule;
    this.#schedule = schedule;
    this.#isOutput = isOutput;
    this.#report = report;
    this.#original = originals(schedule);
    this.#elements = Float64Array.from(tensors, ({ shape }) => elementCount(shape));
    this.#whole = Uint8Array.from(tensors, ({ program, role }) =>
      program === null || role === 'input' ? 1 : 0,
    );
    this.#touched = new Uint8Array(tensors.length);
    this.#gone = new Int32Array(tensors.length).fill(NEVER);
    this.#sent = new Int32Array(tensors.length).fill(NEVER);
    this.#brought = new Uint8Array(tensors.length);
    this.#recomputed = new Uint8Array(tensors.length);
    this.#program = schedule.programs[0];
  }

  run(program: ScheduleProgram, handovers: ReadonlyMap<number, readonly Handover[]>): void {
    const { steps, transfers = [], outputs } = program;
    this.#program = program;
    this.#held = new Map();
    this.#verifyOrder(transfers);
    const repeats = steps.some(({ recomputed }) => recomputed);
    const done = new Set<string>();
    let next = 0;
    const move = (kind: ScheduleTransfer['kind'], step: number) => {
      for (; next < transfers.length; next++) {
        const transfer = transfers[next];
        if (transfer.step > step || (transfer.step === step && transfer.kind !== kind)) return;
        if (transfer.step === step) this.#transfer(transfer);
      }
    };
    steps.forEach((step, s) => {
      move('in', s);
      if (repeats) this.#verifyRecomputed(step, s, done);
      this.#step(step, s, handovers.get(s) ?? NO_HANDOVERS);
      move('out', s);
    });
    for (const { name, tensor } of outputs)
      if (this.#whole[tensor] === 0)
        this.#report(`${program.name}, output '${name}'`, 'is never written as a whole');
  }

  /** Copies that nothing fills. */
  finish(): void {
    const { tensors } = this.#schedule;
    tensors.forEach(({ name, copyOf }, index) => {
      if (!copyOf) return;
      const done = copyOf.by === 'swap' ? this.#brought[index] : this.#recomputed[index];
      // A parameter's new value may be computed in a place of its own.
      if (done || (copyOf.by === 'swap' && tensors[this.#original[index]].hostResident)) return;
      const way =
        copyOf.by === 'swap' ? 'no transfer brings it in' : 'no recomputed step writes it';
      this.#report(`tensor '${name}'`, `is a copy, but ${way}`);
    });
  }

  #name(tensor: number): string {
    return this.#schedule.tensors[tensor].name;
  }

  #at(step: number): string {
    const { name, steps } = this.#program;
    return `${name}, step ${step} '${steps[step].label}'`;
  }

  #verifyOrder(transfers: readonly ScheduleTransfer[]): void {
    const { name, steps } = this.#program;
    let now = 0;
    transfers.forEach(({ kind, step }, i) => {
      const time = 2 * step + (kind === 'out' ? 1 : 0);
      if (!steps[step]) this.#report(`${name}, transfer ${i}`, `there is no step ${step}`);
      if (time < now) this.#report(`${name}, transfer ${i}`, 'is earlier than the one before it');
      now = time;
    });
  }

  #transfer(transfer: ScheduleTransfer): void {
    const { tensors, slots = [] } = this.#schedule;
    const { kind, tensor, slot, step } = transfer;
    const report = (reason: string) =>
      this.#report(`${this.#program.name}, copy ${kind} at step ${step}`, reason);
    const owner = tensors[tensor]?.program ?? null;
    if (owner === null || this.#schedule.programs[owner] !== this.#program) {
      report(`${tensor} is no tensor of this program`);
      return;
    }
    if (!slots[slot]) {
      report(`there is no slot ${slot} for '${this.#name(tensor)}'`);
      return;
    }
    const home = slots[slot].tensor;
    const value = this.#original[tensor];
    if (home !== null && home !== value)
      report(
        `slot ${slot} is the home slot of '${this.#name(home)}', not of '${this.#name(value)}'`,
      );
    if (kind === 'out') this.#send(tensor, slot, step, report);
    else this.#bring(tensor, slot, report);
  }

  #send(tensor: number, slot: number, step: number, report: (reason: string) => void): void {
    const home = this.#schedule.slots![slot].tensor;
    if (home !== null && this.#held.has(slot))
      report(`the home slot of '${this.#name(home)}' is written twice in a run`);
    this.#verifyThere(tensor, report);
    if (this.#whole[tensor] === 0)
      report(`'${this.#name(tensor)}' is copied out before it is written as a whole`);
    this.#held.set(slot, this.#original[tensor]);
    this.#sent[tensor] = step;
  }

  #bring(tensor: number, slot: number, report: (reason: string) => void): void {
    const { role, copyOf } = this.#schedule.tensors[tensor];
    const name = this.#name(tensor);
    const value = this.#original[tensor];
    if (role === 'input') report(`'${name}' is an input, which the caller writes`);
    if (copyOf?.by !== 'swap') report(`'${name}' does not say what it is a copy of`);
    if (this.#touched[tensor]) report(`'${name}' is brought in when it is in use`);
    if (this.#schedule.slots![slot].tensor === null && this.#held.get(slot) !== value)
      report(`slot ${slot} does not hold the value of '${this.#name(value)}'`);
    this.#touched[tensor] = 1;
    this.#brought[tensor] = 1;
    this.#whole[tensor] = 1;
  }

  #step(step: ScheduleStep, s: number, handovers: readonly Handover[]): void {
    const { operands, offsets } = step;
    const access = kernelAccess(this.#schedule.kernels[step.kernel]);
    const report = (reason: string) => this.#report(this.#at(s), reason);
    for (const handover of handovers) this.#verifyHandover(handover, step, report);
    for (let b = 0; b < operands.length; b++) {
      const tensor = operands[b];
      this.#verifyThere(tensor, report);
      const { read } = access[b];
      if (!read) continue;
      const start = offsets?.[b] ?? 0;
      const source = sourceOf(tensor, handovers);
      if (!this.#covers(source, start + read.start, start + read.end))
        report(
          `reads elements ${start + read.start} to ${start + read.end - 1} of '${this.#name(source)}' before a step has written them`,
        );
    }
    for (const { from } of handovers) this.#gone[from] = s;
    for (let b = 0; b < operands.length; b++)
      this.#write(operands[b], offsets?.[b] ?? 0, access[b], step, report);
    for (let b = 0; b < operands.length; b++) this.#touched[operands[b]] = 1;
  }

  /** A recomputed step has run before; its kernel may be another one then, with other buffers in one place. */
  #verifyRecomputed(
    { label, scope = '', recomputed, parts = [] }: ScheduleStep,
    s: number,
    done: Set<string>,
  ): void {
    const key = `${label} of ${scope}`;
    if (!recomputed) {
      done.add(key);
      for (const part of parts) done.add(`${part.label} of ${part.scope ?? ''}`);
    } else if (!done.has(key))
      this.#report(this.#at(s), 'is recomputed, but no step like it has run before');
  }

  #write(
    tensor: number,
    start: number,
    { written, isScratch }: ReturnType<typeof kernelAccess>[number],
    step: ScheduleStep,
    report: (reason: string) => void,
  ): void {
    if (isScratch) {
      if (this.#schedule.tensors[tensor].program === null)
        report(`has its scratch memory in '${this.#name(tensor)}', which lives on`);
      if (step.recomputed) this.#recomputed[tensor] = 1;
      // What it holds afterwards may not be read.
      this.#whole[tensor] = 0;
      this.#partial.delete(tensor);
      return;
    }
    if (written.length === 0) return;
    if (step.recomputed) {
      const value = this.#original[tensor];
      this.#recomputed[tensor] = 1;
      if (this.#schedule.tensors[value].program === null)
        report(`is recomputed, but writes '${this.#name(value)}', which lives on`);
    }
    if (this.#sent[tensor] !== NEVER)
      report(
        `writes '${this.#name(tensor)}' after it was copied out at step ${this.#sent[tensor]}`,
      );
    for (const range of written) this.#add(tensor, start + range.start, start + range.end);
  }

  #verifyThere(tensor: number, report: (reason: string) => void): void {
    if (this.#gone[tensor] !== NEVER)
      report(
        `needs '${this.#name(tensor)}', whose place was taken over at step ${this.#gone[tensor]}`,
      );
  }

  #verifyHandover(
    { tensor, from }: Handover,
    { kernel, operands, offsets }: ScheduleStep,
    report: (reason: string) => void,
  ): void {
    const { tensors, kernels } = this.#schedule;
    const name = this.#name(tensor);
    const fault = (reason: string) =>
      report(`'${name}' takes over the place of '${this.#name(from)}', ${reason}`);
    const b = operands.indexOf(tensor);
    const buffer = kernels[kernel].buffers[b];
    const bound = buffer?.access === 'read_write' && buffer.elements === this.#elements[tensor];
    if (!bound || (offsets?.[b] ?? 0) !== 0)
      fault('but no buffer of the step both reads and writes all of it');
    if (
      tensors[tensor].dtype !== tensors[from].dtype ||
      this.#elements[tensor] !== this.#elements[from]
    )
      fault('but is not of its type');
    if (this.#touched[tensor]) fault('but was in use before');
    if (operands.includes(from)) fault('but the step uses that itself');
    if (this.#isOutput[from]) fault('which is an output');
    this.#verifyThere(from, report);
  }

  #covers(tensor: number, start: number, end: number): boolean {
    return this.#whole[tensor] === 1 || (this.#partial.get(tensor)?.cover(start, end) ?? false);
  }

  #add(tensor: number, start: number, end: number): void {
    if (this.#whole[tensor] === 1) return;
    const size = this.#elements[tensor];
    if (start <= 0 && end >= size) {
      this.#whole[tensor] = 1;
      return;
    }
    const ranges = this.#partial.get(tensor) ?? new RangeSet();
    ranges.add(start, end);
    this.#partial.set(tensor, ranges);
    if (ranges.cover(0, size)) this.#whole[tensor] = 1;
  }
}
