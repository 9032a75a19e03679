import type { Plan } from '../ir/plan.ts';
import type { Interval, Tracer } from './tracer.ts';
import { BUFFER_USAGE, MAP_MODE_READ } from './webgpu-constants.ts';
import type { Dispatch } from './webgpu-setup.ts';

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
  #submitted: number | null = null;

  constructor(plan: Plan, device: GPUDevice, tracer: Tracer) {
    this.#device = device;
    this.#tracer = tracer;
    const most = Object.values(plan.programs).reduce(
      (n, { steps }) => Math.max(n, steps.length),
      1,
    );
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
    this.#submitted = null;
  }

  submit(
    dispatches: readonly Dispatch[],
    first: number,
    end: number,
    encode?: (encoder: GPUCommandEncoder) => void,
  ): void {
    const encoder = this.#device.createCommandEncoder();
    for (let step = first; step < end; step++) {
      const query = 2 * step;
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet: this.#sets[Math.floor(query / SET_QUERIES)],
          beginningOfPassWriteIndex: query % SET_QUERIES,
          endOfPassWriteIndex: (query % SET_QUERIES) + 1,
        },
      });
      encodeDispatch(pass, dispatches[step]);
      pass.end();
    }
    encode?.(encoder);
    if (end > first) this.#submitted ??= this.#tracer.now();
    this.#device.queue.submit([encoder.finish()]);
  }

  async finish(count: number): Promise<Interval[]> {
    if (count === 0) return [];
    const bytes = 2 * count * QUERY_BYTES;
    const encoder = this.#device.createCommandEncoder();
    this.#sets.forEach((set, k) => {
      const queries = Math.min(2 * count - k * SET_QUERIES, SET_QUERIES);
      if (queries > 0)
        encoder.resolveQuerySet(set, 0, queries, this.#resolved, k * SET_QUERIES * QUERY_BYTES);
    });
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    await this.#readback.mapAsync(MAP_MODE_READ, 0, bytes);
    const stamps = new BigInt64Array(this.#readback.getMappedRange(0, bytes).slice(0));
    this.#readback.unmap();
    // The device's clock has a zero of its own: its first step begins when it was submitted, or later by what is not known.
    const zero = this.#submitted ?? 0;
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
    const { queue } = this.#device;
    for (let step = first; step < end; step++) {
      const encoder = this.#device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      encodeDispatch(pass, dispatches[step]);
      pass.end();
      const start = this.#tracer.now();
      queue.submit([encoder.finish()]);
      const interval = queue.onSubmittedWorkDone().then(() => ({ start, end: this.#tracer.now() }));
      // Seen by `finish`, unless the run fails before.
      interval.catch(() => {});
      this.#steps.push(interval);
    }
    if (!encode) return;
    const encoder = this.#device.createCommandEncoder();
    encode(encoder);
    queue.submit([encoder.finish()]);
  }

  finish(): Promise<Interval[]> {
    return Promise.all(this.#steps);
  }

  destroy(): void {}
}

/** One step, in a pass that has set nothing yet. */
function encodeDispatch(pass: GPUComputePassEncoder, { pipeline, bindings, grid }: Dispatch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindings);
  pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
}
