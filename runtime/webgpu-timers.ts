import type { Plan } from '../ir/plan.ts';
import type { Interval, Tracer } from './tracer.ts';
import { BUFFER_USAGE, MAP_MODE_READ } from './webgpu-constants.ts';
import { type Dispatch, dispatch, submitted } from './webgpu-setup.ts';

/** Submits the steps of a traced run and times each of them. */
export interface StepTimer {
  /** A run begins. */
  start(): void;
  /** Submits steps `first` to `end`, exclusive, and what `encode` adds behind them. */
  submit(
    dispatches: readonly Dispatch[],
    first: number,
    end: number,
    encode?: (encoder: GPUCommandEncoder) => void,
  ): void;
  /** Waits for the run that began last; what each of its `count` steps took. */
  finish(count: number): Promise<Interval[]>;
  destroy(): void;
}

/** What a device is timed by. */
export function stepTimer(plan: Plan, device: GPUDevice, tracer: Tracer): StepTimer {
  return tracer.clock === 'timestamps'
    ? new Timestamps(plan, device, tracer)
    : new QueueTimes(device, tracer);
}

/** WebGPU's largest query set. */
const SET_QUERIES = 4096;
const QUERY_BYTES = 8;
const NANOSECOND = 1e-9;

/** A pass of its own for each step, with a timestamp at its begin and its end. */
class Timestamps implements StepTimer {
  readonly #device: GPUDevice;
  readonly #tracer: Tracer;
  readonly #sets: readonly GPUQuerySet[];
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;
  /** When the first step of the run was submitted; 0 before that. */
  #submitted = 0;

  constructor(plan: Plan, device: GPUDevice, tracer: Tracer) {
    this.#device = device;
    this.#tracer = tracer;
    const most = Math.max(1, ...Object.values(plan.programs).map(({ steps }) => steps.length));
    const sets: GPUQuerySet[] = [];
    for (let left = 2 * most; left > 0; left -= SET_QUERIES)
      sets.push(device.createQuerySet({ type: 'timestamp', count: Math.min(left, SET_QUERIES) }));
    this.#sets = sets;
    const size = 2 * most * QUERY_BYTES;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = BUFFER_USAGE;
    const buffer = (usage: number) => device.createBuffer({ label: 'trace', size, usage });
    this.#resolved = buffer(QUERY_RESOLVE | COPY_SRC);
    this.#readback = buffer(COPY_DST | MAP_READ);
  }

  start(): void {
    this.#submitted = 0;
  }

  submit(
    dispatches: readonly Dispatch[],
    first: number,
    end: number,
    encode?: (encoder: GPUCommandEncoder) => void,
  ): void {
    submitted(this.#device, (encoder) => {
      for (let step = first; step < end; step++) {
        const query = 2 * step;
        dispatch(encoder, dispatches, step, step + 1, {
          timestampWrites: {
            querySet: this.#sets[Math.floor(query / SET_QUERIES)],
            beginningOfPassWriteIndex: query % SET_QUERIES,
            endOfPassWriteIndex: (query % SET_QUERIES) + 1,
          },
        });
      }
      encode?.(encoder);
      if (end > first) this.#submitted ||= this.#tracer.now();
    });
  }

  async finish(count: number): Promise<Interval[]> {
    if (count === 0) return [];
    const bytes = 2 * count * QUERY_BYTES;
    submitted(this.#device, (encoder) => {
      this.#sets.forEach((set, k) => {
        encoder.resolveQuerySet(set, 0, set.count, this.#resolved, k * SET_QUERIES * QUERY_BYTES);
      });
      encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, bytes);
    });
    await this.#readback.mapAsync(MAP_MODE_READ, 0, bytes);
    const stamps = new BigInt64Array(this.#readback.getMappedRange(0, bytes).slice(0));
    this.#readback.unmap();
    // The device's clock has a zero of its own: its first step begins when it was submitted, or later by what is not known.
    const zero = this.#submitted;
    const at = (query: number) => zero + Number(stamps[query] - stamps[0]) * NANOSECOND;
    return Array.from({ length: count }, (_, step) => ({
      start: at(2 * step),
      end: at(2 * step + 1),
    }));
  }

  destroy(): void {
    for (const set of this.#sets) set.destroy();
    this.#resolved.destroy();
    this.#readback.destroy();
  }
}

/** A submit of its own for each step, and the host's clock when the queue has done it. */
class QueueTimes implements StepTimer {
  readonly #device: GPUDevice;
  readonly #tracer: Tracer;
  #steps: Promise<Interval>[] = [];

  constructor(device: GPUDevice, tracer: Tracer) {
    this.#device = device;
    this.#tracer = tracer;
  }

  start(): void {
    this.#steps = [];
  }

  submit(
    dispatches: readonly Dispatch[],
    first: number,
    end: number,
    encode?: (encoder: GPUCommandEncoder) => void,
  ): void {
    for (let step = first; step < end; step++) {
      let start = 0;
      submitted(this.#device, (encoder) => {
        dispatch(encoder, dispatches, step, step + 1);
        start = this.#tracer.now();
      });
      const done = this.#device.queue.onSubmittedWorkDone();
      const interval = done.then(() => ({ start, end: this.#tracer.now() }));
      // Seen by `finish`, unless the run fails before.
      interval.catch(() => {});
      this.#steps.push(interval);
    }
    if (encode) submitted(this.#device, encode);
  }

  finish(): Promise<Interval[]> {
    return Promise.all(this.#steps);
  }

  destroy(): void {}
}
