import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';
import { CopyOut, type OutRound, outRounds, type Staging } from './copy-out.ts';
import { RuntimeError } from './errors.ts';
import { type HostBuffers, hostBuffers } from './host-buffers.ts';
import type { HostSlots } from './host-slots.ts';
import { Progress } from './progress.ts';
import { type PlannedRead, plannedReads, ReadAhead } from './read-ahead.ts';
import { type CopyArguments, copying, type Tracer } from './tracer.ts';
import { type ProgramTransfers, programTransfers } from './transfers.ts';
import type { Buffers } from './webgpu-setup.ts';

/** The transfers of a program; per segment the rounds that take its copies out through the staging buffers. */
export interface Swaps extends ProgramTransfers {
  readonly rounds: readonly (readonly OutRound[])[];
  readonly reads: readonly PlannedRead[];
}

/**
 * Submits steps `first` to `end` of the program, exclusive, and what `encode` adds behind them. While the program has never
 * run it gives what becomes of that.
 */
export type Submit = (
  first: number,
  end: number,
  encode: (encoder: GPUCommandEncoder) => void,
) => Promise<void> | null;

/** Of one run. */
interface Running {
  readonly swaps: Swaps;
  readonly submit: Submit;
  readonly progress: Progress;
  readonly ahead: ReadAhead;
  readonly out: CopyOut;
}

/** At most twice so many bytes are on their way to the device, so that its queue holds no second copy of everything. */
const QUEUED_BYTES = 32 * 2 ** 20;

/** Runs the programs that have transfers, by way of the swap buffers or, where a plan has none, of the one for outputs. */
export class WebGpuSwapper {
  /** Host memory that transfers go through, in bytes. */
  readonly hostBytes: number;
  readonly #device: GPUDevice;
  readonly #slots: HostSlots;
  readonly #slabs: readonly GPUBuffer[];
  readonly #swaps: ReadonlyMap<PlanProgram, Swaps>;
  readonly #staging: Staging;
  readonly #host: HostBuffers;
  readonly #tracer: Tracer | null;
  #running: Progress | null = null;
  #queuedBytes = 0;
  #queued: Promise<void> = Promise.resolve();

  constructor(
    plan: Plan,
    device: GPUDevice,
    slots: HostSlots,
    { slabs, swap, readback }: Buffers,
    tracer: Tracer | null,
  ) {
    this.#tracer = tracer;
    this.#device = device;
    this.#slots = slots;
    this.#slabs = slabs;
    // Snapshots of a plan without swaps go the way of the outputs.
    const buffers = swap.length > 0 ? swap : readback;
    const capacity = buffers.reduce(
      (least, { size }) => Math.min(least, size),
      buffers[0]?.size ?? 0,
    );
    this.#host = hostBuffers(plan, slots, capacity);
    const { reading, writing, bytes } = this.#host;
    this.hostBytes = bytes;
    this.#staging = { buffers, memory: writing };
    const piece = reading[0]?.length ?? 0;
    const most = writing[0]?.length ?? capacity;
    const swaps = new Map<PlanProgram, Swaps>();
    for (const [name, program] of Object.entries(plan.programs)) {
      const transfers = programTransfers(plan, name, slots);
      if (!transfers) continue;
      const rounds = transfers.segments.map(({ outs }) => outRounds(slots, outs, capacity, most));
      swaps.set(program, {
        ...transfers,
        rounds,
        reads: plannedReads(slots, transfers.ins, piece),
      });
    }
    this.#swaps = swaps;
  }

  /** Null where the program has no transfers. */
  swapsOf(program: PlanProgram): Swaps | null {
    return this.#swaps.get(program) ?? null;
  }

