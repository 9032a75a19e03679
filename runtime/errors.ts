import { printable } from '../ir/printable.ts';
import { shortNames } from '../ir/shorten.ts';

/** What went wrong, for programs; the message says it for people. Codes are never renamed. */
export type RuntimeErrorCode =
  /** There is no WebGPU here, or no adapter. */
  | 'no-adapter'
  /** The device offers less than the plan needs. */
  | 'limit-too-small'
  | 'out-of-memory'
  /** The plan takes more memory than the caller allows. Nothing was allocated. */
  | 'memory-limit'
  | 'device-lost'
  /** A value could not be taken to the host or back: the disk is full, a store fails. The run had no effect. */
  | 'swap-failed'
  /** The device or the WebAssembly engine refuses code of the plan. */
  | 'kernel-rejected'
  /** The plan is damaged, inconsistent or of another version or target. */
  | 'invalid-plan'
  /** The WebAssembly module is missing or not the plan's. */
  | 'invalid-module'
  /** A checkpoint or parameter file is damaged or of another model. */
  | 'invalid-checkpoint'
  /** An input or parameter is missing, of the wrong dtype or shape, or an index out of range. */
  | 'invalid-input'
  /** No program, input, output, parameter or target of that name. */
  | 'unknown-name'
  /** The worker of `loadInWorker` did not start, or has ended. */
  | 'worker-lost'
  /** The session was destroyed. */
  | 'destroyed';

/**
 * Every error that the runtime raises on purpose: one sentence of what happened and, where it helps, what to do. Long names in
 * it are shortened, and it may go to a terminal, whatever they are.
 */
export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(printable(shortNames(message)), options);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
