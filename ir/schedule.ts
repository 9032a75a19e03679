import { STORAGE_TYPES, type StorageType } from './dtypes.ts';
import type { IndexRange } from './index-range.ts';
import type { Kernel } from './kernel.ts';
import type {
  BufferSet,
  HostSlot,
  HostTier,
  PlanContraction,
  TensorPolicy,
  TensorRole,
} from './plan.ts';
import type { Origin, SourceSpan } from './source.ts';
import type { Shape } from './tensor.ts';

/**
 * What lowering hands to the memory passes: kernels in an order that is correct when run one after the other.
 * That sequential meaning is the truth; any order that keeps its read-after-write, write-after-read and
 * write-after-write pairs per tensor means the same.
 *
 * Tensors with role `parameter`, `state` and `optimiser` are shared by all programs and written in place; all others belong
 * to one program. Several steps may each write a part of one tensor (concatenation); it is live from the first.
 */
export interface Schedule {
  readonly name: string;
  readonly tensors: readonly ScheduleTensor[];
  readonly kernels: readonly Kernel[];
  readonly programs: readonly ScheduleProgram[];
  /** Where swapped tensors go; absent where none is. */
  readonly slots?: readonly ScheduleSlot[];
}

/** A tensor that steps read and write, row-major. */
export interface ScheduleTensor {
  readonly name: string;
  readonly dtype: StorageType;
  readonly shape: Shape;
  readonly role: TensorRole;
  /** Index into `programs`, or null for parameters and state. */
  readonly program: number | null;
  readonly source: SourceSpan | null;
  /** The layer that it comes from, as in `stage4.block1.conv2`; absent where there is none. */
  readonly scope?: string;
  /** As of a step. */
  readonly pass?: string;
  /** The tensor whose value this one holds after an eviction. */
  readonly copyOf?: { readonly tensor: number; readonly by: 'recompute' | 'swap' };
  /** A parameter or state that lives in a host slot; steps name arena tensors that transfers bring in. */
  readonly hostResident?: true;
}

/** The steps of one program, in order. */
export interface ScheduleProgram {
  readonly name: string;
  readonly steps: readonly ScheduleStep[];
  readonly inputs: readonly {
    readonly name: string;
    readonly tensor: number;
    readonly default: number | null;
    readonly counter: boolean;
    /** Where it is used as indices: the values that are allowed. */
    readonly ranges?: readonly IndexRange[];
  }[];
  readonly outputs: readonly { readonly name: string; readonly tensor: number }[];
  /** Copies to and from host slots, in the order in which they are issued. */
  readonly transfers?: readonly ScheduleTransfer[];
}

/** `out`: after step `step`; `in`: before step `step`, whole and in place of any step that writes the tensor. */
export interface ScheduleTransfer {
  readonly kind: 'out' | 'in';
  readonly tensor: number;
  /** Index into `Schedule.slots`. */
  readonly slot: number;
  readonly step: number;
}

/** A place outside device memory, before it has an address. */
export interface ScheduleSlot {
  readonly tier: HostTier;
  /** The parameter or state (`hostResident`) whose home slot it is, or null. */
  readonly tensor: number | null;
  readonly copies: 1 | 2;
}

/** One run of a kernel on tensors. */
export interface ScheduleStep {
  /** Index into `Schedule.kernels`. */
  readonly kernel: number;
  /** One tensor per buffer of the kernel. Where two buffers name the same tensor, their ranges are disjoint. */
  readonly operands: readonly number[];
  /** First element of each buffer's range of its tensor, a multiple of {@link rangeAlignment}; absent when all are 0. */
  readonly offsets?: readonly number[];
  readonly label: string;
  readonly source: SourceSpan | null;
  /** The layers whose values it computes, in short form: `stage4.block1.{conv2, norm2}`; absent where there is none. */
  readonly scope?: string;
  /** The parts of training that it does, as in `gradient+update`; absent where it computes only what the user wrote. */
  readonly pass?: string;
  /** Multiply-adds of the pairwise contractions that the step computes; absent where there is none. */
  readonly macs?: number;
  /** It recomputes what an earlier step made and the schedule did not keep. */
  readonly recomputed?: true;
  /** What the parts of its kernel are of, where it has some: the steps that share this one. */
  readonly parts?: readonly StepPart[];
}

