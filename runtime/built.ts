import type { Plan, Target } from '../ir/plan.ts';
import { addressOf, type BuildBase, type BuildFiles, readBuildFile } from './build-files.ts';
import { ownCopy } from './copies.ts';
import { RuntimeError } from './errors.ts';
import { type FoundGpu, findGpu } from './gpu.ts';
import type { GpuDeviceLike } from './gpu-types.ts';
import type { HostOptions } from './host-store.ts';
import { type LoadOptions, loadOn, type TargetModules } from './load.ts';
import { unknownName } from './names.ts';
import type { Session } from './session.ts';

export { ownCopy };

/** What the caller of a generated loader chooses. */
export interface BuiltLoadOptions<Built extends Target = Target> extends HostOptions {
  /** Forces a target; by default WebGPU where there is an adapter, else WebAssembly. */
  readonly target?: Built;
  /** WebGPU: the device to run on; it stays the caller's. */
  readonly device?: GpuDeviceLike;
  /** Parameters other than the initial ones. */
  readonly parameters?: LoadOptions['parameters'];
  /** Told why WebAssembly was chosen over WebGPU; by default a line on the console. */
  readonly onFallback?: (reason: string) => void;
  /** Where the build's files are, if not beside the loader: a CDN, a folder that is served as it is. */
  readonly base?: BuildBase;
}

/** What a generated loader knows of the build beside it. */
export interface BuiltModel {
  /** Name that the build's files start with. */
  readonly name: string;
  readonly files: BuildFiles;
  /** The targets that were built. */
  readonly targets: TargetModules;
  /** Finds the GPU, by default the platform's own. */
  readonly findGpu?: () => Promise<FoundGpu>;
  /** Starts the worker of `loadInWorker`. */
  readonly worker?: () => unknown;
}

/** Loads the plan of a build for the target that the machine has: WebGPU where there is an adapter, else WebAssembly. */
export async function loadBuilt(model: BuiltModel, given: BuiltLoadOptions = {}): Promise<Session> {
  const { target, base, device, onFallback = sayFallback, parameters: own, ...host } = given;
  const { name, targets } = model;
  if (target !== undefined && !Object.hasOwn(targets, target))
    throw unknownName('target', target, `the build of '${name}'`, Object.keys(targets));
  const taken = ownCopy(own);
  const read = async (file: string) =>
    readBuildFile(file, await addressOf(file, model.files, base));
  const parameters = taken ?? (await read(`${name}.safetensors`));
  if (target !== 'wasm' && targets.webgpu) {
    const { gpu, reason } = device ? { gpu: null, reason: '' } : await (model.findGpu ?? findGpu)();
    if (device || gpu) {
      const plan = await readPlan(`${name}.webgpu.plan.json`, read);
      const chosen = device ? { device } : { gpu: gpu! };
      return loadOn(targets, plan, { ...host, ...chosen, parameters });
    }
    refuseFallback(reason!, target, targets);
    onFallback(reason!);
  }
  const plan = await readPlan(`${name}.wasm.plan.json`, read);
  const module = await read(`${name}.wasm`);
  return loadOn(targets, plan, { ...host, module, parameters });
}

export function sayFallback(reason: string): void {
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

async function readPlan(file: string, read: (file: string) => Promise<Uint8Array>): Promise<Plan> {
  const bytes = await read(file);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Plan;
  } catch {
    throw new RuntimeError('invalid-plan', `'${file}' is not JSON; build the model again`);
  }
}
