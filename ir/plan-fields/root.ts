import { BARE_FILE_NAME } from '../file-name.ts';
import { type Infer, list, named, nullable, object, oneOf, record, text, whole } from '../form.ts';
import { PLAN_FEATURES } from '../plan-features.ts';
import { PLAN_FORMAT, VERSIONS_READ } from '../plan-version.ts';
import { MEMORY, type PlanMemory, SLAB, type Slab } from './memory.ts';
import { type PlanProgram, PROGRAM } from './program.ts';
import { BYTES, COUNT, INDEX, NAME, NAME_KEY, TARGET } from './scalars.ts';
import { BUFFER_SET, type BufferSet, type PlanSwap, SWAP } from './swap.ts';
import { KERNEL, type PlanKernel, type PlanTensor, TENSOR } from './tensor.ts';

/** A place in the user's model. */
export interface PlanSource extends Infer<typeof SOURCE> {}
export const SOURCE = object(
  {
    /** Index into `frames` of the innermost expression, or null. */
    frame: nullable(INDEX),
  },
  {
    /** The layer, as in `stage4.block1.conv2`; of a step that works for several in short form, `stage4.block1.{conv2, norm2}`. */
    scope: NAME,
    /** The parts of training, as in `gradient+update`; absent for what the user wrote. */
    pass: NAME,
  },
);

/** An expression in the user's files or in a package. Lines and columns count from 1. */
export interface PlanFrame extends Infer<typeof FRAME> {}
export const FRAME = object(
  {
    /** The source file. */
    file: NAME,
    /** Its line. */
    line: COUNT,
    /** Its column. */
    column: COUNT,
  },
  {
    /** Index, smaller than the own, of the call that led there; absent in the function that the compiler called. */
    from: INDEX,
  },
);

/** The strategies of the memory actions. */
export interface PlanActions extends Infer<typeof ACTIONS> {}
export const ACTIONS = object({
  /** As given to `--recompute`. */
  recompute: NAME,
  /** As given to `--swap`. */
  swap: NAME,
});

/** How the batch of the training step is cut. Sums over it are rounded otherwise than in a plan without. */
export interface PlanMicroBatches extends Infer<typeof MICRO_BATCHES> {}
export const MICRO_BATCHES = object({
  /** Equal parts, one computed after the other. */
  parts: whole(2, 2 ** 32 - 1),
  /** `part` where batch norm takes its statistics from a part, `whole` where no result depends on the parts but by rounding. */
  norm: oneOf('whole', 'part'),
});

/** The module of a wasm plan. */
export interface WasmModule extends Infer<typeof MODULE> {}
export const MODULE = object({
  /** Name of the module's file, beside the plan: without a folder, and nothing that any system takes for one. */
  file: text('the name of a file, without a folder', new RegExp(BARE_FILE_NAME, 'u')),
  /** Size of the module. */
  bytes: BYTES,
  /** Hex SHA-256 of the module. */
  sha256: text('a SHA-256 in 64 hexadecimal digits', /^[0-9a-f]{64}$/),
  /** Pages of 64 KiB that the module's imported memory must have: exactly the slabs. */
  pages: whole(0, 65536),
});

/** A product of an m x k and a k x n matrix, added to sums of f32, that a subgroup computes. */
export interface PlanMatrix extends Infer<typeof SUBGROUP_MATRIX> {}
export const SUBGROUP_MATRIX = object({
  /** What the factors are of. */
  component: oneOf('f16', 'f32'),
  /** Rows of the left factor and of the sums. */
  m: whole(1, 256),
  /** Columns of the right factor and of the sums. */
  n: whole(1, 256),
  /** Columns of the left factor. */
  k: whole(1, 256),
  /** Invocations of every subgroup. */
  subgroupSize: whole(2, 128),
});

