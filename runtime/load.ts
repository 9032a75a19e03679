import type { Plan, Target } from '../ir/plan.ts';
import { verifyPlan } from '../ir/plan-verify.ts';
import { requestDevice } from './device.ts';
import { errorText, RuntimeError, reading } from './errors.ts';
import type { Executor } from './executor.ts';
import type { GpuDeviceLike, GpuLike } from './gpu-types.ts';
import { HostSlots } from './host-slots.ts';
import type { HostOptions } from './host-store.ts';
import { namedValues } from './names.ts';
import {
  fromFile,
  fromValues,
  type Restoration,
  type RestoreOptions,
  restoreOptions,
  withoutValues,
} from './restore.ts';
import { PlanSession, type Session } from './session.ts';
import { kindOf, ownBytes, type TensorInput } from './values.ts';
import { createWasmExecutor } from './wasm.ts';
import { createWebGpuExecutor } from './webgpu.ts';

export interface LoadOptions extends HostOptions, RestoreOptions {
  /** webgpu: the device to run on; it stays the caller's. Without one `gpu` is asked for a device, which goes with the session. */
  readonly device?: GpuDeviceLike;
  /** webgpu without a device: whose device to ask for, by default the browser's. In Node: `findNodeGpu` of `btc-compiler/node`. */
  readonly gpu?: GpuLike;
  /** wasm: the bytes of the module that belongs to the plan. */
  readonly module?: Uint8Array;
  /**
   * Parameters and states: the compiler's safetensors file, what `saveParameters` or `saveCheckpoint` gave, or values by name. All
   * must be there (but see `missing`); optimiser state that is not starts at zero. Without, they have those initial values that
   * the plan holds (constant ones), and all others are zero. `session.restored` says what came from where.
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
  // Whatever the caller does with its objects from now on.
  const given = reading('what load is given', () => ownOptions(options));
  const own = ownPlan(plan);
  reading("'target'", () => checkPlan(own, given.target));
  const initial = reading('the parameters', () => initialValues(own, given));
  const { executor, ownDevice } = await createExecutor(own, given);
  const session = new PlanSession(executor, ownDevice, initial.report);
  try {
    await session.start(initial);
  } catch (error) {
    session.destroy();
    throw error;
  }
  return session;
}

function ownOptions(options: LoadOptions): LoadOptions {
  if (typeof options !== 'object' || options === null)
    throw new RuntimeError(
      'invalid-input',
      `the options of load are an object, but ${kindOf(options)} was given`,
    );
  const { module, ...others } = options;
  const { device, gpu } = others;
  if (device !== undefined && !(device?.limits && device.queue && device.lost))
    throw new RuntimeError('invalid-input', `'device' is no GPUDevice, but ${kindOf(device)}`);
  if (gpu !== undefined && typeof gpu?.requestAdapter !== 'function')
    throw new RuntimeError('invalid-input', `'gpu' is no GPU, but ${kindOf(gpu)}`);
  return {
    ...others,
    ...(module === undefined ? {} : { module: new Uint8Array(ownBytes(module, "'module'")) }),
  };
}

function ownPlan(plan: Plan): Plan {
  try {
    return structuredClone(plan);
  } catch (error) {
    throw new RuntimeError(
      'invalid-plan',
      `the plan is refused: it is no plain data (${errorText(error)})`,
    );
  }
}

function checkPlan(plan: Plan, target: Target | undefined): void {
  const refuse = (reason: string): never => {
    throw new RuntimeError('invalid-plan', `the plan is refused: ${reason}`);
  };
  const [problem] = verifyPlan(plan);
  if (problem !== undefined) refuse(problem);
  if (target !== undefined && target !== plan.target)
    refuse(
      `it is for target '${plan.target}', not ${typeof target === 'string' ? `'${target}'` : kindOf(target)}`,
    );
}

function initialValues(plan: Plan, { parameters, ...options }: LoadOptions): Restoration {
  const restoring = restoreOptions(options);
  if (parameters === undefined && restoring.missing !== 'initial') return withoutValues(plan);
  if (parameters === undefined) return fromValues(plan, new Map(), restoring);
  // By name: bytes of another realm (a frame, a worker's context) are as good.
  if (kindOf(parameters) === 'Uint8Array')
    return fromFile(plan, ownBytes(parameters, "'parameters'"), 'parameters', restoring);
  if (kindOf(parameters) !== 'Object')
    throw new RuntimeError(
      'invalid-input',
      `'parameters' takes the bytes of a safetensors file (Uint8Array) or an object of values by name, but ${kindOf(parameters)} was given`,
    );
  return fromValues(plan, namedValues(plan, parameters), restoring);
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
