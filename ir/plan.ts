import type { IndexRange } from './index-range.ts';
import type { DType } from './tensor.ts';

/** `format` field of every plan file. */
export const PLAN_FORMAT = 'btc-plan';
/** Version of the plan file's format; a runtime refuses any other. */
export const PLAN_VERSION = 2;

export type Target = 'webgpu' | 'wasm';

/**
 * A compiled model: everything that the runtime needs, as plain JSON. Published as `plan.schema.json`;
 * `verifyPlan` proves what a schema cannot say (no overlap while live, writes before reads, ranges, totals).
 */
export interface Plan {
  readonly format: typeof PLAN_FORMAT;
  readonly version: typeof PLAN_VERSION;
  readonly name: string;
  readonly target: Target;
  /** The compiler that wrote the plan, `btc-compiler 0.1.0`. */
  readonly producer: string;
  /** Name of the device profile that predicted times; absent where none did. */
  readonly profile?: string;
  /** The strategies of the memory actions; absent where no value is recomputed or swapped. */
  readonly actions?: PlanActions;
  readonly memory: PlanMemory;
  /** Device buffers (webgpu) or consecutive ranges of the linear memory (wasm), allocated once at load. */
  readonly slabs: readonly Slab[];
  readonly tensors: readonly PlanTensor[];
  readonly kernels: readonly PlanKernel[];
  readonly programs: Readonly<Record<string, PlanProgram>>;
  /** Where steps and tensors come from. For inspection, as `frames`; the runtime reads neither. Both absent where nothing is known. */
  readonly sources?: readonly PlanSource[];
  readonly frames?: readonly PlanFrame[];
  /** How values leave device memory and come back; absent where none does. */
  readonly swap?: PlanSwap;
  /** wasm only: the module that holds the kernels. */
  readonly module?: WasmModule;
  /** webgpu: the limits that the WGSL was generated within, so that it can be generated again; absent: WebGPU's defaults. */
  readonly limits?: CodeLimits;
}

/** Of a workgroup: invocations and bytes of shared memory; and workgroups along one axis of a grid. */
export interface CodeLimits {
  readonly maxWorkgroupInvocations: number;
  readonly maxWorkgroupBytes: number;
  readonly maxWorkgroupsPerDimension: number;
}

/** A place in the user's model. */
export interface PlanSource {
  /** The layer, as in `stage4.block1.conv2`; of a step that works for several in short form, `stage4.block1.{conv2, norm2}`. */
  readonly scope?: string;
  /** The parts of training, as in `gradient+update`; absent for what the user wrote. */
  readonly pass?: string;
  /** Index into `frames` of the innermost expression, or null. */
  readonly frame: number | null;
}

/** An expression in the user's files or in a package. Lines and columns count from 1. */
export interface PlanFrame {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Index, smaller than the own, of the call that led there; absent in the function that the compiler called. */
  readonly from?: number;
}

/** The strategies that `btc build --recompute` and `--swap` named. */
export interface PlanActions {
  readonly recompute: string;
  readonly swap: string;
}

/** All in bytes. */
export interface PlanMemory {
  /** The budget given to the compiler, or null for none. */
  readonly budgetBytes: number | null;
  /** Everything the runtime allocates on the device: the slabs plus staging. */
  readonly deviceBytes: number;
  /** The part of the slabs that holds tensors with a limited life: the sum over slabs of its extent. */
  readonly arenaBytes: number;
  /** Parameters, states and optimiser state, alignment included. */
  readonly persistentBytes: number;
  /** Buffers that outputs and swapped tensors are read back through; 0 on wasm. */
  readonly stagingBytes: number;
  /** All host memory that the runtime holds: the sum of `host`. */
  readonly hostBytes: number;
  readonly host: HostMemory;
  /** Host memory that the option `snapshots` of `load` adds; 0 where the plan keeps them anyway. */
  readonly snapshotOptionBytes: number;
  /** The spill file: the extent of the slots of tier `file`, all copies counted. */
  readonly spillBytes: number;
  /** Largest sum, over all steps of all programs, of the bytes of live arena tensors, alignment included. */
  readonly peakLiveBytes: number;
  readonly packing: PlanPacking;
}

/** Host memory by what it is for, in bytes. What a caller gives or gets (inputs, outputs, checkpoints) is the caller's. */
export interface HostMemory {
  /** Slots of tier `memory` that hold parameters, states and optimiser state. */
  readonly homeBytes: number;
  /** The same of copies of those on the device, from which a failed run is undone. */
  readonly snapshotBytes: number;
  /** The other slots of tier `memory`: values of one run. */
  readonly valueBytes: number;
  /** Buffers that files are read ahead into, and such that they are written from. */
  readonly readingBytes: number;
  readonly writingBytes: number;
}