/** Limits of a device that WGSL was generated within. */
export interface CodeLimits extends Infer<typeof LIMITS> {}
export const LIMITS = object(
  {
    /** Invocations of a workgroup. */
    maxWorkgroupInvocations: COUNT,
    /** Memory that the invocations of a workgroup share. */
    maxWorkgroupBytes: BYTES,
    /** Workgroups along one axis of a grid. */
    maxWorkgroupsPerDimension: COUNT,
  },
  {
    /** Invocations that every subgroup has at least; absent: no kernel uses subgroup operations. */
    minSubgroupSize: whole(2, 128),
    /** Products of matrices that subgroups compute; absent: no kernel has any. */
    subgroupMatrices: list(named<PlanMatrix>(SUBGROUP_MATRIX), 1),
  },
);

/**
 * A compiled model: everything that the runtime needs, as plain JSON. Published as `plan.schema.json`;
 * `verifyPlan` proves what a schema cannot say (no overlap while live, writes before reads, ranges, totals).
 */
export interface Plan extends Infer<typeof PLAN> {}
export const PLAN = object(
  {
    /** Marks the file as a plan. */
    format: oneOf(PLAN_FORMAT),
    /** Version of this format, `major.minor`; a runtime reads its own major version up to its own minor version. */
    version: text(`one of ${VERSIONS_READ.join(', ')}`, versionPattern()),
    /** Name of the model. */
    name: NAME,
    /** What executes the plan. */
    target: TARGET,
    /** The compiler that wrote the plan, `btc-compiler 0.1.0`. */
    producer: NAME,
    /** The totals. */
    memory: named<PlanMemory>(MEMORY),
    /** Device buffers (webgpu) or consecutive ranges of the linear memory (wasm), allocated once at load. */
    slabs: list(named<Slab>(SLAB)),
    /** Every tensor, in the slabs or on the host. */
    tensors: list(named<PlanTensor>(TENSOR)),
    /** The distinct pieces of code. */
    kernels: list(named<PlanKernel>(KERNEL)),
    /** The programs of the model by name, all over the same parameters. */
    programs: record(NAME_KEY, named<PlanProgram>(PROGRAM)),
  },
  {
    /** Name of the device profile that predicted times; absent where none did. */
    profile: NAME,
    /** What the adapter of that profile calls itself; absent where the profile does not say. */
    adapter: NAME,
    /** The strategies of the memory actions; absent where no value is recomputed or swapped. */
    actions: named<PlanActions>(ACTIONS),
    /** What activations and their gradients are stored in, where that is not f32 (docs/numerics.md). */
    precision: oneOf('f16'),
    /** webgpu: the optional features of WebGPU that a device must have to run the code; absent where there is none. */
    features: list(oneOf(...PLAN_FEATURES), 1),
    /** Actions on the graph that were taken (docs/actions.md), as `slice`; absent where none was. */
    graphActions: list(NAME),
    /** Absent where the batch is whole. */
    microBatches: named<PlanMicroBatches>(MICRO_BATCHES),
    /** Origins of steps and tensors. For inspection and for messages of the runtime, as `frames`. Both absent where nothing is known. */
    sources: list(named<PlanSource>(SOURCE)),
    /** Expressions, each behind the call that led to it. */
    frames: list(named<PlanFrame>(FRAME)),
    /** How values are copied to the host and swapped in; absent where none is. */
    swap: named<PlanSwap>(SWAP),
    /** webgpu: buffers that inputs go up through, used in turn; absent: by the device's own `writeBuffer`. */
    uploads: named<BufferSet>(BUFFER_SET),
    /** wasm only: the module that holds the kernels. */
    module: named<WasmModule>(MODULE),
    /** webgpu: the limits that the WGSL was generated within, so that it can be regenerated; absent: WebGPU's defaults. */
    limits: named<CodeLimits>(LIMITS),
  },
);

function versionPattern(): RegExp {
  return new RegExp(`^(?:${VERSIONS_READ.join('|').replaceAll('.', '\\.')})$`);
}
