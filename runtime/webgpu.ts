import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';
import { CopyOut, type OutRound, outRounds, type Staging, stagingMemory } from './copy-out.ts';
import { checkDevice } from './device.ts';
import { errorText, RuntimeError } from './errors.ts';
import type { Executor, TensorData } from './executor.ts';
import type { HostSlots } from './host-slots.ts';
import { Progress } from './progress.ts';
import { plannedReads, ReadAhead, readBuffers } from './read-ahead.ts';
import { readTensors } from './readback.ts';
import { type ProgramTransfers, programTransfers } from './transfers.ts';
import {
  allocateBuffers,
  type Buffers,
  bindPrograms,
  type Dispatch,
  inErrorScope,
} from './webgpu-setup.ts';

interface ResolvedProgram {
  readonly dispatches: readonly Dispatch[];
  readonly swaps: Swaps | null;
}

/** The transfers of a program; per segment the rounds that take its copies out through the staging buffers. */
interface Swaps extends ProgramTransfers {
  readonly rounds: readonly (readonly OutRound[])[];
  readonly reads: ReturnType<typeof plannedReads>;
}

/** At most twice so many bytes are on their way to the device, so that its queue holds no second copy of everything. */
const QUEUED_BYTES = 32 * 2 ** 20;

/**
 * Allocates the slabs and the staging buffers of a plan on `device`, compiles its kernels in parallel and binds every
 * step. Errors: `limit-too-small`, `out-of-memory`, `kernel-rejected`, `device-lost`. After an error nothing stays allocated.
 */
export async function createWebGpuExecutor(
  plan: Plan,
  device: GPUDevice,
  slots: HostSlots,
): Promise<Executor> {
  checkDevice(plan, device);
  const buffers = await allocateBuffers(plan, device);
  const loss = new Loss(device, slots);
  try {
    const dispatches = await bindPrograms(plan, device, buffers.slabs);
    loss.check();
    return new WebGpuExecutor(plan, device, slots, buffers, dispatches, loss);
  } catch (error) {
    for (const buffer of allBuffers(buffers)) buffer.destroy();
    loss.check();
    throw error;
  }
}

/** Whether the device is gone. */
class Loss {
  #reason: string | null = null;
  readonly #advice: string;

  constructor(device: GPUDevice, { hasSnapshots }: HostSlots) {
    this.#advice = hasSnapshots
      ? 'load the plan on a new device with what saveCheckpoint gives, the state after the last finished run'
      : "load the plan on a new device and restore a checkpoint (with the option 'snapshots' saveCheckpoint still gives one)";
    void device.lost.then(({ message, reason }) => {
      this.#reason = message || reason;
    });
  }