/** How arena tensors got their offsets. For inspection; the runtime does not read it. */
export interface PlanPacking {
  /** What placed the tensors of the program that takes most: `skyline/edge`, `size/first-fit+repair`. */
  readonly method: string;
  /** `arenaBytes` less `peakLiveBytes`, which no offsets can go below: 0 is proof that none take less. */
  readonly gapBytes: number;
}

export interface Slab {
  readonly bytes: number;
}

export interface PlanSwap {
  /** webgpu: buffers that tensors are copied out through, allocated once; tensors that are larger go in pieces. wasm: none. */
  readonly staging: BufferSet;
  /** Host memory that values from slots of tier `file` come in through, in pieces of so many bytes. */
  readonly reading: BufferSet;
  /** webgpu: host memory that values go out through to slots of tier `file`. */
  readonly writing: BufferSet;
  readonly slots: readonly HostSlot[];
}

/** So many buffers of so many bytes each. */
export interface BufferSet {
  readonly buffers: number;
  readonly bytes: number;
}

/** `memory`: of the host process; `file`: a spill file (Node), the origin's private file system (browser). */
export type HostTier = 'memory' | 'file';

/** A place outside device memory for one tensor. Slots that share bytes are never in use at the same time. */
export interface HostSlot {
  readonly tier: HostTier;
  /** Byte offset in its tier, a multiple of {@link HOST_ALIGNMENT}. */
  readonly offset: number;
  /** Bytes of one copy of the tensor. */
  readonly bytes: number;
  /**
   * The tensor whose value it holds between runs: its home (policy `host`), or its snapshot (policy `persistent`), which the runtime
   * takes; null: it holds a value of one program for a while.
   */
  readonly tensor: number | null;
  /**
   * 2 for the home or snapshot of a tensor that some program writes: the copies follow one another, each at a multiple of
   * {@link HOST_ALIGNMENT}. A run reads the one and writes the other, from then on reads what it has written, and changes
   * places when it has finished.
   */
  readonly copies: 1 | 2;
}

export const HOST_ALIGNMENT = 64;

/**
 * `parameter` and `state` (running statistics, averages, frozen tensors) are the model; `optimiser` is what training keeps besides,
 * zero at first. All three are shared by all programs and live on between runs.
 */
export type TensorRole = 'input' | 'output' | 'activation' | PersistentRole;
export type PersistentRole = 'parameter' | 'state' | 'optimiser';

export function isPersistent(role: TensorRole): role is PersistentRole {
  return role === 'parameter' || role === 'state' || role === 'optimiser';
}

/**
 * `persistent`: lives in every step of every program. `arena`: shares memory by liveness. `in-place`: took over the memory of
 * an operand that died in the step that wrote it. `host`: a parameter or state whose home is a host slot; steps work on arena
 * tensors that a transfer brings in.
 */
export type TensorPolicy = 'persistent' | 'arena' | 'in-place' | 'host';

export interface PlanTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly role: TensorRole;
  /** The program whose steps `firstStep` and `lastStep` count, or null for persistent tensors. */
  readonly program: string | null;
  /** Index into `slabs`; null for policy `host`. */
  readonly slab: number | null;
  /** Byte offset inside the slab; 0 for policy `host`. */
  readonly offset: number;
  /** Bytes of the elements, without padding. */
  readonly bytes: number;
  /** First step at which the memory is taken; 0 for inputs. */
  readonly firstStep: number;
  /** Last step at which the memory is taken; the last step of the program for outputs. */
  readonly lastStep: number;
  readonly policy: TensorPolicy;
  /** Of a parameter or state: the number that all its elements start with; absent where they differ, as random ones do. */
  readonly initial?: number;
  /** The tensor (an index into `tensors`) whose value this one holds after an eviction: recomputed, or swapped in from the host. */
  readonly copyOf?: { readonly tensor: number; readonly by: 'recompute' | 'swap' };
  /** Index into the plan's `sources`; absent where nothing is known. */
  readonly source?: number;
}

export interface PlanKernel {
  readonly name: string;
  /** The kernel's text form, for inspection. The runtime does not read it. */
  readonly text: string;
  readonly bindings: readonly PlanBinding[];
  /** webgpu: a complete WGSL module with the entry point `main`. */
  readonly wgsl?: string;
  /** wasm: the export that takes one byte address per binding. */
  readonly export?: string;
}

export interface PlanBinding {
  readonly dtype: DType;
  readonly access: 'read' | 'write' | 'read_write';
  /** Size of the bound range of a tensor, in bytes. */
  readonly bytes: number;
}