  /**
   * Runs all segments, each of which is one submit. Later ones go on while the copies of earlier ones are on their way to the
   * host, since the order of the queue keeps the bytes on the device apart. In the end everything has arrived; after an
   * error nothing is under way any more.
   */
  async run(swaps: Swaps, submit: Submit): Promise<void> {
    const slots = this.#slots;
    const progress = new Progress();
    const ahead = new ReadAhead(slots, progress, swaps.reads, this.#host.reading, swaps.outCount);
    const arrived = this.#tracer && this.#arrivals(this.#tracer, swaps);
    const out = new CopyOut(slots, progress, this.#staging, (order) => {
      arrived?.(order);
      ahead.wrote(order);
    });
    this.#running = progress;
    try {
      for (let s = 0; s < swaps.segments.length; s++)
        await this.#runSegment({ swaps, submit, progress, ahead, out }, s);
      await progress.finished();
    } catch (error) {
      progress.fail(error);
      out.release();
      await progress.finished().catch(() => {});
      throw error;
    } finally {
      this.#running = null;
    }
  }

  /** Ends the run that is under way. */
  destroy(): void {
    this.#running?.fail(new RuntimeError('destroyed', 'the executor was destroyed'));
  }

  /** Writes a stretch of a tensor, from its byte `from` on. */
  write({ slab, offset }: PlanTensor, from: number, bytes: Uint8Array): void {
    // The device takes no shared memory, which a store of the caller's may consist of.
    const own = bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice();
    this.#device.queue.writeBuffer(this.#slabs[slab!], offset + from, own as BufferSource);
  }

  /** Writes to a tensor what a slot holds of it. Error: `swap-failed`. */
  async writeFrom(slot: number, tensor: PlanTensor): Promise<void> {
    const whole = this.#slots.view(slot, tensor.bytes);
    if (whole) {
      this.write(tensor, 0, whole);
      return;
    }
    const [buffer] = this.#host.reading;
    for (let from = 0; from < tensor.bytes; from += buffer.length) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, tensor.bytes - from));
      await this.#slots.read(slot, from, bytes);
      this.write(tensor, from, bytes);
    }
  }

  /** Tells the tracer of copies out that the host has. */
  #arrivals(tracer: Tracer, { segments }: Swaps) {
    const copies = segments.flatMap(({ outs, end }) =>
      outs.map(({ tensor }): CopyArguments => ['out', 'swap', [tensor], end - 1]),
    );
    // From the end of its step on, which the tracer knows.
    return (order: number) => tracer.copied(0, ...copies[order]);
  }

  async #runSegment(running: Running, s: number): Promise<void> {
    const { swaps, submit, progress, ahead, out } = running;
    const tracer = this.#tracer;
    const { ins, first, end } = swaps.segments[s];
    progress.check();
    for (const transfer of ins) {
      const bringIn = () =>
        ahead.bringIn(transfer, (from, bytes) => this.write(transfer.tensor, from, bytes));
      await copying(tracer, bringIn, 'in', 'swap', [transfer.tensor], first);
      await this.#limitQueue(transfer.tensor.bytes);
    }
    progress.check();
    const filled: { buffer: GPUBuffer; round: OutRound }[] = [];
    let next = first;
    const flush = () => {
      const proof = submit(next, end, (encoder) => {
        for (const { buffer, round } of filled) this.#encodeCopies(encoder, buffer, round);
      });
      if (proof) progress.start(proof);
      for (const { buffer, round } of filled) out.start(buffer, round);
      filled.length = 0;
      next = end;
    };
    for (const round of swaps.rounds[s]) {
      let buffer = out.take();
      if (!buffer) {
        flush();
        buffer = await out.wait();
      }
      filled.push({ buffer, round });
    }
    flush();
  }

  #encodeCopies(encoder: GPUCommandEncoder, buffer: GPUBuffer, { outs, pieces }: OutRound): void {
    for (const { item, from, bytes, to } of pieces) {
      const { slab, offset } = outs[item].tensor;
      encoder.copyBufferToBuffer(this.#slabs[slab!], offset + from, buffer, to, bytes);
    }
  }

  /** Waits for what was queued before the last so many bytes. */
  async #limitQueue(bytes: number): Promise<void> {
    this.#queuedBytes += bytes;
    if (this.#queuedBytes < QUEUED_BYTES) return;
    this.#queuedBytes = 0;
    const earlier = this.#queued;
    // A loss shows elsewhere.
    this.#queued = this.#device.queue.onSubmittedWorkDone().then(
      () => {},
      () => {},
    );
    await earlier;
  }
}
