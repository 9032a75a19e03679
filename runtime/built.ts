import type { Plan, Target } from '../ir/plan.ts';
import { currentPlan } from '../ir/plan-version.ts';
import { addressOf, type BuildBase, type BuildFiles, readBuildFile } from './build-files.ts';
import { ownCopy } from './copies.ts';
import { sha256 } from './digest.ts';
import { RuntimeError, reading } from './errors.ts';
import { type FoundGpu, findGpu } from './gpu.ts';
import type { GpuDeviceLike } from './gpu-types.ts';
import type { HostOptions } from './host-store.ts';
import {
  type CompileOptions,
  checkGiven,
  type LoadOptions,
  type LoadParts,
  loadOn,
  optionsOf,
  type TargetModules,
  type TraceOptions,
  type WasmLoadOptions,
} from './load.ts';
import type { MemoryLimits } from './memory-limits.ts';
import { unknownName } from './names.ts';
import type { RestoreOptions } from './restore.ts';
import type { Session } from './session.ts';
import type { ForeignOptions } from './weights/options.ts';

export { ownCopy };

/** What the caller of a generated loader chooses. */
export interface BuiltLoadOptions<Built extends Target = Target>
  extends HostOptions,
    MemoryLimits,
    TraceOptions,
    CompileOptions,
    WasmLoadOptions,
    ForeignOptions,
    Pick<RestoreOptions, 'missing'> {
  /** Forces a target; by default WebGPU where there is an adapter, else WebAssembly. */
  readonly target?: Built;
  /** WebGPU: the device to run on; it stays the caller's. */
  readonly device?: GpuDeviceLike;
  /** Parameters other than the initial ones. */
  readonly parameters?: LoadOptions['parameters'];
  /** Told why WebAssembly was chosen over WebGPU; by default a line on the console, once. */
  readonly onFallback?: (reason: string) => void;
  /** Where the build's files are, if not beside the loader: a CDN, a folder that is served as it is. */
  readonly base?: BuildBase;
}

/** What a generated loader knows of the build beside it. */
export interface BuiltModel {
  /** Name that the build's files start with. */
  readonly name: string;
  readonly files: BuildFiles;
  /** SHA-256 of each plan as `JSON.stringify` writes it, by target, in hex: it passed `verifyPlan` when it was built. */
  readonly digests: { readonly [Name in Target]?: string };
  /** The targets that were built. */
  readonly targets: TargetModules;
  /** Finds the GPU, by default the platform's own. */
  readonly findGpu?: () => Promise<FoundGpu>;
  /** Starts the worker of `loadInWorker`. */
  readonly worker?: () => unknown;
}

/** Loads the plan of a build for the target that the machine has: WebGPU where there is an adapter, else WebAssembly. */
export async function loadBuilt(model: BuiltModel, given: BuiltLoadOptions = {}): Promise<Session> {
  const { target, base, device, onFallback, taken, host } = reading('what load is given', () => {
    const { target, base, device, onFallback = tellOnce, parameters, ...host } = optionsOf(given);
    checkGiven(parameters, host);
    return { target, base, device, onFallback, taken: ownCopy(parameters), host };
  });
  const { name, targets } = model;
  if (target !== undefined && !Object.keys(targets).includes(target))
    throw unknownName('target', target, `the build of '${name}'`, Object.keys(targets));
  const parts: LoadParts = { targets, read: (plan) => ({ plan: plan as Plan }) };
  const read = async (file: string) =>
    readBuildFile(file, await addressOf(file, model.files, base));
  const initial =
    taken === undefined || host.missing === 'initial' ? await read(`${name}.safetensors`) : null;
  const values = { parameters: taken ?? initial!, ...(taken && initial ? { initial } : {}) };
  if (target !== 'wasm' && targets.webgpu) {
    const { gpu, reason } = device ? { gpu: null, reason: '' } : await (model.findGpu ?? findGpu)();
    if (device || gpu) {
      const plan = await readPlan(model, 'webgpu', read);
      const chosen = device ? { device } : { gpu: gpu! };
      return loadOn(parts, plan, { ...host, ...chosen, ...values });
    }
    refuseFallback(reason!, target, targets);
    onFallback(reason!);
  }
  const plan = await readPlan(model, 'wasm', read);
  const module = await read(`${name}.wasm`);
  return loadOn(parts, plan, { ...host, module, ...values });
}

/** Reasons that the console has. */
const told = new Set<string>();

export function tellOnce(reason: string): void {
  if (told.has(reason)) return;
  told.add(reason);
  console.info(`btc: running in WebAssembly, because ${reason}`);
}

/** Error: `no-adapter`, where WebAssembly was not built or not wanted. */
function refuseFallback(reason: string, target: Target | undefined, targets: TargetModules): void {
  const refuse = (advice: string) => {
    throw new RuntimeError('no-adapter', `${reason}; ${advice}`);
  };
  if (target === 'webgpu') refuse("load with target 'wasm', or without a target");
  if (!targets.wasm) refuse('build the model with --target webgpu,wasm to run it without one');
}

/** The plan that was built, to the letter: that one is known to be sound. Error: `invalid-plan`. */
async function readPlan(
  { name, digests }: BuiltModel,
  target: Target,
  read: (file: string) => Promise<Uint8Array>,
): Promise<Plan> {
  const file = `${name}.${target}.plan.json`;
  const bytes = await read(file);
  const refuse = (reason: string): never => {
    throw new RuntimeError('invalid-plan', `'${file}' ${reason}; build the model again`);
  };
  let written: unknown;
  try {
    written = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return refuse('is not JSON');
  }
  const current = currentPlan(written);
  if ('problem' in current)
    throw new RuntimeError('invalid-plan', `'${file}' is refused: ${current.problem}`);
  // Not of the bytes: line ends may be another system's, and some tools format JSON.
  const digest = await sha256(new TextEncoder().encode(JSON.stringify(written)));
  if (digest !== null && digest !== digests[target])
    refuse('is not of the build that its loader is of, or was changed since');
  return current.plan as Plan;
}
