import type { GpuLike } from './gpu-types.ts';
import { isNode } from './platform.ts';

/** What looking for WebGPU has found. */
export interface FoundGpu {
  readonly gpu: GpuLike | null;
  /** Why there is none. */
  readonly reason: string | null;
}

/** The platform's own WebGPU, if it has an adapter. `btc-compiler/runtime/gpu` is more than this in Node. */
export async function findGpu(): Promise<FoundGpu> {
  const own = ownGpu();
  if (own) {
    if (await own.requestAdapter()) return { gpu: own, reason: null };
    return { gpu: null, reason: 'this browser offers no WebGPU adapter' };
  }
  return {
    gpu: null,
    reason: isNode()
      ? "the program is bundled without Node's GPU (export condition 'node'); pass a device"
      : 'there is no WebGPU here',
  };
}

/** `navigator.gpu`, which Deno has too. */
export function ownGpu(): GpuLike | undefined {
  return (globalThis as { navigator?: { gpu?: GpuLike } }).navigator?.gpu;
}
