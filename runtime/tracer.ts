import type { Plan, PlanTensor } from '../ir/plan.ts';
import type { CopyTime, RunTime, SessionTrace, StepTime, TraceClock } from '../ir/trace.ts';

/** When something began and ended, in seconds on the tracer's clock. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** A copy without its time. */
type Copied = Omit<CopyTime, 'program' | 'run' | 'startSeconds' | 'seconds'>;

interface OpenRun {
  readonly program: string;
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
  #kept: { runs: RunTime[]; steps: StepTime[]; copies: CopyTime[] } = {
    runs: [],
    steps: [],
    copies: [],
  };

  constructor(plan: Plan, clock: TraceClock) {
    this.#plan = plan;
    this.clock = clock;
  }

  /** Seconds since the tracer was made. */
  now(): number {
    return (performance.now() - this.#zero) / 1000;
  }

  /** Runs `action` as a run of a program. */
  async run<T>(program: string, action: () => Promise<T>): Promise<T> {
    const open: OpenRun = { program, start: this.now(), steps: [], copies: [] };
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

  /** A copy of `tensors` before or behind `step` that began at `start` and has just ended. Outside of runs, nothing is recorded. */
  copied(
    start: number,
    direction: CopyTime['direction'],
    purpose: CopyTime['purpose'],
    tensors: readonly PlanTensor[],
    step: number,
  ): void {
    this.#open?.copies.push({
      start,
      end: this.now(),
      direction,
      purpose,
      step,
      tensors: tensors.map(({ name }) => name),
      bytes: tensors.reduce((sum, tensor) => sum + tensor.bytes, 0),
    });
  }

  /** What finished runs have left since the last call. */
  take(): SessionTrace {
    const taken = { clock: this.clock, ...this.#kept };
    this.#kept = { runs: [], steps: [], copies: [] };
    return taken;
  }

  #close({ program, start, steps, copies }: OpenRun): void {
    const of = { program, run: this.#count++ };
    const kept = this.#kept;
    kept.runs.push({ ...of, startSeconds: start, seconds: this.now() - start });
    const { kernels, programs } = this.#plan;
    const apart = oneByOne(steps);
    apart.forEach(({ start, end }, step) => {
      const kernel = kernels[programs[program].steps[step].kernel].name;
      kept.steps.push({ ...of, step, kernel, startSeconds: start, seconds: end - start });
    });
    // A copy out waits for its step, whenever it was asked for.
    const begin = ({ direction, step, start, end }: (typeof copies)[number]) =>
      direction === 'in' ? start : Math.max(start, Math.min(end, apart[step]?.end ?? start));
    for (const direction of ['in', 'out']) {
      const lane = copies.filter((copy) => copy.direction === direction);
      oneByOne(lane.map((copy) => ({ ...copy, start: begin(copy) }))).forEach(
        ({ start, end, ...copy }) => {
          kept.copies.push({ ...of, ...copy, startSeconds: start, seconds: end - start });
        },
      );
    }
    kept.copies.sort((a, b) => a.startSeconds - b.startSeconds);
  }
}

/** What {@link Tracer.copied} is told of a copy. */
export type CopyArguments =
  Parameters<Tracer['copied']> extends [number, ...infer Rest] ? Rest : never;

/** Makes a copy by `action`, and records it where there is a tracer. */
export async function copying<T>(
  tracer: Tracer | null,
  action: () => Promise<T>,
  ...copy: CopyArguments
): Promise<T> {
  const start = tracer?.now() ?? 0;
  const result = await action();
  tracer?.copied(start, ...copy);
  return result;
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
