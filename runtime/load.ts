import type { Plan, Target } from '../ir/plan.ts';
import type { PlanRead } from '../ir/plan-verify.ts';
import { ownCopy } from './copies.ts';
import { errorText, RuntimeError, reading } from './errors.ts';
import type { Executor } from './executor.ts';
import type { GpuDeviceLike, GpuLike } from './gpu-types.ts';
import { HostSlots } from './host-slots.ts';
import type { HostOptions } from './host-store.ts';
import { checkMemory, type MemoryLimits } from './memory-limits.ts';
import { namedValues, unknownName } from './names.ts';
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
import type { Weights } from './weights/from-weights.ts';
import type { ForeignOptions } from './weights/options.ts';
import type { WeightsReader } from './weights/reader.ts';

/** Whether a session measures what it does. */
export interface TraceOptions {
  /**
   * Times every step and copy, for `session.trace()`. On WebGPU by timestamps, where the device has the feature 'timestamp-query'
   * (a device that `load` asks for has it if the adapter does), else by the completions of its queue. Each step then has a pass
   * of its own, each run waits for the device, and the timestamps take 32 bytes a step of device memory on top of the plan's.
   */
  readonly trace?: boolean;
}

/** Told of each kernel that has been compiled: `program` is made ready, of whose distinct `kernels` so many are `compiled`. */
export interface LoadProgress {
  readonly program: string;
  readonly kernels: number;
  readonly compiled: number;
}