/** One of several steps that share a dispatch. */
export type StepPart = Pick<ScheduleStep, 'label' | 'source' | 'scope' | 'pass' | 'macs'>;

/** Ranges of a tensor that are bound on their own start at multiples of this many bytes, which every WebGPU device accepts. */
const RANGE_ALIGNMENT_BYTES = 256;

/** The same in elements. Steps that differ only in where their ranges start share a kernel. */
export const rangeAlignment = (dtype: StorageType): number =>
  RANGE_ALIGNMENT_BYTES / STORAGE_TYPES[dtype].bytes;

/**
 * The schedule after the memory passes. Steps are in their final order. Tensors that share memory in place
 * have the same slab and offset, and the kernels of such steps have the two buffers merged into one, so that
 * one binding serves both.
 */
export interface AllocatedSchedule extends Schedule {
  readonly slabs: readonly { readonly bytes: number }[];
  readonly placements: readonly Placement[];
  readonly arenaBytes: number;
  readonly persistentBytes: number;
  readonly peakLiveBytes: number;
  /** What gave the arena tensors of the program that takes most their offsets. */
  readonly packing: string;
  readonly stagingBytes: number;
  /** Buffers that swapped tensors are copied out through. */
  readonly swapStaging: BufferSet;
  /** Memory of the host that files are read into and written from. */
  readonly reading: BufferSet;
  readonly writing: BufferSet;
  /** The schedule's slots with their addresses. */
  readonly hostSlots: readonly HostSlot[];
  /** Slots for copies of persistent tensors on the device, which the runtime takes. */
  readonly snapshots: readonly HostSlot[];
}

/** Where and when a tensor lives; parallel to `tensors`. Steps count within the tensor's program. */
export interface Placement {
  /** Null: on the host. */
  readonly slab: number | null;
  readonly offset: number;
  readonly firstStep: number;
  readonly lastStep: number;
  readonly policy: TensorPolicy;
}

/** A contraction of a plan before the plan's tables of sources are there. */
export interface ScheduleContraction extends Omit<PlanContraction, 'source'> {
  readonly origin: Origin | null;
}

/** The limits of a target that shape a plan. */
export interface TargetLimits {
  readonly maxBufferBytes: number;
  readonly maxBindingBytes: number;
  readonly offsetAlignment: number;
  /** Slab sizes are rounded up to a multiple of this (64 KiB pages on wasm). */
  readonly slabAlignment: number;
  readonly maxStorageBuffers: number;
  readonly maxWorkgroupInvocations: number;
  /** On wasm: of the array of a stage, so that it stays in the first cache. 0: no kernel has a stage. */
  readonly maxWorkgroupBytes: number;
  readonly maxWorkgroupsPerDimension: number;
  /** Invocations that every subgroup has at least, a power of two; absent: code uses no subgroup operations. */
  readonly minSubgroupSize?: number;
  /** Products of matrices that the device computes by subgroups of one size; absent: code has none. */
  readonly subgroupMatrices?: readonly SubgroupMatrix[];
}

/** A product of a matrix of m x k elements and one of k x n, which is added to one of m x n elements of f32. */
export interface SubgroupMatrix {
  /** Of the factors. */
  readonly component: 'f16' | 'f32';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Invocations of every subgroup. */
  readonly subgroupSize: number;
}

/** WebGPU's default limits, which every adapter offers. */
export const WEBGPU_DEFAULT_LIMITS: TargetLimits = {
  maxBufferBytes: 256 * 2 ** 20,
  maxBindingBytes: 128 * 2 ** 20,
  offsetAlignment: 256,
  slabAlignment: 256,
  maxStorageBuffers: 8,
  maxWorkgroupInvocations: 256,
  maxWorkgroupBytes: 16 * 1024,
  maxWorkgroupsPerDimension: 65535,
};

/** One linear memory of at most 4 GiB; offsets are aligned for 128-bit vectors. */
export const WASM_LIMITS: TargetLimits = {
  maxBufferBytes: 65536 * 65536,
  maxBindingBytes: 65536 * 65536,
  offsetAlignment: 16,
  slabAlignment: 65536,
  maxStorageBuffers: 16,
  maxWorkgroupInvocations: 1,
  maxWorkgroupBytes: 16 * 1024,
  maxWorkgroupsPerDimension: 1,
};
