import type { CodeLimits, WasmModule } from '../../ir/plan.ts';
import type { EmittedKernel } from './plan.ts';

/** What code depends on beside its kernels. A plan records all of it, so that its code can be regenerated. */
export interface CodeOptions {
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

/** In hex. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
