/** A GPU for this process, or null and a sentence that says why there is none. */
export type NodeGpu =
  | { readonly gpu: GPU; readonly reason: null }
  | { readonly gpu: null; readonly reason: string };

// One instance for the life of the process: devices must not outlive the instance that they came from.
let opened: Promise<NodeGpu> | null = null;

/**
 * Opens WebGPU in Node through the `webgpu` package (Dawn). Never throws: a native module that does not load on this
 * machine and a machine without an adapter both give a reason.
 */
export function findNodeGpu(): Promise<NodeGpu> {
  opened ??= open();
  return opened;
}

/** The GPU of {@link findNodeGpu} alone. */
export async function openNodeGpu(): Promise<GPU | null> {
  return (await findNodeGpu()).gpu;
}

async function open(): Promise<NodeGpu> {
  try {
    const { create } = await import('webgpu');
    const gpu = create([]);
    if (await gpu.requestAdapter()) return { gpu, reason: null };
    return { gpu: null, reason: 'no WebGPU adapter was found on this machine' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { gpu: null, reason: `the 'webgpu' package does not load here: ${reason}` };
  }
}
