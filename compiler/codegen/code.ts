import type { Kernel } from '../../ir/kernel.ts';
import type { CodeLimits, Target, WasmModule } from '../../ir/plan.ts';
import { SLAB_ALIGNMENT } from '../../ir/plan-alignment.ts';
import { WEBGPU_DEFAULT_LIMITS } from '../../ir/schedule.ts';
import { emitWgsl } from './gpu/index.ts';
import { codeLimits, type EmittedKernel } from './plan.ts';

/** What code depends on beside its kernels. A plan records all of it, so that its code can be generated again. */
export interface CodeOptions {
  readonly target: Target;
  /** webgpu. */
  readonly limits: CodeLimits;
  /** wasm: the size of the memory. */
  readonly slabBytes: number;
}

/** The code of kernels; on wasm one module, and what a plan says of it. */
export interface GeneratedCode {
  /** One per kernel. */
  readonly emitted: readonly EmittedKernel[];
  readonly binary: Uint8Array | null;
  readonly module: Omit<WasmModule, 'file'> | null;
  /** All of it, for a person. */
  readonly text: () => string;
}

export async function generateCode(
  kernels: readonly Kernel[],
  { target, limits, slabBytes }: CodeOptions,
): Promise<GeneratedCode> {
  if (target === 'webgpu') {
    const within = { ...WEBGPU_DEFAULT_LIMITS, ...codeLimits(limits) };
    const emitted = kernels.map((kernel) => emitWgsl(kernel, within));
    const text = () =>
      emitted.map(({ wgsl }, k) => `// kernel ${k}: ${kernels[k].name}\n${wgsl}\n`).join('\n');
    return { emitted, binary: null, module: null, text };
  }
  const pages = slabBytes / SLAB_ALIGNMENT.wasm;
  // The assembler is large: only builds for wasm load it.
  const { emitWasm, wasmText } = await import('./wasm/index.ts');
  const { module: binary, exports } = await emitWasm(kernels, pages);
  return {
    emitted: exports.map((name) => ({ export: name, grid: [1, 1, 1] })),
    binary,
    module: { bytes: binary.length, sha256: await sha256(binary), pages },
    text: () => `${wasmText(kernels, pages)}\n`,
  };
}

/** In hex. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
