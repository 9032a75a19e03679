import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';
import type { CopyTime, RunTime, SessionTrace, StepTime, TraceClock } from '../ir/trace.ts';

/** When something began and ended, in seconds on the tracer's clock. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** A copy without its time. */
export type Copied = Omit<CopyTime, 'program' | 'run' | 'startSeconds' | 'seconds'>;

interface OpenRun {
  readonly name: string;
  readonly program: PlanProgram;
  readonly start: number;
  steps: readonly Interval[];
  readonly copies: (Interval & Copied)[];
}

/** Keeps what a traced session measures. A run counts when it has finished; one that fails leaves nothing. */
export class Tracer {
  readonly clock: TraceClock;
  readonly #plan: Plan;
  readonly #zero = performance.now();
  #open: OpenRun | null = null;
  #count = 0;
  #runs: RunTime[] = [];
  #steps: StepTime[] = [];
  #copies: CopyTime[] = [];

  constructor(plan: Plan, clock: TraceClock) {
    this.#plan = plan;
    this.clock = clock;
  }

  /** Seconds since the tracer was made. */
  now(): number {
    return (performance.now() - this.#zero) / 1000;
  }

  /** Runs `action` as a run of program `name`. */
  async run<T>(name: string, action: () => Promise<T>): Promise<T> {
    const program = this.#plan.programs[name];
    const open: OpenRun = { name, program, start: this.now(), steps: [], copies: [] };
    this.#open = open;
    try {
      const result = await action();
      this.#close(open);
      return result;
    } finally {
      this.#open = null;
    }
  }

  /** What the steps of the run took. */
  steps(intervals: readonly Interval[]): void {
    if (this.#open) this.#open.steps = intervals;
  }

  /** A copy that began at `start` and has just ended. Outside of runs, nothing is recorded. */
  copied(start: number, copy: Copied): void {
    this.#open?.copies.push({ start, end: this.now(), ...copy });
  }

  /** Records a copy that `action` makes. */
  async copying<T>(copy: Copied, action: () => Promise<T>): Promise<T> {
    const start = this.now();
    const result = await action();
    this.copied(start, copy);
    return result;
  }

  /** What finished runs have left since the last call. */
  take(): SessionTrace {
    const taken = {
      clock: this.clock,
      runs: this.#runs,
      steps: this.#steps,
      copies: this.#copies,
    };
    [this.#runs, this.#steps, this.#copies] = [[], [], []];
    return taken;
  }

  #close({ name: program, program: { steps: planned }, start, steps, copies }: OpenRun): void {
    const of = { program, run: this.#count++ };
    this.#runs.push({ ...of, startSeconds: start, seconds: this.now() - start });
    const apart = oneByOne(steps);
    apart.forEach(({ start, end }, step) => {
      const kernel = this.#plan.kernels[planned[step].kernel].name;
      this.#steps.push({ ...of, step, kernel, startSeconds: start, seconds: end - start });
    });
    // A copy out waits for its step, whenever it was asked for.
    const waited = copies.map((copy) =>
      copy.direction === 'out'
        ? {
            ...copy,
            start: Math.max(copy.start, Math.min(copy.end, apart[copy.step]?.end ?? copy.start)),
          }
        : copy,
    );
    for (const direction of ['in', 'out'] as const) {
      const lane = waited.filter((copy) => copy.direction === direction);
      oneByOne(lane).forEach(({ start, end, ...copy }) => {
        this.#copies.push({ ...of, ...copy, startSeconds: start, seconds: end - start });
      });
    }
    this.#copies.sort((a, b) => a.startSeconds - b.startSeconds);
  }
}

/** What a copy of `tensors` before or behind `step` is. */
export function copyOf(
  direction: Copied['direction'],
  purpose: Copied['purpose'],
  tensors: readonly PlanTensor[],
  step: number,
): Copied {
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  return { direction, purpose, tensors: tensors.map(({ name }) => name), bytes, step };
}

/** Intervals in their order, of which none begins before the one before it has ended, and none is negative. */
export function oneByOne<Item extends Interval>(items: readonly Item[]): Item[] {
  let last = Number.NEGATIVE_INFINITY;
  return items.map((item) => {
    const start = Math.max(item.start, last);
    last = Math.max(start, item.end);
    return { ...item, start, end: last };
  });
}
