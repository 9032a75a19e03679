import type { Kernel } from '../../../ir/kernel.ts';
import { assembleWat } from './assembler/index.ts';
import { type KernelFunction, kernelText } from './kernel-text.ts';
import { libraryFor } from './library.ts';

/** What the kernels of a schedule become on the wasm target. */
export interface WasmCode {
  readonly module: Uint8Array<ArrayBuffer>;
  /** One per kernel: the function that takes a byte address per buffer, and behind these the parts wanted where it has parts. */
  readonly exports: string[];
  /** One per kernel: parts that a run may be cut into. */
  readonly parts: number[];
}

/** The kernels as one module in WebAssembly text; it imports a memory of exactly `pages` pages of 64 KiB. */
export function wasmText(kernels: readonly Kernel[], pages: number): string {
  return moduleText(functionsOf(kernels), pages);
}

const functionsOf = (kernels: readonly Kernel[]) =>
  kernels.map((kernel, i) => kernelText(kernel, exportName(i)));

function moduleText(functions: readonly KernelFunction[], pages: number): string {
  const text = functions.map((one) => one.text).join('\n');
  return `(module\n(import "env" "memory" (memory ${pages} ${pages}))\n${libraryFor(text)}\n${text})`;
}

const exportName = (index: number) => `k${index}`;

/**
 * Assembles the kernels into one WebAssembly module (with 128-bit SIMD). The module imports `env.memory` and exports one
 * function per kernel; kernels touch nothing but their buffers.
 *
 * @throws Error only for a defect of the code generator
 */
export function emitWasm(kernels: readonly Kernel[], pages: number): WasmCode {
  const functions = functionsOf(kernels);
  const module = assembleWat(moduleText(functions, pages));
  if (!WebAssembly.validate(module))
    throw new Error('internal error: the module of the kernels is not valid');
  return {
    module,
    exports: kernels.map((_, i) => exportName(i)),
    parts: functions.map(({ parts }) => parts),
  };
}
