import type { Plan, PlanProgram, PlanTensor } from '../ir/plan.ts';
import { checkDevice } from './device.ts';
import { DeviceLoss } from './device-loss.ts';
import { errorText, RuntimeError } from './errors.ts';
import { bytesOf, type Executor, type TensorData } from './executor.ts';
import type { HostSlots } from './host-slots.ts';
import { readTensors } from './readback.ts';
import { Torn } from './torn.ts';
import { copying, type Tracer } from './tracer.ts';
import {
  allocateBuffers,
  type Buffers,
  bindPrograms,
  type Dispatch,
  dispatch,
  inErrorScope,
  submitted,
} from './webgpu-setup.ts';
import { type Swaps, WebGpuSwapper } from './webgpu-swap.ts';
import { type StepTimer, stepTimer } from './webgpu-timers.ts';

/**
 * Allocates the slabs and the staging buffers of a plan on `device`, compiles its kernels in parallel and binds every
 * step. Errors: `limit-too-small`, `out-of-memory`, `kernel-rejected`, `device-lost`. After an error nothing stays allocated.
 */
export async function createWebGpuExecutor(
  plan: Plan,
  device: GPUDevice,
  slots: HostSlots,
  tracer: Tracer | null,
): Promise<Executor> {
  checkDevice(plan, device);
  const buffers = await allocateBuffers(plan, device);
  const loss = new DeviceLoss(device, slots.hasSnapshots);
  try {
    const dispatches = await bindPrograms(plan, device, buffers.slabs);
    loss.check();
    return new WebGpuExecutor(plan, device, slots, buffers, dispatches, loss, tracer);
  } catch (error) {
    for (const buffer of allBuffers(buffers)) buffer.destroy();
    loss.check();
    throw error;
  }
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
  readonly #programs: ReadonlyMap<PlanProgram, readonly Dispatch[]>;
  readonly #swapper: WebGpuSwapper;
  readonly #loss: DeviceLoss;
  readonly #timer: StepTimer | null;
  /** Some errors of validation show only at a dispatch, so the first run of each program is watched. */
  readonly #unproven: Set<PlanProgram>;
  readonly #torn = new Torn();
  #destroyed = false;

  constructor(
    plan: Plan,
    device: GPUDevice,
    slots: HostSlots,
    buffers: Buffers,
    programs: ReadonlyMap<PlanProgram, readonly Dispatch[]>,
    loss: DeviceLoss,
    tracer: Tracer | null,
  ) {
    this.plan = plan;
    this.description = describe(device);
    this.allocatedBytes = allBuffers(buffers).reduce((sum, buffer) => sum + buffer.size, 0);
    this.#device = device;
    this.#slots = slots;
    this.#buffers = buffers;
    this.#programs = programs;
    this.#swapper = new WebGpuSwapper(plan, device, slots, buffers, tracer);
    this.hostBytes = slots.bytes + this.#swapper.hostBytes;
    this.#loss = loss;
    this.tracer = tracer;
    this.#timer = tracer && stepTimer(plan, device, tracer);
    this.#unproven = new Set(programs.keys());
  }

  write(tensor: PlanTensor, data: TensorData): void {
    this.#loss.check();
    this.#swapper.write(tensor, 0, bytesOf(data));
  }

  async restore(values: ReadonlyMap<PlanTensor, TensorData>): Promise<void> {
    this.#loss.check();
    await this.#slots.replace(values);
    for (const [tensor, data] of values)
      if (tensor.slab !== null) this.#swapper.write(tensor, 0, bytesOf(data));
    this.#torn.written(values.keys());
  }

  async run(program: PlanProgram, outputs: readonly PlanTensor[]): Promise<TensorData[]> {
    this.#loss.check();
    this.#torn.check();
    this.#timer?.start();
    const swaps = this.#swapper.swapsOf(program);
    if (swaps) return this.#runSwapping(program, swaps, outputs);
    const proof = this.#submit(program, 0, program.steps.length);
    if (proof) {
      await this.#orLost(() => proof);
      this.#unproven.delete(program);
    }
    if (this.#timer) await this.#time(program);
    return this.#readOutputs(program, outputs);
  }

  async read(tensors: readonly PlanTensor[]): Promise<TensorData[]> {
    const kept = tensors.length > 0 && tensors.every((tensor) => this.#slots.has(tensor));
    if (kept) return Promise.all(tensors.map((tensor) => this.#slots.load(tensor)));
    this.#loss.check();
    return this.#readAll(tensors);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#swapper.destroy();
    this.#timer?.destroy();
    for (const buffer of allBuffers(this.#buffers)) buffer.destroy();
    this.#slots.close();
  }

  async #runSwapping(
    program: PlanProgram,
    swaps: Swaps,
    outputs: readonly PlanTensor[],
  ): Promise<TensorData[]> {
    try {
      await this.#swapper.run(swaps, (first, end, encode) =>
        this.#submit(program, first, end, encode),
      );
      this.#unproven.delete(program);
      if (this.#timer) await this.#time(program);
      const data = await this.#readOutputs(program, outputs, swaps.homes);
      this.#loss.check();
      this.#slots.flip(swaps.homes);
      return data;
    } catch (error) {
      await this.#loss.settle();
      if (this.#destroyed) throw error;
      for (const { tensor, slot } of swaps.restored) {
        // What cannot be read back is torn.
        await this.#swapper.writeFrom(slot, tensor).catch(() => this.#torn.add([tensor]));
      }
      throw error instanceof RuntimeError ? error : swapFailed(error);
    }
  }

  /** Submits steps `first` to `end`, exclusive; until the program is proven it gives what becomes of that. */
  #submit(
    program: PlanProgram,
    first: number,
    end: number,
    encode?: (encoder: GPUCommandEncoder) => void,
  ): Promise<void> | null {
    const dispatches = this.#programs.get(program)!;
    const submit = () => {
      if (this.#timer) return this.#timer.submit(dispatches, first, end, encode);
      submitted(this.#device, (encoder) => {
        dispatch(encoder, dispatches, first, end);
        encode?.(encoder);
      });
    };
    if (this.#unproven.has(program)) return watched(this.#device, submit);
    submit();
    return null;
  }

  async #time({ steps }: PlanProgram): Promise<void> {
    this.tracer!.steps(await this.#orLost(() => this.#timer!.finish(steps.length)));
  }

  async #readOutputs(
    { steps }: PlanProgram,
    outputs: readonly PlanTensor[],
    written?: ReadonlySet<number>,
  ): Promise<TensorData[]> {
    if (outputs.length === 0) return [];
    const read = () => this.#readAll(outputs, written);
    return copying(this.tracer, read, 'out', 'interface', outputs, steps.length - 1);
  }

  /** Tensors of the device and of the host; where `written` names a home slot, its new value in a run that has not finished. */
  async #readAll(
    tensors: readonly PlanTensor[],
    written?: ReadonlySet<number>,
  ): Promise<TensorData[]> {
    const onDevice = tensors.filter(({ slab }) => slab !== null);
    if (onDevice.length === tensors.length) return this.#readDevice(tensors);
    const read = onDevice.length > 0 ? await this.#readDevice(onDevice) : [];
    return Promise.all(
      tensors.map((tensor) =>
        tensor.slab === null ? this.#slots.load(tensor, written) : read[onDevice.indexOf(tensor)],
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
