import type { Plan } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';
import type { LoadOptions } from './load.ts';
import { kindOf } from './values.ts';
import { scratchPlaces } from './wasm-addresses.ts';

const MOST_THREADS = 64;

/** How a plan is run. */
export interface WasmOptions {
  /** At most so many threads; as many where memory can be shared. */
  readonly threads: number;
  /** Whether multiply-adds may be rounded once, where the engine can. */
  readonly relaxedSimd: boolean;
}

/** Bytes of working memory that each thread but the first needs beside the plan's memory. */
export function threadBytes({ kernels }: Plan): number {
  return Math.max(0, ...kernels.map((kernel) => scratchPlaces(kernel).bytes));
}

/** Those of the options that are for WebAssembly. Errors: `invalid-input`, `memory-limit`. */
export function wasmOptions(plan: Plan, given: LoadOptions): WasmOptions {
  const { threads = 1, relaxedSimd = false, maxDeviceBytes = Number.POSITIVE_INFINITY } = given;
  if (typeof relaxedSimd !== 'boolean')
    throw new RuntimeError(
      'invalid-input',
      `'relaxedSimd' is true or false, but ${kindOf(relaxedSimd)}`,
    );
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS))
    throw new RuntimeError(
      'invalid-input',
      `'threads' is ${typeof threads === 'number' ? threads : kindOf(threads)}; it must be a whole number from 1 to ${MOST_THREADS}`,
    );
  const bytes = plan.memory.deviceBytes + (threads - 1) * threadBytes(plan);
  if (bytes > maxDeviceBytes)
    throw new RuntimeError(
      'memory-limit',
      `plan '${plan.name}' takes ${bytes} bytes with ${threads} threads, but maxDeviceBytes allows ${maxDeviceBytes}; allow more, or fewer threads`,
    );
  return { threads, relaxedSimd };
}
