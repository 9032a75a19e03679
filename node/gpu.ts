import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Gpu } from 'btc-compiler/runtime';

/** A GPU for this process, or null and a sentence that says why there is none. */
export type NodeGpu =
  | { readonly gpu: Gpu; readonly reason: null }
  | { readonly gpu: null; readonly reason: string };

// One instance for the life of the process: devices must not outlive the instance that they came from.
let opened: Promise<NodeGpu> | null = null;

/**
 * Opens WebGPU in Node through the `webgpu` package (Dawn), an optional peer: the user installs it where there is a GPU.
 * Never throws: a package that is missing, a native module that does not load on this machine and a machine without an
 * adapter all give a reason.
 */
export function findNodeGpu(): Promise<NodeGpu> {
  opened ??= open();
  return opened;
}

async function open(): Promise<NodeGpu> {
  // Dawn would find nothing either, but says so on the terminal in its own words.
  if (process.platform === 'linux' && !hasVulkanLoader()) {
    return { gpu: null, reason: 'this machine has no Vulkan loader (libvulkan.so.1)' };
  }
  try {
    const dawn = await importDawn();
    if (!dawn)
      return { gpu: null, reason: "the package 'webgpu' is not installed (npm install webgpu)" };
    const { create } = dawn;
    const gpu = create([...EXACT_TIMESTAMPS, ...wantedFeatures()]);
    if (await gpu.requestAdapter()) return { gpu, reason: null };
    return { gpu: null, reason: 'no WebGPU adapter was found on this machine' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { gpu: null, reason: `the 'webgpu' package does not load here: ${reason}` };
  }
}

/** Dawn rounds timestamps, for pages that should not measure one another. Here there is no page. */
const EXACT_TIMESTAMPS = ['disable-dawn-features=timestamp_quantization'];

/** Features of Dawn's own that BTC_DAWN_FEATURES names: `allow_unsafe_apis` offers experimental features of adapters. */
function wantedFeatures(): string[] {
  const { BTC_DAWN_FEATURES } = process.env;
  return BTC_DAWN_FEATURES ? [`enable-dawn-features=${BTC_DAWN_FEATURES}`] : [];
}

type Dawn = typeof import('webgpu');

/** The package beside this one, else the working folder's own (this one may run from npx' cache); null: neither is there. */
async function importDawn(): Promise<Dawn | null> {
  try {
    return await import('webgpu');
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const path = createRequire(join(process.cwd(), 'noop.js')).resolve('webgpu');
    return (await import(pathToFileURL(path).href)) as Dawn;
  } catch (error) {
    if (!isMissing(error)) throw error;
    return null;
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}

/** Folders that the dynamic linker searches on common distributions, first those of the environment. */
function hasVulkanLoader(): boolean {
  const given = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  const roots = ['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib', '/usr/local/lib64'];
  const multiarch = roots.flatMap((root) =>
    list(root)
      .filter((name) => name.endsWith('-linux-gnu'))
      .map((name) => `${root}/${name}`),
  );
  const configured = list('/run/opengl-driver').map((name) => `/run/opengl-driver/${name}`);
  return [...given, ...roots, ...multiarch, ...configured].some((folder) =>
    list(folder).includes('libvulkan.so.1'),
  );
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
