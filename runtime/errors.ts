import { printable } from '../ir/printable.ts';
import { shortNames } from '../ir/shorten.ts';

/** What went wrong, for programs; the message says it for people. Codes are never renamed. */
export type RuntimeErrorCode =
  /** There is no WebGPU here, or no adapter. */
  | 'no-adapter'
  /** The device offers less than the plan needs. */
  | 'limit-too-small'
  /** The device lacks an optional feature of WebGPU that the plan needs. */
  | 'feature-missing'
  | 'out-of-memory'
  /** The plan takes more memory than the caller allows. Nothing was allocated. */
  | 'memory-limit'
  | 'device-lost'
  /** A value could not be copied to the host or swapped in: the disk is full, a store fails. The run had no effect. */
  | 'swap-failed'
  /** The device or the WebAssembly engine refuses code of the plan. */
  | 'kernel-rejected'
  /** A kernel ended before its time, and what it was to update may be half written. */
  | 'kernel-failed'
  /** The plan is damaged, inconsistent or of another version or target. */
  | 'invalid-plan'
  /** The WebAssembly module is missing or not the plan's. */
  | 'invalid-module'
  /** A checkpoint or parameter file is damaged or of another model. */
  | 'invalid-checkpoint'
  /** An argument, input or parameter is missing, or is not what it should be; an index is out of range. */
  | 'invalid-input'
  /** A GPUBuffer that a caller gives cannot be used: it is too small, mapped, destroyed, of another device or without a usage that it needs. */
  | 'invalid-buffer'
  /** A GPUBuffer is given or asked for where there is none: on WebAssembly, or in a worker. */
  | 'no-device-memory'
  /** No program, input, output, parameter or target of that name. */
  | 'unknown-name'
  /** A file cannot be read or written; where it was to be replaced, it is what it was. */
  | 'file-failed'
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

  /** `whole`: the message lists names all of which matter. */
  constructor(
    code: RuntimeErrorCode,
    message: string,
    { whole = false, ...options }: ErrorOptions & { readonly whole?: boolean } = {},
  ) {
    super(printable(shortNames(message, ...(whole ? [Number.POSITIVE_INFINITY] : []))), options);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

export function errorText(error: unknown): string {
  try {
    const text = error instanceof Error ? String(error.message) : String(error);
    // Node's codes of the system say what they mean: `ENOSPC: no space left on device, write`.
    return text.replace(/^E[A-Z0-9]{3,}: /, '');
  } catch {
    return 'an error that cannot be shown';
  }
}

/**
 * What `action` gives, which reads what a caller gave for `what`. Getters and proxies may throw there whatever they like: that is an
 * `invalid-input`.
 */
export function reading<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw new RuntimeError('invalid-input', `${what} cannot be read: ${errorText(error)}`, {
      cause: error,
    });
  }
}
