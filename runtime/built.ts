import type { Plan, Target } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';
import { type LoadOptions, load } from './load.ts';
import type { Session } from './session.ts';

/** What a generated loader knows of the build beside it, and what its caller chose. */
export interface BuiltModel {
  /** Folder of the build. */
  readonly base: URL;
  /** Name that the build's files start with. */
  readonly name: string;
  readonly targets: readonly Target[];
  /** Node: a module with `findNodeGpu`, imported only where the platform has no GPU of its own. */
  readonly nodeGpu?: () => Promise<{ findNodeGpu(): Promise<FoundGpu> }>;
  readonly target?: Target;
  readonly device?: GPUDevice;
  readonly parameters?: LoadOptions['parameters'];
  /** Told why WebAssembly was chosen over WebGPU; by default a line on the console. */
  readonly onFallback?: (reason: string) => void;
}

interface FoundGpu {
  readonly gpu: GPU | null;
  /** Why there is none. */
  readonly reason: string | null;
}

/** Loads the plan of a build for the target that the machine has: WebGPU where there is an adapter, else WebAssembly. */
export async function loadBuilt(built: BuiltModel): Promise<Session> {
  const parameters =
    built.parameters ?? (await readBytes(new URL(`${built.name}.safetensors`, built.base)));
  if (built.target !== 'wasm' && built.targets.includes('webgpu')) {
    const plan = await readPlan(built, 'webgpu');
    if (built.device) return load(plan, { device: built.device, parameters });
    const { gpu, reason } = await findGpu(built);
    if (gpu) return load(plan, { gpu, parameters });
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
    const notify =
      built.onFallback ?? ((why) => console.info(`btc: running in WebAssembly, because ${why}`));
    notify(reason!);
  }
  const plan = await readPlan(built, 'wasm');
  const module = await readBytes(new URL(plan.module?.file ?? `${built.name}.wasm`, built.base));
  return load(plan, { module, parameters });
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

async function readPlan({ base, name }: BuiltModel, target: Target): Promise<Plan> {
  const bytes = await readBytes(new URL(`${name}.${target}.plan.json`, base));
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Plan;
  } catch {
    throw new RuntimeError(
      'invalid-plan',
      `${name}.${target}.plan.json is not JSON; build the model again`,
    );
  }
}

function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}

async function readBytes(url: URL): Promise<Uint8Array> {
  if (url.protocol === 'file:' && isNode()) {
    // Not a static import: browsers and their bundlers must not see it.
    const name = 'node:fs/promises';
    const { readFile } = (await import(
      /* @vite-ignore */ name
    )) as typeof import('node:fs/promises');
    return readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok)
    throw new RuntimeError(
      'invalid-plan',
      `${url.pathname} cannot be fetched: ${response.status} ${response.statusText}`,
    );
  return new Uint8Array(await response.arrayBuffer());
}
