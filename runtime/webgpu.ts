import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';
import { checkDevice, nameOf } from './device.ts';
import { DeviceLoss } from './device-loss.ts';
import { errorText, RuntimeError } from './errors.ts';
import {
  type BufferUse,
  bytesOf,
  type DeviceRange,
  type Executor,
  type Handed,
  type TensorData,
  type Value,
  type Wanted,
} from './executor.ts';
import type { GpuBufferRange } from './gpu-types.ts';
import type { HostSlots } from './host-slots.ts';
import type { CompileOptions } from './load.ts';
import { type Encode, ReadBack } from './readback.ts';
import { Torn } from './torn.ts';
import { copying, type Tracer } from './tracer.ts';
import { Uploads } from './uploads.ts';
import { Pipelines } from './webgpu-pipelines.ts';
import {
  type CopyIn,
  checkedRange,
  encodeCopiesIn,
  encodeCopiesOut,
  foreignBuffers,
  ownRange,
  rangeInto,
} from './webgpu-ranges.ts';
import {
  allocateBuffers,
  type Buffers,
  bindProgram,
  type Dispatch,
  dispatch,
  inErrorScope,
  submitted,
} from './webgpu-setup.ts';
import { tryExchanges } from './webgpu-subgroups.ts';
import { type Swaps, WebGpuSwapper } from './webgpu-swap.ts';
import { type StepTimer, stepTimer } from './webgpu-timers.ts';

/** What the caller chooses of a device. */
export interface WebGpuChoices {
  readonly tracer: Tracer | null;
  /** Programs that are made ready before anything runs. */
  readonly programs: readonly string[];
  readonly onProgress?: CompileOptions['onProgress'];
}

/**
 * Allocates the slabs and the staging buffers of a plan on `device` and makes programs ready. The others are made ready by their
 * first run. Errors: `limit-too-small`, `feature-missing`, `out-of-memory`, `kernel-rejected`, `device-lost`. After an error nothing
 * stays allocated.
 */
export async function createWebGpuExecutor(
  plan: Plan,
  device: GPUDevice,
  slots: HostSlots,
  choices: WebGpuChoices,
): Promise<Executor> {
  checkDevice(plan, device);
  const loss = new DeviceLoss(device, slots.hasSnapshots);
  return loss.orLost(async () => {
    const buffers = await allocateBuffers(plan, device);
    try {
      const executor = new WebGpuExecutor(plan, device, slots, buffers, loss, choices);
      await tryExchanges(plan, device);
      for (const name of choices.programs) await executor.prepare(plan.programs[name]);
      loss.check();
      return executor;
    } catch (error) {
      for (const buffer of allBuffers(buffers)) buffer.destroy();
      throw error;
    }
  });
}

class WebGpuExecutor implements Executor {
  readonly plan: Plan;
  readonly description: string;
  readonly allocatedBytes: number;
  readonly hostBytes: number;
  readonly tracer: Tracer | null;
  readonly #device: GPUDevice;
  readonly #slots: HostSlots;
  readonly #buffers: Buffers;
  readonly #pipelines: Pipelines;
  readonly #onProgress: WebGpuChoices['onProgress'];
  /** The programs that are ready. */
  readonly #programs = new Map<PlanProgram, readonly Dispatch[]>();
  readonly #swapper: WebGpuSwapper;
  readonly #readBack: ReadBack;
  readonly #uploads: Uploads;
  readonly #loss: DeviceLoss;
  readonly #timer: StepTimer | null;
  /** Some errors of validation show only at a dispatch, so the first run of each program is watched. */
  readonly #proven = new Set<PlanProgram>();
  /** Buffers of the caller's that the device has taken once. */
  readonly #known = new WeakSet<GPUBuffer>();
  /** Inputs of the next run that come from buffers. */
  #copiesIn: CopyIn[] = [];
  readonly #torn = new Torn();
  #destroyed = false;

