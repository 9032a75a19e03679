import type { Plan, Target } from '../ir/plan.ts';
import { errorText, RuntimeError, type RuntimeErrorCode } from './errors.ts';
import type { GpuDeviceLike, GpuLike } from './gpu-types.ts';
import type { HostOptions } from './host-store.ts';
import { type LoadOptions, load } from './load.ts';
import { unknownName } from './names.ts';
import { isNode, nodeModule } from './platform.ts';
import type { Session } from './session.ts';

/** What the caller of a generated loader chooses. */
export interface BuiltLoadOptions<Built extends Target = Target> extends HostOptions {
  /** Forces a target; by default WebGPU where there is an adapter, else WebAssembly. */
  readonly target?: Built;
  /** WebGPU: the device to run on; it stays the caller's. */
  readonly device?: GpuDeviceLike;
  /** Parameters other than the initial ones. */
  readonly parameters?: LoadOptions['parameters'];
  /** Told why WebAssembly was chosen over WebGPU; by default a line on the console, once. */
  readonly onFallback?: (reason: string) => void;
}

/** What a generated loader knows of the build beside it, and what its caller chose. */
export interface BuiltModel extends BuiltLoadOptions {
  /** Folder of the build: a `URL`. */
  readonly base: { readonly href: string };
  /** Name that the build's files start with. */
  readonly name: string;
  readonly targets: readonly Target[];
  /** Node: a module with `findNodeGpu`, imported only where the platform has no GPU of its own. */
  readonly nodeGpu?: () => Promise<{ findNodeGpu(): Promise<FoundGpu> }>;
}

interface FoundGpu {
  readonly gpu: GpuLike | null;
  /** Why there is none. */
  readonly reason: string | null;
}

/** Loads the plan of a build for the target that the machine has: WebGPU where there is an adapter, else WebAssembly. */
export async function loadBuilt(built: BuiltModel): Promise<Session> {
  if (built.target !== undefined && !built.targets.includes(built.target))
    throw unknownName('target', built.target, `the build of '${built.name}'`, built.targets);
  const { spillDirectory, openStore, snapshots } = built;
  const host: HostOptions = { spillDirectory, openStore, snapshots };
  const parameters =
    built.parameters ?? (await readBytes(built, `${built.name}.safetensors`, 'invalid-checkpoint'));
  if (built.target !== 'wasm' && built.targets.includes('webgpu')) {
    const plan = await readPlan(built, 'webgpu');
    if (built.device) return load(plan, { ...host, device: built.device, parameters });
    const { gpu, reason } = await findGpu(built);
    if (gpu) return load(plan, { ...host, gpu, parameters });
    if (built.target === 'webgpu')
      throw new RuntimeError(
        'no-adapter',
        `${reason}; load with target 'wasm', or without a target`,
      );
    if (!built.targets.includes('wasm'))
      throw new RuntimeError(
        'no-adapter',
        `${reason}; build the model with --target webgpu,wasm to run it without one`,
      );
    (built.onFallback ?? tellOnce)(reason!);
  }
  const plan = await readPlan(built, 'wasm');
  const file = plan.module?.file ?? `${built.name}.wasm`;
  const module = await readBytes(built, file, 'invalid-module');
  return load(plan, { ...host, module, parameters });
}

/** Reasons that the console has. */
const told = new Set<string>();

function tellOnce(reason: string): void {
  if (told.has(reason)) return;
  told.add(reason);
  console.info(`btc: running in WebAssembly, because ${reason}`);
}

async function findGpu({ nodeGpu }: BuiltModel): Promise<FoundGpu> {
  const own = typeof navigator === 'undefined' ? undefined : navigator.gpu;
  if (own) {
    if (await own.requestAdapter()) return { gpu: own, reason: null };
    return { gpu: null, reason: 'this browser offers no WebGPU adapter' };
  }
  if (isNode() && nodeGpu) return (await nodeGpu()).findNodeGpu();
  return { gpu: null, reason: 'there is no WebGPU here' };
}

async function readPlan(built: BuiltModel, target: Target): Promise<Plan> {
  const file = `${built.name}.${target}.plan.json`;
  const bytes = await readBytes(built, file, 'invalid-plan');
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Plan;
  } catch {
    throw new RuntimeError('invalid-plan', `'${file}' is not JSON; build the model again`);
  }
}

/** A file of the build. `code` is the error's where it cannot be had. */
async function readBytes(
  { base }: BuiltModel,
  file: string,
  code: RuntimeErrorCode,
): Promise<Uint8Array> {
  const url = new URL(encodeURIComponent(file), base.href);
  try {
    return await (url.protocol === 'file:' && isNode() ? readFromDisk(url) : download(url));
  } catch (error) {
    const path = decodeURIComponent(url.pathname);
    const missing = (error as { code?: unknown }).code === 'ENOENT';
    throw new RuntimeError(
      code,
      `'${path}' ${missing ? 'is missing' : `cannot be read (${errorText(error)})`}; build the model again`,
      { cause: error },
    );
  }
}

async function readFromDisk(url: URL): Promise<Uint8Array> {
  const { readFile } = await nodeModule<typeof import('node:fs/promises')>('fs/promises');
  return readFile(url);
}

async function download(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  return new Uint8Array(await response.arrayBuffer());
}