/** When kernels are compiled on WebGPU, which takes a driver from milliseconds to seconds each. */
export interface CompileOptions {
  /**
   * webgpu: the programs that are ready when `load` resolves, or 'all'. By default the only one of a plan; where there are several,
   * each is made ready by its first run, so that none waits for another's kernels.
   */
  readonly programs?: readonly string[] | 'all';
  /** webgpu: told how far the compilation of kernels is, in `load` and in first runs. What it throws is ignored. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** How a plan runs on WebAssembly. */
export interface WasmLoadOptions {
  /**
   * wasm: threads that share the work, the caller's among them; 1 by default. Results are the same to the bit for any number. Where
   * memory cannot be shared (in a page that is not cross-origin isolated) one thread does it all, and `session.description` says
   * how many there are. Each but the first takes working memory beside the plan's, which `session.allocatedBytes` counts. On the
   * main thread of a page the session does not sleep while it waits for the others: prefer `loadInWorker`.
   */
  readonly threads?: number;
  /**
   * wasm: lets contractions use the multiply-add of relaxed SIMD, where the engine has it; `session.description` says so. Off by
   * default: it is faster and rounds once where the processor can, so that results differ from one engine to another.
   */
  readonly relaxedSimd?: boolean;
}

/** Where a plan runs and what its parameters start from. */
export interface LoadOptions
  extends HostOptions,
    MemoryLimits,
    RestoreOptions,
    ForeignOptions,
    TraceOptions,
    CompileOptions,
    WasmLoadOptions {
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
   *
   * Weights from elsewhere, by `layout` and `rename`, are given so too, or by what is read tensor by tensor: what `openSafetensors` gave, a
   * `Blob` or `File`, an address, or in Node a path; the index of a model in several files as well. Further error: `file-failed`.
   */
  readonly parameters?: Weights | Readonly<Record<string, TensorInput>>;
  /** Refuses a plan for another target. */
  readonly target?: Target;
}

/** What one target gives: its executor, and the device that was asked for and goes with the session. */
export interface OpenedTarget {
  readonly executor: Executor;
  readonly ownDevice: GpuDeviceLike | null;
}

/** The module of one target (`btc-compiler/runtime/wasm`, `…/webgpu`), which need not be in a program for the other. */
export interface TargetModule {
  openTarget(plan: Plan, options: LoadOptions): Promise<OpenedTarget>;
}

/** Where each target's module comes from; it is asked for when a plan needs it. */
export type TargetModules = {
  readonly [Name in Target]?: () => TargetModule | Promise<TargetModule>;
};

/** What a program has of the runtime. */
export interface LoadParts {
  readonly targets: TargetModules;
  /** Reads a plan: `readPlan`, where it is not known to have passed that. */
  readonly read: (plan: unknown) => PlanRead;
}

/**
 * Checks a plan, allocates exactly what it says and writes the initial parameters. Errors: `invalid-plan`,
 * `invalid-module`, `invalid-checkpoint`, `invalid-input`, `unknown-name`, `no-adapter`, `limit-too-small`,
 * `memory-limit`, `out-of-memory`, `kernel-rejected`, `swap-failed`.
 */
export async function loadOn(
  { targets, read }: LoadParts,
  plan: Plan,
  options: LoadOptions,
): Promise<Session> {
  // Whatever the caller does with its objects from now on.
  const given = reading('what load is given', () => ownOptions(options));
  const copy = copyOf(plan);
  const own = reading("'target'", () => checkedPlan(copy, given.target, read));
  checkMemory(own, given);
  reading("'programs'", () => readyPrograms(own, given));
  const module = targets[own.target];
  if (!module)
    throw new RuntimeError(
      'invalid-plan',
      `the plan is for target '${own.target}', and this program has the runtime of ${Object.keys(targets).join()} alone; load it from 'btc-compiler/runtime/${own.target}'`,
    );
  const initial = reading('the parameters', () => isForeign(given))
    ? await foreignValues(own, given)
    : reading('the parameters', () => initialValues(own, given));
  const { openTarget } = await module();
  const { executor, ownDevice } = await openTarget(own, given);
  const session = new PlanSession(executor, ownDevice, initial.report);
  try {
    await session.start(initial);
  } catch (error) {
    session.destroy();
    throw error;
  }
  return session;
}

/** The options that a caller gave. Error: `invalid-input`. */
export function optionsOf<Options extends object>(options: Options): Options {
  if (typeof options === 'object' && options !== null) return options;
  throw new RuntimeError(
    'invalid-input',
    `the options of load are an object, but ${kindOf(options)} was given`,
  );
}

function ownOptions(options: LoadOptions): LoadOptions {
  const { module, ...others } = optionsOf(options);
  checkGiven(others.parameters, others);
  const { device, gpu, trace, onProgress, programs } = others;
  if (device !== undefined && !(device?.limits && device.queue && device.lost))
    throw new RuntimeError('invalid-input', `'device' is no GPUDevice, but ${kindOf(device)}`);
  if (gpu !== undefined && typeof gpu?.requestAdapter !== 'function')
    throw new RuntimeError('invalid-input', `'gpu' is no GPU, but ${kindOf(gpu)}`);
  if (trace !== undefined && typeof trace !== 'boolean')
    throw new RuntimeError('invalid-input', `'trace' is true or false, but ${kindOf(trace)}`);
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new RuntimeError(
      'invalid-input',
      `'onProgress' is a function, but ${kindOf(onProgress)} was given`,
    );
  return {
    ...others,
    ...(Array.isArray(programs) ? { programs: [...programs] } : {}),
    ...(module === undefined ? {} : { module: new Uint8Array(ownBytes(module, "'module'")) }),
  };
}

/** Names of the programs that are ready when a plan has been loaded. Errors: `unknown-name`, `invalid-input`. */
export function readyPrograms(
  { name, programs }: Plan,
  { programs: given }: CompileOptions,
): string[] {
  const names = Object.keys(programs);
  if (given === undefined) return names.length === 1 ? names : [];
  if (given === 'all') return names;
  if (!Array.isArray(given))
    throw new RuntimeError(
      'invalid-input',
      `'programs' takes a list of names of programs, or 'all', but ${kindOf(given)} was given`,
    );
  return Array.from(given as readonly string[], (program) => {
    if (names.includes(program)) return program;
    throw unknownName('program', program, `plan '${name}'`, names);
  });
}

function copyOf(plan: unknown): unknown {
  try {
    return structuredClone(plan);
  } catch (error) {
    throw new RuntimeError(
      'invalid-plan',
      `the plan is refused: it is no plain data (${errorText(error)})`,
    );
  }
}

function checkedPlan(copy: unknown, target: Target | undefined, read: LoadParts['read']): Plan {
  const refuse = (reason: string): never => {
    throw new RuntimeError('invalid-plan', `the plan is refused: ${reason}`);
  };
  const given = read(copy);
  if ('problems' in given) return refuse(given.problems[0]);
  const { plan } = given;
  if (target !== undefined && target !== plan.target)
    refuse(
      `it is for target '${plan.target}', not ${typeof target === 'string' ? `'${target}'` : kindOf(target)}`,
    );
  return plan;
}

/** Whether parameters are read by the part of the runtime that knows other systems' files; most programs do without it. */
function isForeign(options: LoadOptions): boolean {
  const { parameters } = options;
  if (saysForeign(options)) return true;
  const opened = (parameters as Partial<WeightsReader> | undefined)?.tensors;
  return kindOf(opened) === 'Map' || !OWN.includes(kindOf(parameters));
}

/** Kinds of `parameters` that need no more than what is here: none, a file in memory, values by name. */
const OWN = ['undefined', 'Uint8Array', 'Object'];

const saysForeign = ({ layout, rename, unused }: ForeignOptions) =>
  [layout, rename, unused].some((option) => option !== undefined);

/** Error: `invalid-input` for options of parameters that are not given. */
export function checkGiven(parameters: unknown, options: ForeignOptions): void {
  if (parameters === undefined && saysForeign(options))
    throw new RuntimeError(
      'invalid-input',
      "'layout', 'rename' and 'unused' are about 'parameters', which are not given",
    );
}

async function foreignValues(
  plan: Plan,
  { parameters, ...options }: LoadOptions,
): Promise<Restoration> {
  const restoring = reading('the options', () => restoreOptions(options));
  const { layout, rename, unused } = options;
  // Bytes are the caller's, who may change them from now on.
  const given = kindOf(parameters) === 'Uint8Array' ? ownCopy(parameters) : parameters;
  const { fromWeights } = await import('./weights/foreign.ts');
  return fromWeights(plan, given as Weights, { ...restoring, layout, rename, unused });
}

function initialValues(plan: Plan, { parameters, ...options }: LoadOptions): Restoration {
  const restoring = restoreOptions(options);
  if (parameters === undefined && restoring.missing !== 'initial') return withoutValues(plan);
  if (parameters === undefined) return fromValues(plan, new Map(), restoring);
  // By name: bytes of another realm (a frame, a worker's context) are as good.
  if (kindOf(parameters) === 'Uint8Array')
    return fromFile(plan, ownBytes(parameters, "'parameters'"), 'parameters', restoring);
  return fromValues(plan, namedValues(plan, parameters), restoring);
}

/** The slots go with the executor, or with the failure to make one. */
export async function withSlots(
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