export interface PlanProgram {
  readonly steps: readonly PlanStep[];
  readonly inputs: readonly PlanInput[];
  readonly outputs: readonly PlanOutput[];
  /** The einsums of three operands or more that the program was written with; absent where there is none. */
  readonly contractions?: readonly PlanContraction[];
  /** In the order in which they are issued; absent where there is none. */
  readonly transfers?: readonly PlanTransfer[];
  /** What one run should take by the plan's profile; absent where there is none. */
  readonly predicted?: PlanPrediction;
}

/** Seconds of one run of a program: `seconds` is the sum of `stepSeconds`, `swapSeconds` and `interfaceSeconds`. */
export interface PlanPrediction {
  readonly seconds: number;
  /** The sum of the steps' seconds. */
  readonly stepSeconds: number;
  /** The part of it that recomputed steps take. */
  readonly recomputeSeconds: number;
  /** Transfers to and from the host, without what hides behind computation. */
  readonly swapSeconds: number;
  /** Handing the run over, writing inputs and reading outputs. */
  readonly interfaceSeconds: number;
}

/**
 * A copy between a tensor and a host slot. `out`: after step `step`, the slot holds the tensor's value. `in`: before step
 * `step`, the tensor is written as a whole. A transfer counts as a use of its tensor at that step.
 */
export interface PlanTransfer {
  readonly kind: 'out' | 'in';
  readonly tensor: number;
  /** Index into the slots of the plan's `swap`. */
  readonly slot: number;
  readonly step: number;
}

/** An einsum and the order of pairwise contractions that was chosen for it. For inspection; the runtime does not read it. */
export interface PlanContraction {
  /** As the user or a layer wrote it. */
  readonly equation: string;
  /** Extent of every letter. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Operands that are windows over an axis (its letter, that of the position, that of the tap): views, which cost nothing. */
  readonly windows?: readonly number[];
  /** Which two parts each step contracts. Parts are numbered: operands first, then the results of the steps. */
  readonly order: readonly (readonly [number, number])[];
  /** `exact`: the best of all; `heuristic`: the best that was found; `bounded`: the same, of those that the budget allows. */
  readonly method: 'exact' | 'heuristic' | 'bounded';
  /** Multiply-adds of one evaluation in this order. */
  readonly macs: number;
  /** The same with the gradients that are wanted; null where none is. */
  readonly trainMacs: number | null;
  /** Multiply-adds of one evaluation from left to right. */
  readonly leftToRightMacs: number;
  /** Multiply-adds of the first operand by the dense tensor that the others make. */
  readonly denseMacs: number;
  /** How often the program holds it: once per time step, for example. */
  readonly times: number;
  /** Index into the plan's `sources`, or null. */
  readonly source: number | null;
}

export interface PlanStep {
  /** Index into `kernels`. */
  readonly kernel: number;
  /** Workgroups in x, y, z; [1, 1, 1] on wasm. */
  readonly grid: readonly [number, number, number];
  /** One tensor (an index into `tensors`) per binding of the kernel. */
  readonly bindings: readonly number[];
  /** Byte offset inside its tensor at which each binding starts, a multiple of 256; absent when all are 0. */
  readonly offsets?: readonly number[];
  /** Floating-point operations; a multiply-add counts two. */
  readonly flops: number;
  /** Multiply-adds of the pairwise contractions that it computes; absent where there is none. */
  readonly macs?: number;
  /** Bytes read and written. */
  readonly bytesMoved: number;
  /** What the step should take by the plan's profile, its dispatch included; absent where there is none. */
  readonly seconds?: number;
  /** What the step computes, in the graph's terms: `contract+add+max`. */
  readonly label: string;
  /** Index into the plan's `sources`, or null for a step of the compiler's own. */
  readonly source: number | null;
  /** It recomputes what an earlier step made and the plan did not keep. */
  readonly recomputed?: true;
}

export interface PlanInput {
  readonly name: string;
  readonly tensor: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Used for every element when the caller gives none; null makes the input mandatory. */
  readonly default: number | null;
  /** The session supplies the number of finished runs of this program when the caller gives no value. */
  readonly counter: boolean;
  /** Where the program uses it as indices: the values that are allowed. The runtime refuses all others before it runs. */
  readonly ranges?: readonly IndexRange[];
}

export interface PlanOutput {
  readonly name: string;
  readonly tensor: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface WasmModule {
  readonly file: string;
  readonly bytes: number;
  /** Hex SHA-256 of the module. */
  readonly sha256: string;
  /** Pages of 64 KiB that the module's imported memory must have: exactly the slabs. */
  readonly pages: number;
}
