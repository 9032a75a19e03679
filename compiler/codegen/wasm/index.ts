import type { Kernel } from '../../../ir/kernel.ts';
import { kernelText } from './kernel-text.ts';
import { libraryFor } from './library.ts';

/** What the kernels of a schedule become on the wasm target. */
export interface WasmCode {
  readonly module: Uint8Array;
  /** One per kernel: the function that takes a byte address per buffer. */
  readonly exports: string[];
}

/** The kernels as one module in WebAssembly text; it imports a memory of exactly `pages` pages of 64 KiB. */
export function wasmText(kernels: readonly Kernel[], pages: number): string {
  const functions = kernels.map((kernel, i) => kernelText(kernel, exportName(i)));
  const text = functions.join('\n');
  return `(module\n(import "env" "memory" (memory ${pages} ${pages}))\n${libraryFor(text)}\n${text})`;
}

const FEATURES = { simd: true, sat_float_to_int: true };

const exportName = (index: number) => `k${index}`;

/**
 * Assembles the kernels into one WebAssembly module (with 128-bit SIMD). The module imports `env.memory` and exports one
 * function per kernel; kernels touch nothing but their buffers.
 */
export async function emitWasm(kernels: readonly Kernel[], pages: number): Promise<WasmCode> {
  // The assembler is loaded only when there is something to assemble.
  const { default: createAssembler } = await import('wabt');
  const assembler = await createAssembler();
  const module = assembler.parseWat('kernels.wat', wasmText(kernels, pages), FEATURES);
  try {
    module.validate();
    const { buffer } = module.toBinary({});
    return { module: new Uint8Array(buffer), exports: kernels.map((_, i) => exportName(i)) };
  } finally {
    module.destroy();
  }
}