  constructor(
    plan: Plan,
    device: GPUDevice,
    slots: HostSlots,
    buffers: Buffers,
    loss: DeviceLoss,
    { tracer, onProgress }: WebGpuChoices,
  ) {
    this.plan = plan;
    this.description = describe(device);
    this.allocatedBytes = allBuffers(buffers).reduce((sum, buffer) => sum + buffer.size, 0);
    this.#device = device;
    this.#slots = slots;
    this.#buffers = buffers;
    this.#pipelines = new Pipelines(plan, device);
    this.#onProgress = onProgress;
    this.#swapper = new WebGpuSwapper(plan, device, slots, buffers, tracer);
    this.#readBack = new ReadBack(device, buffers.slabs, buffers.readback);
    this.#uploads = new Uploads(buffers.uploads);
    this.hostBytes = slots.bytes + this.#swapper.hostBytes;
    this.#loss = loss;
    this.tracer = tracer;
    this.#timer = tracer && stepTimer(plan, device, tracer);
  }

  /** Compiles the kernels of a program and binds its steps, once. Error: `kernel-rejected`. */
  async prepare(program: PlanProgram): Promise<void> {
    if (this.#programs.has(program)) return;
    const { plan } = this;
    const [name] = Object.entries(plan.programs).find(([, candidate]) => candidate === program)!;
    const onCompiled = (compiled: number, kernels: number) => {
      try {
        this.#onProgress?.({ program: name, kernels, compiled });
      } catch {
        // Of the caller's own.
      }
    };
    const { slabs } = this.#buffers;
    const bound = await bindProgram(
      plan,
      program,
      this.#device,
      slabs,
      this.#pipelines,
      onCompiled,
    );
    this.#programs.set(program, bound);
  }

  readonly rangeOf = (
    given: GpuBufferRange,
    tensor: PlanTensor,
    use: BufferUse,
    what: string,
  ): DeviceRange => checkedRange(given, tensor, use, what, this.#buffers.slabs);

  write(tensor: PlanTensor, value: Value): void {
    this.#loss.check();
    if (!ArrayBuffer.isView(value)) {
      this.#copiesIn.push({ tensor, range: value });
      return;
    }
    const bytes = bytesOf(value);
    const taken = this.#uploads.take(tensor, bytes);
    if (taken < bytes.length) this.#swapper.write(tensor, taken, bytes.subarray(taken));
  }

  async restore(values: ReadonlyMap<PlanTensor, TensorData>): Promise<void> {
    this.#loss.check();
    await this.#slots.replace(values);
    for (const [tensor, data] of values)
      if (tensor.slab !== null) this.#swapper.write(tensor, 0, bytesOf(data));
    this.#torn.written(values.keys());
  }

  async run(program: PlanProgram, wanted: readonly Wanted[]): Promise<Handed> {
    const copies = this.#copiesIn;
    this.#copiesIn = [];
    return this.#loss.orLost(async () => {
      try {
        return await this.#run(program, copies, wanted);
      } catch (error) {
        this.#uploads.discard();
        throw error;
      }
    });
  }