  check(): void {
    if (this.#reason === null) return;
    throw new RuntimeError(
      'device-lost',
      `the GPU device was lost (${this.#reason}); ${this.#advice}`,
    );
  }

  /** Lets `device.lost` be seen before the errors that a loss causes are reported as something else. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.check();
  }
}

class WebGpuExecutor implements Executor {
  readonly plan: Plan;
  readonly description: string;
  readonly allocatedBytes: number;
  readonly hostBytes: number;
  readonly #device: GPUDevice;
  readonly #slots: HostSlots;
  readonly #buffers: Buffers;
  readonly #loss: Loss;
  readonly #programs: ReadonlyMap<PlanProgram, ResolvedProgram>;
  readonly #staging: Staging;
  readonly #readBuffers: readonly Uint8Array[];
  /** Some errors of validation show only at a dispatch, so the first run of each program is watched. */
  readonly #unproven: Set<PlanProgram>;
  #queuedBytes = 0;
  #queued: Promise<void> = Promise.resolve();
  #destroyed = false;
  /** Of the run that is under way, where it swaps. */
  #running: Progress | null = null;

  constructor(
    plan: Plan,
    device: GPUDevice,
    slots: HostSlots,
    buffers: Buffers,
    dispatches: ReadonlyMap<PlanProgram, readonly Dispatch[]>,
    loss: Loss,
  ) {
    this.plan = plan;
    this.description = describe(device);
    this.allocatedBytes = allBuffers(buffers).reduce((sum, buffer) => sum + buffer.size, 0);
    this.#device = device;
    this.#slots = slots;
    this.#buffers = buffers;
    this.#loss = loss;
    // Snapshots of a plan without swaps are few: they go the way of the outputs.
    const { swap, readback } = buffers;
    const through = swap.length > 0 || !readback ? swap : [readback];
    this.#programs = new Map(
      Object.entries(plan.programs).map(([name, program]) => {
        const transfers = programTransfers(plan, name, slots);
        const swaps = transfers && {
          ...transfers,
          rounds: transfers.segments.map(({ outs }) =>
            outRounds(slots, outs, through[0]?.size ?? 0),
          ),
          reads: plannedReads(slots, transfers.ins),
        };
        return [program, { dispatches: dispatches.get(program)!, swaps }];
      }),
    );
    const swaps = [...this.#programs.values()].flatMap((program) => program.swaps ?? []);
    const memory = stagingMemory(swaps.flatMap(({ rounds }) => rounds.flat()));
    this.#staging = { buffers: through, memory };
    this.#readBuffers = readBuffers(swaps.map(({ reads }) => reads));
    this.hostBytes = [...memory, ...this.#readBuffers].reduce(
      (sum, { byteLength }) => sum + byteLength,
      slots.bytes,
    );
    this.#unproven = new Set(this.#programs.keys());
  }

  write(tensor: PlanTensor, data: TensorData): void {
    this.#loss.check();
    this.#writeBuffer(tensor, 0, data);
  }

  async restore(values: ReadonlyMap<PlanTensor, TensorData>): Promise<void> {
    this.#loss.check();
    await this.#slots.replace(values);
    for (const [tensor, data] of values)
      if (tensor.slab !== null) this.#writeBuffer(tensor, 0, data);
  }

  async run(program: PlanProgram, outputs: readonly PlanTensor[]): Promise<TensorData[]> {
    this.#loss.check();
    const resolved = this.#programs.get(program)!;
    if (resolved.swaps) return this.#runSwapping(program, resolved.swaps, outputs);
    const { dispatches } = resolved;
    const proof = this.#submit(program, (encoder) => {
      dispatch(encoder, dispatches, 0, dispatches.length);
    });
    if (proof) {
      await this.#orLost(() => proof);
      this.#unproven.delete(program);
    }
    return outputs.length > 0 ? this.#readDevice(outputs) : [];
  }

  async read(tensors: readonly PlanTensor[]): Promise<TensorData[]> {
    const kept = tensors.length > 0 && tensors.every((tensor) => this.#slots.has(tensor));
    if (kept) return Promise.all(tensors.map((tensor) => this.#slots.load(tensor)));
    this.#loss.check();
    return this.#readDevice(tensors);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#running?.fail(new RuntimeError('destroyed', 'the executor was destroyed'));
    for (const buffer of allBuffers(this.#buffers)) buffer.destroy();
    this.#slots.close();
  }

  /**
   * Every segment is one submit: later ones go on while the copies of earlier ones are on their way to the host, since the
   * order of the queue keeps the bytes on the device apart.
   */
  async #runSwapping(
    program: PlanProgram,
    swaps: Swaps,
    outputs: readonly PlanTensor[],
  ): Promise<TensorData[]> {
    const progress = new Progress();
    this.#running = progress;
    const ahead = new ReadAhead(
      this.#slots,
      progress,
      swaps.reads,
      this.#readBuffers,
      swaps.outCount,
    );
    const out = new CopyOut(this.#slots, progress, this.#staging, (order) => ahead.wrote(order));
    try {
      for (let s = 0; s < swaps.segments.length; s++) {
        progress.check();
        await this.#runSegment(program, swaps, s, progress, ahead, out);
      }
      this.#unproven.delete(program);
      await progress.finished();
      const data = await this.#readOutputs(outputs, swaps);
      this.#loss.check();
      this.#slots.flip(swaps.homes);
      return data;
    } catch (error) {
      progress.fail(error);
      out.release();
      await progress.finished().catch(() => {});
      await this.#loss.settle();
      if (this.#destroyed) throw error;
      for (const { tensor, slot } of swaps.restored)
        this.#writeBuffer(tensor, 0, this.#slots.view(slot, tensor.bytes)!);
      throw error instanceof RuntimeError ? error : swapFailed(error);
    } finally {
      this.#running = null;
    }
  }

  async #runSegment(
    program: PlanProgram,
    { segments, rounds }: Swaps,
    s: number,
    progress: Progress,
    ahead: ReadAhead,
    out: CopyOut,
  ): Promise<void> {
    const { ins, first, end } = segments[s];
    const { dispatches } = this.#programs.get(program)!;
    for (const transfer of ins) {
      await ahead.bringIn(transfer, (from, bytes) =>
        this.#writeBuffer(transfer.tensor, from, bytes),
      );
      await this.#limitQueue(transfer.tensor.bytes);
    }
    const filled: { buffer: GPUBuffer; round: OutRound }[] = [];
    let steps = { first, end };
    const submit = () => {
      const proof = this.#submit(program, (encoder) => {
        dispatch(encoder, dispatches, steps.first, steps.end);
        for (const { buffer, round } of filled) this.#encodeCopies(encoder, buffer, round);
      });
      if (proof) progress.start(proof);
      for (const { buffer, round } of filled) out.start(buffer, round);
      filled.length = 0;
      steps = { first: end, end };
    };
    for (const round of rounds[s]) {
      let buffer = out.take();
      if (!buffer) {
        submit();
        buffer = await out.wait();
      }
      filled.push({ buffer, round });
    }
    submit();
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

  #encodeCopies(encoder: GPUCommandEncoder, buffer: GPUBuffer, { outs, pieces }: OutRound): void {
    for (const { item, from, bytes, to } of pieces) {
      const { slab, offset } = outs[item].tensor;
      encoder.copyBufferToBuffer(this.#buffers.slabs[slab!], offset + from, buffer, to, bytes);
    }
  }

  /** Submits what `encode` encodes; until the program is proven it gives what becomes of that. */
  #submit(
    program: PlanProgram,
    encode: (encoder: GPUCommandEncoder) => void,
  ): Promise<void> | null {
    const submit = () => {
      const encoder = this.#device.createCommandEncoder();
      encode(encoder);
      this.#device.queue.submit([encoder.finish()]);
    };
    if (this.#unproven.has(program)) return watched(this.#device, submit);
    submit();
    return null;
  }

  /** Outputs that are parameters on the host have their new values in the copy that was just written. */
  async #readOutputs(
    outputs: readonly PlanTensor[],
    { homes }: ProgramTransfers,
  ): Promise<TensorData[]> {
    const onDevice = outputs.filter(({ slab }) => slab !== null);
    const read = onDevice.length > 0 ? await this.#readDevice(onDevice) : [];
    return Promise.all(
      outputs.map((tensor) =>
        tensor.slab === null ? this.#slots.load(tensor, homes) : read[onDevice.indexOf(tensor)],
      ),
    );
  }

  #readDevice(tensors: readonly PlanTensor[]): Promise<TensorData[]> {
    const { slabs, readback } = this.#buffers;
    return this.#orLost(() => readTensors(this.#device, slabs, readback, tensors));
  }

  async #orLost<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      await this.#loss.settle();
      throw error;
    }
  }

  #writeBuffer({ slab, offset }: PlanTensor, from: number, data: TensorData | Uint8Array): void {
    this.#device.queue.writeBuffer(
      this.#buffers.slabs[slab!],
      offset + from,
      data as BufferSource & typeof data,
    );
  }
}

function allBuffers({ slabs, readback, swap }: Buffers): GPUBuffer[] {
  return [...slabs, ...(readback ? [readback] : []), ...swap];
}

function describe(device: GPUDevice): string {
  const { vendor = '', device: name = '', description = '' } = device.adapterInfo ?? {};
  return `${[vendor, name || description].filter(Boolean).join(' ') || 'GPU'} (WebGPU)`;
}

function swapFailed(error: unknown): RuntimeError {
  return new RuntimeError(
    'swap-failed',
    `values could not be copied out of the device: ${errorText(error)}; the run had no effect`,
    { cause: error },
  );
}

async function watched(device: GPUDevice, submit: () => void): Promise<void> {
  const { error } = await inErrorScope(device, 'validation', submit);
  if (error) throw new RuntimeError('kernel-rejected', `the device refuses a step: ${error}`);
}

function dispatch(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  first: number,
  end: number,
): void {
  if (first === end) return;
  const pass = encoder.beginComputePass();
  let pipeline: GPUComputePipeline | null = null;
  for (let step = first; step < end; step++) {
    const { pipeline: next, bindings, grid } = dispatches[step];
    if (next !== pipeline) {
      pipeline = next;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
  }
  pass.end();
}
