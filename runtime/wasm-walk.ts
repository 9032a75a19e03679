// What the threads of a plan on WebAssembly agree on. All of them walk over the same steps. A step is shared by its parts, or done
// by the first thread alone; where one thread needs what another has made, all of them meet.

/** The steps of a program, as data for a thread. */
export interface ThreadProgram {
  /** Per step: the export of its kernel, and the numbers that it takes before its parts. */
  readonly exports: readonly string[];
  readonly addresses: readonly (readonly number[])[];
  /** Per step: its parts, or 1 where it is for the first thread alone. */
  readonly parts: readonly number[];
  /** Per step: its parts in any case. */
  readonly wholes: readonly number[];
}

/** What a thread is given before it waits for runs. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly programs: readonly ThreadProgram[];
  readonly thread: number;
  readonly threads: number;
}

/** A thread has its kernels, or says why not. */
export interface ThreadReply {
  readonly error: string | null;
}

/** Words that the threads share. */
export const CONTROL = {
  /** Counts the runs; the words behind it say what to run. */
  run: 0,
  program: 1,
  first: 2,
  end: 3,
  /** Threads that have come to a meeting, and the number of meetings that are over. */
  arrived: 4,
  met: 5,
  /** The step, counted from 1, that ended in a trap; 0 as long as none has. */
  failed: 6,
} as const;
export const CONTROL_WORDS = 8;

/** How often a word is looked at before a thread sleeps: some ten microseconds. */
const SPINS = 4000;

/** Comes to a meeting: the number by which one sees that it is over, or null where this thread was the last. */
export function arrive(control: Int32Array, threads: number): number | null {
  const meeting = Atomics.load(control, CONTROL.met);
  if (Atomics.add(control, CONTROL.arrived, 1) + 1 < threads) return meeting;
  Atomics.store(control, CONTROL.arrived, 0);
  Atomics.add(control, CONTROL.met, 1);
  Atomics.notify(control, CONTROL.met);
  return null;
}

/** Whether a word is another than `old`, after some looks at it. */
export function changes(control: Int32Array, word: number, old: number): boolean {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, word) !== old) return true;
  return false;
}

/** What a thread does of a step: `call` with the parts that are its own. */
type RunStep = (step: number, from: number, to: number) => void;

/** Walks over steps as one of the threads, up to each meeting. It goes on behind it. */
export function* walk(
  { parts, wholes }: ThreadProgram,
  [first, end]: readonly [number, number],
  [thread, threads]: readonly [number, number],
  run: RunStep,
): Generator<void> {
  /** Whether the first thread has done steps that others may not know of. */
  let ahead = false;
  for (let step = first; step < end; step++) {
    const count = parts[step];
    if (count === 1) {
      if (thread === 0) run(step, 0, wholes[step]);
      ahead = true;
      continue;
    }
    if (ahead) yield;
    const share = (n: number) => Math.floor((count * n) / threads);
    const [from, to] = [share(thread), share(thread + 1)];
    if (from < to) run(step, from, to);
    yield;
    ahead = false;
  }
}

/** Whether threads share anything of these steps. */
export const isShared = ({ parts }: ThreadProgram, first: number, end: number): boolean =>
  parts.slice(first, end).some((count) => count > 1);

/** An export that is a function. */
export function kernelOf(
  exported: WebAssembly.Exports,
  name: string | undefined,
): ((...numbers: number[]) => void) | null {
  const found = name !== undefined && Object.hasOwn(exported, name) ? exported[name] : undefined;
  return typeof found === 'function' ? (found as (...numbers: number[]) => void) : null;
}

/** The imports of a module, without prototypes: it must find nothing there but its memory, or it could import `constructor`. */
export function importsOf(memory: WebAssembly.Memory): WebAssembly.Imports {
  const bare = <Fields extends object>(fields: Fields): Fields =>
    Object.assign(Object.create(null), fields);
  return bare({ env: bare({ memory }) });
}
