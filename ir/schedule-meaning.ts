import type { Kernel } from './kernel.ts';
import { type ElementRange, filledRuns, kernelAccess } from './kernel-access.ts';
import { type BoundKernel, boundParts } from './kernel-group.ts';
import { bufferLoads, bufferStores, renameStages } from './kernel-stage.ts';
import { kernelBody } from './kernel-text.ts';
import type { ScheduleProgram, ScheduleStep, ScheduleTransfer } from './schedule.ts';
import type { Handover } from './schedule-flow.ts';
import { type MeantSchedule, ScheduleMemory } from './schedule-memory.ts';
import { Terms } from './symbolic-terms.ts';

// What a schedule means, whatever the order of its steps and the places of its tensors: a run on symbols. A step makes of what it
// reads a new symbol, which stands for its kernel's code and the symbols that it read; so two runs mean the same where their outputs
// and persistent tensors hold the same symbols. Every program runs once, in turn, each with what the ones before it have left.
//
// Numbers stand for symbols, equal ones for equal symbols, so that a run takes time near-linear in the number of operands.

/**
 * Whether two schedules, in any states of memory planning, compute the same. Null where they do, else one sentence about the first
 * difference: `train: output 'loss' came of step 3 'add', and now comes of step 4 'mul'`. Premise: both are valid (schedule-verify.ts).
 */
export function sameMeaning(before: MeantSchedule, after: MeantSchedule): string | null {
  const wanted = meaningOf(before);
  const { observed } = meaningOf(after, wanted.machine);
  if (difference(wanted.observed, observed) === null) return null;
  // Symbols are said to come of the step that made them first, which may be one of neither schedule.
  const machine = newMachine();
  return difference(run(before, machine), run(after, machine), machine.terms);
}

/** Where two runs part, by the words of `terms` if they are given. */
function difference(
  wanted: readonly Observation[],
  given: readonly Observation[],
  terms?: Terms,
): string | null {
  for (let i = 0; i < Math.max(wanted.length, given.length); i++) {
    const [a, b] = [wanted[i], given[i]];
    if (!a) return `${b.what} is new`;
    if (!b) return `${a.what} is gone`;
    if (a.what !== b.what) return `${a.what} is gone, ${b.what} is there instead`;
    if (a.symbol !== b.symbol) return `${a.what} ${terms?.difference(a.symbol, b.symbol)}`;
  }
  return null;
}

/** A run that is known: what one pass has made is what the next one begins with, and a search tries many on one schedule. */
interface Meaning {
  readonly schedule: MeantSchedule;
  readonly machine: Omit<Machine, 'memory'>;
  readonly observed: readonly Observation[];
}

/** By the programs of a schedule. Premise: nobody changes what a schedule is made of. */
const meanings = new WeakMap<MeantSchedule['programs'], Meaning>();

/** So many terms of other schedules are kept for the next one. */
const MOST_TERMS = 200_000;

const newMachine = (): Meaning['machine'] => ({ terms: new Terms(), codes: new Codes() });

/** A run of a schedule; on `machine`, or on one whose symbols may be compared with those of later runs. */
function meaningOf(schedule: MeantSchedule, machine?: Meaning['machine']): Meaning {
  const known = meanings.get(schedule.programs);
  const isThis = known && haveSameParts(known.schedule, schedule);
  if (isThis && (machine ? known.machine === machine : known.machine.terms.count < MOST_TERMS))
    return known;
  const on = machine ?? newMachine();
  const made = { schedule, machine: on, observed: run(schedule, on) };
  meanings.set(schedule.programs, made);
  return made;
}

function haveSameParts(a: MeantSchedule, b: MeantSchedule): boolean {
  const names = Object.keys(a) as (keyof MeantSchedule)[];
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.is(a[name], b[name]))
  );
}

/** A store that leaves more gaps than this counts as one that depends on what was there before. */
const MOST_RUNS = 4096;

/** What can be seen of a run from outside, in order. */
interface Observation {
  readonly what: string;
  readonly symbol: number;
}

function run(schedule: MeantSchedule, { terms, codes }: Meaning['machine']): Observation[] {
  const { tensors, programs } = schedule;
  const memory = new ScheduleMemory(schedule, terms);
  const seen: Observation[] = [];
  tensors.forEach((tensor, i) => {
    if (tensor.program === null)
      memory.home(i).write(terms.leaf(`persistent tensor '${tensor.name}'`));
  });
  programs.forEach((program, p) => {
    runProgram(schedule, p, { terms, codes, memory });
    for (const { name, tensor } of program.outputs)
      seen.push({
        what: `${program.name}: output '${name}'`,
        symbol: memory.tensor(tensor).read(),
      });
    tensors.forEach((tensor, i) => {
      if (tensor.program !== null) return;
      const what = `${program.name}: persistent tensor '${tensor.name}'`;
      seen.push({ what, symbol: memory.home(i).read() });
    });
    seen.push({ what: interfaceOf(program), symbol: 0 });
  });
  return seen;
}

/** What callers see of a program besides values. */
function interfaceOf({ name, inputs }: ScheduleProgram): string {
  const given = inputs.map((input) => {
    const { tensor: _, ...rest } = input;
    return JSON.stringify(rest);
  });
  return `${name}: inputs ${given.sort().join(', ')}`;
}

