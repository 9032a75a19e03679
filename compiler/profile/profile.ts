import { type Infer, list, named, nullable, number, object, oneOf, text } from '../../ir/form.ts';
import { NAME, TARGET } from '../../ir/plan-fields/scalars.ts';
import { DEVICE_LIMITS, type DeviceLimits } from './device-limits.ts';
import {
  RATES_BY_FORM,
  RATES_BY_SIZE,
  type RatesByForm,
  type RatesBySize,
} from './kernel-rates.ts';
import { BYTE_RATE, OPERATION_RATE, PROFILE_SECONDS } from './ranges.ts';

/** `format` field of every profile file. */
export const PROFILE_FORMAT = 'btc-profile';
/** Version of the profiles that are written. Files of version 1, which have no rates by form and size, are read as well. */
export const PROFILE_VERSION = 2;

const NAME_TEXT = new RegExp(NAME.pattern!.source.replace('*$', '+$'), 'u');

/** Operations per second of kernels whose invocations work together behind barriers. */
export interface CooperativeRates extends Infer<typeof COOPERATIVE_RATES> {}
export const COOPERATIVE_RATES = object({
  /** Of contractions. */
  contraction: OPERATION_RATE,
  /** Of reductions. */
  reduction: OPERATION_RATE,
});

/** What workgroups add. */
export interface WorkgroupRates extends Infer<typeof WORKGROUPS> {}
export const WORKGROUPS = object({
  /** Invocations that it takes to keep the device busy; a kernel with fewer runs slower in proportion. */
  concurrentInvocations: number(1, 1e8),
  /** How often per second an invocation can wait at a barrier, all invocations together. */
  barriersPerSecond: OPERATION_RATE,
  /** Operations per second of kernels whose invocations work together behind barriers. */
  operationsPerSecond: named<CooperativeRates>(COOPERATIVE_RATES),
});

/** Plain operations of a kernel's code per second (see `Operations`), by what the kernel mostly does. */
export interface KernelRates extends Infer<typeof KERNEL_RATES> {}
export const KERNEL_RATES = object({
  /** Contractions. */
  contraction: OPERATION_RATE,
  /** Reductions. */
  reduction: OPERATION_RATE,
  /** Elementwise kernels. */
  elementwise: OPERATION_RATE,
  /** Kernels that read at indices which are data. */
  gather: OPERATION_RATE,
  /** Kernels that write at indices which are data. */
  scatter: OPERATION_RATE,
});

/** What no kernel of the device goes beyond. */
export interface ProfileCeilings extends Infer<typeof CEILINGS> {}
export const CEILINGS = object({
  /** Floating-point operations, of which a multiply-add is two. */
  flopsPerSecond: OPERATION_RATE,
  /** Bytes of device memory, read and written. */
  bytesPerSecond: BYTE_RATE,
});

/** How fast inputs go up, by both ways that there are. */
export interface ProfileUploads extends Infer<typeof UPLOADS> {}
export const UPLOADS = object({
  /** By `queue.writeBuffer`. */
  writeBytesPerSecond: BYTE_RATE,
  /** Through buffers that stay mapped and are used in turn. Plans have such buffers where this is faster. */
  mappedBytesPerSecond: BYTE_RATE,
});

/** The fastest of the ways to make a kernel's code, as measured on the device. */
export interface TunedKernel extends Infer<typeof TUNED_KERNEL> {}
export const TUNED_KERNEL = object({
  /** What the kernel is: 16 hexadecimal digits of its text. */
  signature: text('16 hexadecimal digits', /^[0-9a-f]{16}$/),
  /** What it is called, for people. */
  name: NAME,
  /** The fastest way, as plans name it. */
  variant: text('a variant of a kernel', /^[a-z0-9 ,]{1,100}$/),
  /** Of one run in that way. */
  seconds: PROFILE_SECONDS,
  /** Of one run in the way that rates alone would choose. */
  untunedSeconds: PROFILE_SECONDS,
});

/**
 * How fast a device is, measured by `btc profile`. Times are in seconds, rates in bytes or operations per second; all are
 * positive but for `overlap`. Published as `profile.schema.json`.
 */
export interface DeviceProfile extends Infer<typeof PROFILE> {}
export const PROFILE = object(
  {
    /** Marks the file as a profile. */
    format: oneOf(PROFILE_FORMAT),
    /** Version of this format. */
    version: oneOf(1, PROFILE_VERSION),
    /** For people and for the record in a plan: `SwiftShader, 2026-11-24`. */
    name: text('a string without control characters that is not empty', NAME_TEXT),
    /** What it was measured for. */
    target: TARGET,
    /** What the adapter calls itself; `WebAssembly` on wasm. */
    adapter: NAME,
    /** The day of the measurement, `2026-11-24`. */
    date: text('a day such as 2026-11-24', /^\d{4}-\d{2}-\d{2}$/),
    /** What measured, and what it ran in: `btc-compiler 0.1.0`, `node 22.12.0`. */
    versions: list(text()),
    /** Plain operations of a kernel's code per second (see `Operations`), by what the kernel mostly does. */
    operationsPerSecond: named<KernelRates>(KERNEL_RATES),
    /** Evaluations per second of functions such as exp. */
    functionsPerSecond: OPERATION_RATE,
    /** Random numbers per second. */
    randomsPerSecond: OPERATION_RATE,
    /** webgpu: what workgroups add to that; null on wasm. */
    workgroups: nullable(named<WorkgroupRates>(WORKGROUPS)),
    /** Rate at which one kernel reads and writes device memory. */
    memoryBytesPerSecond: BYTE_RATE,
    /** Fixed cost of one step of a program. */
    dispatchSeconds: PROFILE_SECONDS,
    /** Fixed cost of one run of a program: what is encoded, handed over and waited for once. */
    submitSeconds: PROFILE_SECONDS,
    /** Rate of copies to the host. */
    deviceToHostBytesPerSecond: BYTE_RATE,
    /** Rate of copies to the device. */
    hostToDeviceBytesPerSecond: BYTE_RATE,
    /** Fixed cost of one transfer between host and device. */
    transferSeconds: PROFILE_SECONDS,
    /** Rate at which the spill file is read. */
    fileReadBytesPerSecond: BYTE_RATE,
    /** Rate at which the spill file is written. */
    fileWriteBytesPerSecond: BYTE_RATE,
    /** Part of a transfer's time that hides behind computation, 0 to 1. */
    overlap: number(0, 1),
  },
  {
    /** webgpu: rates by how a kernel is made. */
    forms: named<RatesByForm>(RATES_BY_FORM),
    /** Rates by size. */
    sizes: named<RatesBySize>(RATES_BY_SIZE),
    /** What `btc tune` found to be the fastest code of kernels. */
    kernels: list(named<TunedKernel>(TUNED_KERNEL), 0, 100_000),
    /** What kernels are held against; absent: the highest rates above. */
    ceilings: named<ProfileCeilings>(CEILINGS),
    /** webgpu: how fast inputs go up; absent where it was not measured, and then by `writeBuffer`. */
    uploads: named<ProfileUploads>(UPLOADS),
    /** Rates that the measurements did not determine, by their path: a bound, the most that was seen, stands for each. */
    undetermined: list(text()),
    /** webgpu: what the adapter offers; absent where it was not asked. */
    limits: named<DeviceLimits>(DEVICE_LIMITS),
  },
);
