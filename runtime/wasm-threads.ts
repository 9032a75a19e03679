import { errorText, RuntimeError } from './errors.ts';
import type { Interval, Tracer } from './tracer.ts';
import {
  arrive,
  CONTROL,
  CONTROL_WORDS,
  changes,
  importsOf,
  isShared,
  kernelOf,
  type ThreadProgram,
  type ThreadReply,
  type ThreadStart,
  walk,
} from './wasm-walk.ts';
import { openWorker, type WorkerHandle } from './worker-handle.ts';

/** Whether memory can be shared here; a page has to be cross-origin isolated for that. */
export function sharesMemory(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer !== 'undefined' && crossOriginIsolated !== false;
}

type Thread = WorkerHandle<ThreadStart, ThreadReply>;

/** How long the calling thread sleeps before it looks whether the others still live. */
const PATIENCE_MILLISECONDS = 20;

/** The threads of a session. The caller's is the first of them, and works as the others do. */
export class Threads {
  readonly count: number;
  readonly #workers: readonly Thread[];
  readonly #control: Int32Array;
  readonly #programs: readonly ThreadProgram[];
  readonly #kernels: readonly (readonly ((...numbers: number[]) => void)[])[];
  #lost: string | null = null;
  #closed = false;

  private constructor(
    workers: readonly Thread[],
    control: Int32Array,
    programs: readonly ThreadProgram[],
    exported: WebAssembly.Exports,
  ) {
    this.count = workers.length + 1;
    this.#workers = workers;
    this.#control = control;
    this.#programs = programs;
    this.#kernels = programs.map(({ exports }) => exports.map((name) => kernelOf(exported, name)!));
  }

  /** Starts as many workers as are wanted beside the caller; `programsOf` a thread has its own addresses. Error: `worker-lost`. */
  static async start(
    threads: number,
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    programsOf: (thread: number) => readonly ThreadProgram[],
  ): Promise<Threads> {
    const control = new SharedArrayBuffer(4 * CONTROL_WORDS);
    const workers: Thread[] = [];
    try {
      for (let thread = 1; thread < threads; thread++)
        workers.push(await openWorker<ThreadStart, ThreadReply>(openThread));
      const { exports } = await WebAssembly.instantiate(module, importsOf(memory));
      const own = new Threads(workers, new Int32Array(control), programsOf(0), exports);
      const begun = workers.map((worker, k) => {
        const programs = programsOf(k + 1);
        return own.#begin(worker, { module, memory, control, programs, thread: k + 1, threads });
      });
      await Promise.all(begun);
      return own;
    } catch (error) {
      for (const worker of workers) worker.end();
      throw error instanceof RuntimeError ? error : lost(errorText(error));
    }
  }

  #begin(worker: Thread, start: ThreadStart): Promise<void> {
    return new Promise((resolve, reject) => {
      worker.listen(
        ({ error }) => {
          worker.hold(false);
          if (error === null) resolve();
          else reject(lost(error));
        },
        (reason) => {
          this.#lost ??= reason;
          reject(lost(reason));
        },
      );
      worker.hold(true);
      worker.post(start, []);
    });
  }

  /**
   * Runs steps of a program, and gives their times where they are wanted. Other tasks of the caller's thread may run meanwhile.
   * Errors: `kernel-failed`, `worker-lost`.
   */
  async run(
    program: number,
    first: number,
    end: number,
    tracer: Tracer | null,
  ): Promise<readonly Interval[]> {
    if (this.#lost !== null) throw lost(this.#lost);
    const control = this.#control;
    const own = this.#programs[program];
    const shared = isShared(own, first, end);
    if (shared) {
      Atomics.store(control, CONTROL.program, program);
      Atomics.store(control, CONTROL.first, first);
      Atomics.store(control, CONTROL.end, end);
      Atomics.add(control, CONTROL.run, 1);
      Atomics.notify(control, CONTROL.run);
    }
    let failure: unknown;
    const starts: number[] = [];
    const work = walk(own, [first, end], [0, this.count], (step, from, to) => {
      if (tracer) starts[step] ??= tracer.now();
      if (Atomics.load(control, CONTROL.failed) !== 0) return;
      try {
        this.#kernels[program][step](...own.addresses[step], from, to);
      } catch (error) {
        failure = error;
        Atomics.store(control, CONTROL.failed, step + 1);
      }
    });
    for (const _ of work) await this.#meet();
    const failed = Atomics.exchange(control, CONTROL.failed, 0);
    if (failed !== 0)
      throw new RuntimeError(
        'kernel-failed',
        `step ${failed - 1} of the program ended in a trap${failure ? `: ${errorText(failure)}` : ' in a worker'}`,
        { cause: failure },
      );
    return tracer ? intervals(starts, first, end, tracer.now()) : [];
  }

  async #meet(): Promise<void> {
    const control = this.#control;
    const meeting = arrive(control, this.count);
    if (meeting === null || changes(control, CONTROL.met, meeting)) return;
    const isOver = () => Atomics.load(control, CONTROL.met) !== meeting;
    while (!isOver()) {
      if (mayBlock()) Atomics.wait(control, CONTROL.met, meeting, PATIENCE_MILLISECONDS);
      if (isOver()) return;
      // Only now can it be heard that a worker has ended.
      await turn();
      if (this.#closed) throw new RuntimeError('destroyed', 'the session was destroyed meanwhile');
      if (this.#lost !== null) {
        this.close();
        throw lost(this.#lost);
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) worker.end();
  }
}

/** The main thread of a page may not sleep. */
function mayBlock(): boolean {
  return typeof (globalThis as { document?: unknown }).document === 'undefined';
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

const lost = (reason: string) =>
  new RuntimeError('worker-lost', `a thread of the plan is lost: ${reason}; load the plan again`);

const openThread = () =>
  new Worker(new URL('./wasm-thread.js', import.meta.url), { type: 'module' });

/** A step lasts until the next begins. */
function intervals(
  starts: readonly number[],
  first: number,
  end: number,
  last: number,
): Interval[] {
  const times: Interval[] = [];
  let behind = last;
  for (let step = end - 1; step >= first; step--) {
    const start = starts[step] ?? behind;
    times.unshift({ start, end: behind });
    behind = start;
  }
  return times;
}
