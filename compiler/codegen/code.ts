import type { Kernel } from '../../ir/kernel.ts';
import type { CodeLimits, WasmModule } from '../../ir/plan.ts';
import type { EmittedKernel } from './plan.ts';
import { sha256Text } from './sha256.ts';
import type { KernelForm, KernelWork } from './work.ts';

/** What the choice between ways to make a kernel's code goes by. */
export interface CodeModel {
  /** Seconds that the device takes for a kernel whose code does this work. */
  readonly seconds: (kernel: Kernel, work: KernelWork) => number;
  /** Whether that is what its memory traffic takes, whatever the code does. */
  readonly isMoving?: (kernel: Kernel, work: KernelWork) => boolean;
  /** The way that was measured to be the fastest on the device, as text; null where none was. */
  readonly measured?: (kernel: Kernel) => string | null;
  /** Takes variants of this form alone, where a kernel has any. */
  readonly form?: KernelForm;
}

/** What code depends on beside its kernels. A plan records all of it, so that its code can be regenerated. */
export interface CodeOptions {
  /** webgpu. */
  readonly limits: CodeLimits;
  /** wasm: the size of the memory. */
  readonly slabBytes: number;
  /** webgpu: how to choose between variants of kernels, or those of a plan, one per kernel. */
  readonly variants: CodeModel | readonly string[];
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
  // Frames without an origin, and pages that were not served securely, have none.
  if (!globalThis.crypto?.subtle) return sha256Text(bytes);
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