  async #run(
    program: PlanProgram,
    copies: readonly CopyIn[],
    wanted: readonly Wanted[],
  ): Promise<Handed> {
    this.#loss.check();
    this.#torn.check();
    if (!this.#programs.has(program)) await this.prepare(program);
    this.#timer?.start();
    const swaps = this.#swapper.swapsOf(program);
    if (!swaps && !this.#timer && this.#proven.has(program))
      return this.#runAtOnce(program, copies, wanted);
    await this.#guarded(copies, [], () => this.#copyIn(copies));
    if (this.#uploads.isPending) {
      submitted(this.#device, (encoder) => this.#uploads.encode(encoder, this.#buffers.slabs));
      this.#uploads.sent();
    }
    if (swaps) return this.#runSwapping(program, swaps, wanted);
    const proof = this.#submit(program, 0, program.steps.length);
    await proof;
    this.#proven.add(program);
    if (this.#timer) await this.#time(program);
    const outputs = await this.#deliver(program, wanted);
    return { outputs: Promise.resolve(outputs) };
  }

  async read(tensors: readonly PlanTensor[]): Promise<TensorData[]> {
    const kept = tensors.length > 0 && tensors.every((tensor) => this.#slots.has(tensor));
    if (kept) return Promise.all(tensors.map((tensor) => this.#slots.load(tensor)));
    this.#loss.check();
    return this.#loss.orLost(async () => {
      if (tensors.length === 0) await this.#device.queue.onSubmittedWorkDone();
      const onDevice = tensors.filter(({ slab }) => slab !== null);
      const arrays = await this.#arrays(onDevice.map((tensor) => ({ tensor, into: null })));
      let next = 0;
      return Promise.all(
        tensors.map((tensor) => (tensor.slab === null ? this.#slots.load(tensor) : arrays[next++])),
      );
    });
  }

  destroy(): void {
    this.#destroyed = true;
    this.#swapper.destroy();
    this.#timer?.destroy();
    for (const buffer of allBuffers(this.#buffers)) buffer.destroy();
    this.#slots.close();
  }

  /** One submit: copies in, all steps, copies out. Nothing is waited for but room to read into. */
  async #runAtOnce(
    program: PlanProgram,
    copies: readonly CopyIn[],
    wanted: readonly Wanted[],
  ): Promise<Handed> {
    const { slabs } = this.#buffers;
    const onHost = wanted.filter(isOnHost);
    let fate = null as Promise<void> | null;
    const submit = (encode?: Encode) => {
      const all = () => {
        submitted(this.#device, (encoder) => {
          this.#uploads.encode(encoder, slabs);
          encodeCopiesIn(encoder, copies, slabs);
          dispatch(encoder, this.#programs.get(program)!, 0, program.steps.length);
          encodeCopiesOut(encoder, wanted, slabs);
          encode?.(encoder);
        });
        this.#uploads.sent();
      };
      fate = this.#watch(copies, wanted, all);
    };
    const { arrays } = await this.#readBack.start(
      onHost.filter(({ tensor }) => tensor.slab !== null),
      submit,
    );
    // Whether a buffer is of this device shows at its first use: then the run has not happened. That it was destroyed shows later.
    const isNew = foreignBuffers(copies, wanted).some((buffer) => !this.#known.has(buffer));
    if (isNew) {
      await fate;
      this.#remember(copies, wanted);
    }
    const outputs = this.#loss.orLost(async () => {
      await fate;
      return this.#inOrder(wanted, onHost, await arrays);
    });
    // The next run may replace what the host holds.
    if (onHost.some(({ tensor }) => tensor.slab === null)) await outputs;
    return { outputs };
  }

  async #runSwapping(
    program: PlanProgram,
    swaps: Swaps,
    wanted: readonly Wanted[],
  ): Promise<Handed> {
    try {
      await this.#readBack.idle();
      await this.#swapper.run(swaps, (first, end, encode) =>
        this.#submit(program, first, end, encode),
      );
      this.#proven.add(program);
      if (this.#timer) await this.#time(program);
      const outputs = await this.#deliver(program, wanted, swaps.homes);
      this.#loss.check();
      this.#slots.flip(swaps.homes);
      return { outputs: Promise.resolve(outputs) };
    } catch (error) {
      await this.#loss.settle(error);
      if (this.#destroyed) throw error;
      for (const { tensor, slot } of swaps.restored) {
        // What cannot be read back is torn.
        await this.#swapper.writeFrom(slot, tensor).catch(() => this.#torn.add([tensor]));
      }
      throw error instanceof RuntimeError ? error : swapFailed(error);
    }
  }

  /** Submits steps `first` to `end`, exclusive; until the program is proven it gives what becomes of that. */
  #submit(program: PlanProgram, first: number, end: number, encode?: Encode): Promise<void> | null {
    const dispatches = this.#programs.get(program)!;
    const submit = () => {
      if (this.#timer) return this.#timer.submit(dispatches, first, end, encode);
      submitted(this.#device, (encoder) => {
        dispatch(encoder, dispatches, first, end);
        encode?.(encoder);
      });
    };
    if (!this.#proven.has(program)) return watched(this.#device, submit);
    submit();
    return null;
  }

  async #time({ steps }: PlanProgram): Promise<void> {
    this.tracer!.steps(await this.#timer!.finish(steps.length));
  }

  #copyIn(copies: readonly CopyIn[]): void {
    submitted(this.#device, (encoder) => encodeCopiesIn(encoder, copies, this.#buffers.slabs));
  }

  /** Takes outputs where they are wanted, after the run. Where `written` names a home slot, its new value in a run that has not finished. */
  async #deliver(
    { steps }: PlanProgram,
    wanted: readonly Wanted[],
    written?: ReadonlySet<number>,
  ): Promise<Value[]> {
    await this.#guarded([], wanted, () =>
      submitted(this.#device, (encoder) => encodeCopiesOut(encoder, wanted, this.#buffers.slabs)),
    );
    const onHost = wanted.filter(isOnHost);
    if (onHost.length === 0) return this.#inOrder(wanted, onHost, []);
    const read = () => this.#arrays(onHost.filter(({ tensor }) => tensor.slab !== null));
    const tensors = onHost.map(({ tensor }) => tensor);
    const arrays = await copying(this.tracer, read, 'out', 'interface', tensors, steps.length - 1);
    return this.#inOrder(wanted, onHost, arrays, written);
  }

  /** Outputs as they were wanted. `arrays` has those of tensors on the device; what is on the host is loaded here. */
  async #inOrder(
    wanted: readonly Wanted[],
    onHost: readonly Wanted[],
    arrays: readonly TensorData[],
    written?: ReadonlySet<number>,
  ): Promise<Value[]> {
    const found = new Map<Wanted, TensorData>();
    let next = 0;
    for (const want of onHost) {
      const { tensor, into } = want;
      if (tensor.slab !== null) {
        found.set(want, arrays[next++]);
        continue;
      }
      const loaded = await this.#slots.load(tensor, written);
      if (ArrayBuffer.isView(into)) into.set(loaded);
      found.set(want, ArrayBuffer.isView(into) ? into : loaded);
    }
    return wanted.map(
      (want) => found.get(want) ?? rangeInto(want) ?? ownRange(want.tensor, this.#buffers.slabs),
    );
  }

  /** Copies tensors of the device to the host, and waits for them. */
  async #arrays(wanted: readonly Wanted[]): Promise<TensorData[]> {
    if (wanted.length === 0) return [];
    const submit = (encode?: Encode) => submitted(this.#device, encode!);
    const { arrays } = await this.#readBack.start(wanted, submit);
    return arrays;
  }

  /** Submits copies that use buffers of the caller's, if there are any, and waits for what the device says of them. */
  async #guarded(
    copies: readonly CopyIn[],
    wanted: readonly Wanted[],
    submit: () => void,
  ): Promise<void> {
    const fate = foreignBuffers(copies, wanted).length > 0 && this.#watch(copies, wanted, submit);
    if (!fate) return;
    await fate;
    this.#remember(copies, wanted);
  }

  /** What the device says of buffers of the caller's; null where there are none. Error: `invalid-buffer`. */
  #watch(
    copies: readonly CopyIn[],
    wanted: readonly Wanted[],
    submit: () => void,
  ): Promise<void> | null {
    if (foreignBuffers(copies, wanted).length === 0) {
      submit();
      return null;
    }
    const fate = inErrorScope(this.#device, 'validation', submit).then(({ error }) => {
      if (error) throw bufferRefused(error);
    });
    fate.catch(() => {});
    return fate;
  }

  #remember(copies: readonly CopyIn[], wanted: readonly Wanted[]): void {
    for (const buffer of foreignBuffers(copies, wanted)) this.#known.add(buffer);
  }
}

const isOnHost = ({ into }: Wanted) => into === null || ArrayBuffer.isView(into);

function bufferRefused(error: string): RuntimeError {
  return new RuntimeError(
    'invalid-buffer',
    `the device refuses a GPUBuffer that the run was given, and has not run: ${error.split('\n')[0]}; it must be of the session's device, and neither destroyed nor mapped`,
  );
}

function allBuffers({ slabs, readback, swap, uploads }: Buffers): GPUBuffer[] {
  return [...slabs, ...readback, ...swap, ...uploads];
}

function describe({ adapterInfo }: GPUDevice): string {
  return `${nameOf(adapterInfo) || 'GPU'} (WebGPU)`;
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