interface Machine {
  readonly terms: Terms;
  readonly codes: Codes;
  readonly memory: ScheduleMemory;
}

function runProgram(schedule: MeantSchedule, index: number, machine: Machine): void {
  const { terms, memory } = machine;
  const program = schedule.programs[index];
  const { steps, transfers = [], inputs } = program;
  const handovers = new Map<number, Handover[]>();
  for (const one of schedule.handovers ?? []) {
    if (schedule.tensors[one.tensor].program !== index) continue;
    handovers.set(one.step, [...(handovers.get(one.step) ?? []), one]);
  }
  for (const { name, tensor } of inputs)
    memory.begin(tensor).write(terms.leaf(`input '${name}' of ${program.name}`));
  let next = 0;
  const move = (kind: ScheduleTransfer['kind'], step: number) => {
    for (; next < transfers.length; next++) {
      const { kind: way, tensor, slot, step: at } = transfers[next];
      if (at > step || (at === step && way !== kind)) return;
      if (way === 'out') memory.slot(slot, tensor).copyFrom(memory.tensor(tensor));
      else memory.begin(tensor).copyFrom(memory.slot(slot, tensor));
    }
  };
  steps.forEach((step, s) => {
    move('in', s);
    const place = `step ${s} '${step.label}'`;
    runStep(schedule.kernels[step.kernel], step, place, handovers.get(s) ?? [], machine);
    move('out', s);
  });
}

/** Parts run one after the other, each with the places that it takes over. */
function runStep(
  kernel: Kernel,
  { operands, offsets }: ScheduleStep,
  place: string,
  handovers: readonly Handover[],
  machine: Machine,
): void {
  for (const part of boundParts({ kernel, operands, offsets })) {
    const taken = handovers.filter(({ tensor }) => part.operands.includes(tensor));
    runKernel(part, place, kernel.parts ? taken : handovers, machine);
  }
}

function runKernel(
  { kernel, operands, offsets }: BoundKernel,
  place: string,
  handovers: readonly Handover[],
  { terms, codes, memory }: Machine,
): void {
  const { code, reads, writes } = codes.of(kernel);
  const access = kernelAccess(kernel);
  const at = (b: number, { start, end }: ElementRange) => {
    const first = offsets?.[b] ?? 0;
    return memory.tensor(operands[b]).range(first + start, first + end);
  };
  for (const one of handovers) memory.takeOver(one);
  for (const tensor of operands) memory.touch(tensor);
  const read = reads.map((b) => at(b, access[b].read!).read());
  for (const b of memory.takers(operands)) memory.tensor(operands[b]).clear();
  access.forEach(({ isScratch }, b) => {
    if (isScratch) memory.tensor(operands[b]).clear();
  });
  writes.forEach((b, k) => {
    const made = terms.step([code, k, ...read], place);
    for (const range of access[b].written) {
      const runs = filledRuns(range, MOST_RUNS);
      if (runs) for (const run of runs) at(b, run).writePart(made, run.start);
      else at(b, range).writeOver(made, range);
    }
  });
}

/** The code of kernels by what it does: which buffers are one binding makes no difference. */
class Codes {
  readonly #known = new Map<Kernel, Code>();
  readonly #numbers = new Map<string, number>();

  of(kernel: Kernel): Code {
    let known = this.#known.get(kernel);
    if (!known) {
      known = this.#codeOf(kernel);
      this.#known.set(kernel, known);
    }
    return known;
  }

  #codeOf(kernel: Kernel): Code {
    const access = kernelAccess(kernel);
    const { text, loaded, stored } = canonicalBody(kernel);
    let code = this.#numbers.get(text);
    if (code === undefined) {
      code = this.#numbers.size;
      this.#numbers.set(text, code);
    }
    // What is only added to is read as what was there before.
    return { code, reads: loaded.filter((b) => access[b].read !== null), writes: stored };
  }
}

interface Code {
  readonly code: number;
  /** Buffers in the order in which the code loads them first, and those that it stores to. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

/** A kernel's text with its buffers by the order of their loads, and behind them by that of their stores. */
function canonicalBody(kernel: Kernel) {
  const { staging, nodes, stores, buffers } = kernel;
  const loaded = [...new Set(bufferLoads(kernel).map(({ buffer }) => buffer))];
  const stored = [...new Set(bufferStores(kernel).map(({ buffer }) => buffer))];
  const storedAs = (buffer: number) => loaded.length + stored.indexOf(buffer);
  const renamed = (list: Kernel['nodes']) =>
    list.map((node) =>
      node.kind === 'load' && node.buffer >= 0
        ? { ...node, buffer: loaded.indexOf(node.buffer) }
        : node,
    );
  const { scratch: _, ...meant } = kernel;
  const text = kernelBody({
    ...meant,
    buffers: [
      ...loaded.map((b) => ({ ...buffers[b], access: 'read' as const })),
      ...stored.map((b) => ({ ...buffers[b], access: 'write' as const })),
    ],
    nodes: renamed(nodes),
    stores: stores.map((store) => ({ ...store, buffer: storedAs(store.buffer) })),
    ...(staging
      ? {
          staging: renameStages(staging, {
            loads: (buffer) => loaded.indexOf(buffer),
            stores: storedAs,
            holders: () => null,
          }),
        }
      : {}),
  });
  return { text, loaded, stored };
}
