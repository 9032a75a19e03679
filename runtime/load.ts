import type { Plan, Target } from '../ir/plan.ts';
import { verifyPlan } from '../ir/plan-verify.ts';
import { type Checkpoint, decodeParameters } from './checkpoint.ts';
import { requestDevice } from './device.ts';
import { RuntimeError } from './errors.ts';
import type { Executor } from './executor.ts';
import type { GpuDeviceLike, GpuLike } from './gpu-types.ts';
import { HostSlots } from './host-slots.ts';
import type { HostOptions } from './host-store.ts';
import { namedValues, requireParameters } from './names.ts';
import { PlanSession, type Session } from './session.ts';
import type { TensorInput } from './values.ts';
import { createWasmExecutor } from './wasm.ts';
import { createWebGpuExecutor } from './webgpu.ts';

export interface LoadOptions extends HostOptions {
  /** webgpu: the device to run on; it stays the caller's. Without one `gpu` is asked for a device, which goes with the session. */
  readonly device?: GpuDeviceLike;
  /** webgpu without a device: whose device to ask for, by default the browser's. In Node: `findNodeGpu` of `btc-compiler/node`. */
  readonly gpu?: GpuLike;
  /** wasm: the bytes of the module that belongs to the plan. */
  readonly module?: Uint8Array;
  /**
   * Initial parameters: the compiler's safetensors file, a checkpoint, or values by name. All zero without; otherwise
   * every parameter must be there, and optimiser state that is not starts at zero.
   */
  readonly parameters?: Uint8Array | Readonly<Record<string, TensorInput>>;
  /** Refuses a plan for another target. */
  readonly target?: Target;
}

/**
 * Checks a plan, allocates exactly what it says and writes the initial parameters. Errors: `invalid-plan`,
 * `invalid-module`, `invalid-checkpoint`, `invalid-input`, `unknown-name`, `no-adapter`, `limit-too-small`,
 * `out-of-memory`, `kernel-rejected`, `swap-failed`.
 */
export async function load(plan: Plan, options: LoadOptions = {}): Promise<Session> {
  checkPlan(plan, options.target);
  const initial = initialValues(plan, options.parameters);
  const { executor, ownDevice } = await createExecutor(plan, options);
  const session = new PlanSession(executor, ownDevice);
  try {
    await session.restore(initial);
  } catch (error) {
    session.destroy();
    throw error;
  }
  return session;
}

function checkPlan(plan: Plan, target: Target | undefined): void {
  const refuse = (reason: string): never => {
    throw new RuntimeError('invalid-plan', `the plan is refused: ${reason}`);
  };
  const [problem] = verifyPlan(plan);
  if (problem !== undefined) refuse(problem);
  if (target !== undefined && target !== plan.target)
    refuse(`it is for target '${plan.target}', not '${target}'`);
}

function initialValues(plan: Plan, given: LoadOptions['parameters']): Checkpoint {
  if (given === undefined) return { values: new Map(), counters: null };
  // By name: bytes of another realm (a frame, a worker's context) are as good.
  const kind = Object.prototype.toString.call(given).slice('[object '.length, -1);
  if (kind === 'Uint8Array') return decodeParameters(plan, given as Uint8Array);
  if (kind !== 'Object')
    throw new RuntimeError(
      'invalid-input',
      `'parameters' takes the bytes of a safetensors file (Uint8Array) or an object of values by name, but ${kind} was given`,
    );
  const values = namedValues(plan, given as Readonly<Record<string, TensorInput>>);
  requireParameters(plan, values);
  return { values, counters: null };
}

async function createExecutor(
  plan: Plan,
  options: LoadOptions,
): Promise<{ executor: Executor; ownDevice: GpuDeviceLike | null }> {
  const { device, gpu, module } = options;
  if (plan.target === 'wasm') {
    if (!module)
      throw new RuntimeError(
        'invalid-module',
        `the plan runs in WebAssembly; pass the bytes of '${plan.module?.file}' as 'module'`,
      );
    const executor = await withSlots(plan, options, (slots) =>
      createWasmExecutor(plan, module, slots),
    );
    return { executor, ownDevice: null };
  }
  const onDevice = (given: GPUDevice) =>
    withSlots(plan, options, (slots) => createWebGpuExecutor(plan, given, slots));
  if (device) return { executor: await onDevice(device as GPUDevice), ownDevice: null };
  const ownDevice = await requestDevice(plan, gpu as GPU | undefined);
  try {
    return { executor: await onDevice(ownDevice), ownDevice };
  } catch (error) {
    ownDevice.destroy();
    throw error;
  }
}

/** The slots go with the executor, or with the failure to make one. */
async function withSlots(
  plan: Plan,
  options: HostOptions,
  create: (slots: HostSlots) => Promise<Executor>,
): Promise<Executor> {
  const slots = await HostSlots.open(plan, options);
  try {
    return await create(slots);
  } catch (error) {
    slots.close();
    throw error;
  }
}
