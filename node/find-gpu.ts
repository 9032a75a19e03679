// btc-compiler/runtime/gpu in Node; browsers get runtime/gpu.ts under that name.
import type { Gpu } from 'btc-compiler/runtime';
import { findNodeGpu, type NodeGpu } from './gpu.ts';

/** The GPU that the platform has by itself (Deno), else that of the `webgpu` package. */
export async function findGpu(): Promise<NodeGpu> {
  const own = (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;
  if (await own?.requestAdapter()) return { gpu: own!, reason: null };
  return findNodeGpu();
}
