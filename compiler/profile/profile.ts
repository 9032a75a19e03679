import type { Target } from '../../ir/plan.ts';
import type { KernelClass } from './kernel-class.ts';

/** `format` field of every profile file. */
export const PROFILE_FORMAT = 'btc-profile';
export const PROFILE_VERSION = 1;

/**
 * How fast a device is, measured by `btc profile`. Times are in seconds, rates in bytes or operations per second; all are
 * positive but for `overlap`. Published as `profile.schema.json`.
 */
export interface DeviceProfile {
  readonly format: typeof PROFILE_FORMAT;
  readonly version: typeof PROFILE_VERSION;
  /** For people and for the record in a plan: `SwiftShader, 2026-11-24`. */
  readonly name: string;
  readonly target: Target;
  /** What the adapter calls itself; `WebAssembly` on wasm. */
  readonly adapter: string;
  /** The day of the measurement, `2026-11-24`. */
  readonly date: string;
  /** What measured, and what it ran in: `btc-compiler 0.1.0`, `node 22.12.0`. */
  readonly versions: readonly string[];
  /** Plain operations of a kernel's code per second (see `Operations`), by what the kernel mostly does. */
  readonly operationsPerSecond: Readonly<Record<KernelClass, number>>;
  /** Evaluations per second of functions such as exp. */
  readonly functionsPerSecond: number;
  /** Random numbers per second. */
  readonly randomsPerSecond: number;
  /** webgpu: what workgroups add to that; null on wasm. */
  readonly workgroups: WorkgroupRates | null;
  /** Rate at which one kernel reads and writes device memory. */
  readonly memoryBytesPerSecond: number;
  /** Fixed cost of one step of a program. */
  readonly dispatchSeconds: number;
  /** Fixed cost of one run of a program: what is encoded, handed over and waited for once. */
  readonly submitSeconds: number;
  readonly deviceToHostBytesPerSecond: number;
  readonly hostToDeviceBytesPerSecond: number;
  /** Fixed cost of one transfer between host and device. */
  readonly transferSeconds: number;
  readonly fileReadBytesPerSecond: number;
  readonly fileWriteBytesPerSecond: number;
  /** Part of a transfer's time that hides behind computation, 0 to 1. */
  readonly overlap: number;
}

export interface WorkgroupRates {
  /** Invocations that it takes to keep the device busy; a kernel with fewer runs slower in proportion. */
  readonly concurrentInvocations: number;
  /** How often per second an invocation can wait at a barrier, all invocations together. */
  readonly barriersPerSecond: number;
  /** Operations per second of kernels whose invocations work together behind barriers. */
  readonly operationsPerSecond: Readonly<Record<'contraction' | 'reduction', number>>;
}
