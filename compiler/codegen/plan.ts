import { toBase64 } from '../../ir/base64.ts';
import { STORAGE_TYPES, storedBytes, type TensorArray, valueType } from '../../ir/dtypes.ts';
import type { Kernel } from '../../ir/kernel.ts';
import { kernelCost } from '../../ir/kernel-cost.ts';
import { workingMemory } from '../../ir/kernel-stage.ts';
import { printKernel } from '../../ir/kernel-text.ts';
import {
  type CodeLimits,
  PLAN_FORMAT,
  PLAN_VERSION,
  type Plan,
  type PlanActions,
  type PlanBinding,
  type PlanKernel,
  type PlanMemory,
  type PlanMicroBatches,
  type PlanProgram,
  type PlanStepPart,
  type PlanTensor,
  type Target,
  type WasmModule,
} from '../../ir/plan.ts';
import { planFeatures } from '../../ir/plan-features.ts';
import { hostMemory, snapshotOptionBytes } from '../../ir/plan-host.ts';
import { tierBytes } from '../../ir/plan-swap.ts';
import { printable } from '../../ir/printable.ts';
import type {
  AllocatedSchedule,
  ScheduleContraction,
  ScheduleProgram,
  ScheduleStep,
} from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import { SourceTables } from './source-tables.ts';

/** What a plan says of a parameter or state of a layer. */
export type LayerFacts = Pick<PlanTensor, 'layer' | 'pieceOf'>;

/** What a code generator made of one kernel. */
export interface EmittedKernel {
  readonly wgsl?: string;
  /** webgpu: the way in which the code is made. */
  readonly variant?: string;
  readonly export?: string;
  /** Parts that a run may be cut into; absent: one. */
  readonly parts?: number;
  readonly grid: readonly [number, number, number];
}

export interface PlanOptions {
  readonly target: Target;
  readonly budgetBytes: number | null;
  /** `btc-compiler 0.1.0` */
  readonly producer: string;
  /** The strategies of the memory actions. */
  readonly actions?: PlanActions;
  /** Actions on the graph that were taken. */
  readonly graphActions?: readonly string[];
  readonly microBatches?: PlanMicroBatches;
  /** Of what is stored; f32 where it is absent. */
  readonly precision?: 'f16';
  /** By name of a parameter or state, the number that all its elements start with, or null. */
  readonly initial?: ReadonlyMap<string, number | null>;
  /** By name of a parameter or state: what it is to its layer, and of which whole it is a part. */
  readonly layers?: ReadonlyMap<string, LayerFacts>;
  /** By name of a constant, its elements. */
  readonly data?: ReadonlyMap<string, TensorArray>;
  /** Per program, the orders of its contractions. */
  readonly contractions?: readonly (readonly ScheduleContraction[])[];
  /** One entry per kernel of the schedule. */
  readonly emitted: readonly EmittedKernel[];
  readonly wasmModule?: WasmModule;
  /** What the code was generated within. */
  readonly limits?: CodeLimits;
}

/** Puts an allocated schedule and its generated code into the public form. */
export function assemblePlan(allocated: AllocatedSchedule, options: PlanOptions): Plan {
  const costs = allocated.kernels.map(kernelCost);
  const tables = new SourceTables();
  const programs = allocated.programs.map((program, k): [string, PlanProgram] => [
    program.name,
    {
      steps: program.steps.map((step) => ({
        kernel: step.kernel,
        grid: options.emitted[step.kernel].grid,
        bindings: step.operands,
        ...(step.offsets
          ? {
              offsets: step.offsets.map(
                (offset, b) => offset * bytesOf(allocated.kernels[step.kernel], b),
              ),
            }
          : {}),
        flops: costs[step.kernel].flops,
        ...(step.macs === undefined ? {} : { macs: step.macs }),
        bytesMoved: costs[step.kernel].bytes,
        label: step.label,
        source: tables.add({ ...step, span: step.source }),
        ...(step.recomputed ? { recomputed: true as const } : {}),
        ...(step.parts ? { parts: planParts(allocated.kernels[step.kernel], step, tables) } : {}),
      })),
      ...planInterface(allocated, program),
      ...(program.transfers ? { transfers: program.transfers } : {}),
      ...(options.contractions?.[k]?.length
        ? {
            contractions: options.contractions[k].map(({ origin, ...contraction }) => ({
              ...contraction,
              equation: contraction.equation.replace(/\s+/g, ' '),
              source: origin && tables.add({ ...origin, scope: origin.scope || undefined }),
            })),
          }
        : {}),
    },
  ]);
  const { swapStaging, reading, writing, hostSlots, snapshots } = allocated;
  const parts = {
    target: options.target,
    tensors: planTensors(allocated, tables, options),
    kernels: planKernels(allocated, options.emitted),
    programs: Object.fromEntries(programs),
    ...(hostSlots.length > 0
      ? { swap: { staging: swapStaging, reading, writing, slots: [...hostSlots, ...snapshots] } }
      : {}),
  };
  const features = planFeatures(parts);
  return {
    format: PLAN_FORMAT,
    version: PLAN_VERSION,
    name: allocated.name,
    producer: options.producer,
    memory: planMemoryTotals(allocated, parts, options.budgetBytes),
    slabs: allocated.slabs.map(({ bytes }) => ({ bytes })),
    ...parts,
    ...(tables.sources.length > 0 ? { sources: tables.sources } : {}),
    ...(tables.frames.length > 0 ? { frames: tables.frames } : {}),
    ...(options.actions && hasActions(allocated) ? { actions: options.actions } : {}),
    ...(options.precision ? { precision: options.precision } : {}),
    ...(features.length > 0 ? { features } : {}),
    ...(options.graphActions?.length ? { graphActions: options.graphActions } : {}),
    ...(options.microBatches ? { microBatches: options.microBatches } : {}),
    ...(options.wasmModule ? { module: options.wasmModule } : {}),
    ...(options.limits && TARGET_RULES[options.target].hasLimits
      ? { limits: codeLimits(options.limits) }
      : {}),
  };
}

function planParts(
  { parts = [] }: Kernel,
  step: ScheduleStep,
  tables: SourceTables,
): PlanStepPart[] {
  return (step.parts ?? []).map((part, p) => {
    const { flops, bytes } = kernelCost(parts[p].kernel);
    const { label, macs } = part;
    return {
      ...{ flops, bytesMoved: bytes, label },
      ...(macs === undefined ? {} : { macs }),
      source: tables.add({ ...part, span: part.source }),
    };
  });
}

/** Those of a target's limits that its code depends on. */
export function codeLimits(limits: CodeLimits): CodeLimits {
  const { maxWorkgroupInvocations, maxWorkgroupBytes, maxWorkgroupsPerDimension } = limits;
  const { minSubgroupSize, subgroupMatrices } = limits;
  return {
    ...{ maxWorkgroupInvocations, maxWorkgroupBytes, maxWorkgroupsPerDimension },
    ...(minSubgroupSize === undefined ? {} : { minSubgroupSize }),
    ...(subgroupMatrices === undefined ? {} : { subgroupMatrices }),
  };
}

function hasActions({ programs, hostSlots }: AllocatedSchedule): boolean {
  return (
    hostSlots.length > 0 || programs.some(({ steps }) => steps.some((step) => step.recomputed))
  );
}

function planMemoryTotals(
  allocated: AllocatedSchedule,
  parts: Pick<Plan, 'target' | 'tensors' | 'kernels' | 'programs' | 'swap'>,
  budgetBytes: number | null,
): PlanMemory {
  const host = hostMemory(parts);
  const { arenaBytes, persistentBytes, stagingBytes, peakLiveBytes, packing, slabs } = allocated;
  const deviceBytes = slabs.reduce((sum, slab) => sum + slab.bytes, stagingBytes);
  return {
    budgetBytes,
    deviceBytes,
    arenaBytes,
    persistentBytes,
    stagingBytes,
    hostBytes: Object.values<number>(host).reduce((sum, bytes) => sum + bytes, 0),
    host,
    snapshotOptionBytes: snapshotOptionBytes(parts),
    spillBytes: tierBytes(parts.swap?.slots ?? [], 'file'),
    peakLiveBytes,
    packing: { method: packing, gapBytes: arenaBytes - peakLiveBytes },
  };
}

function planTensors(
  allocated: AllocatedSchedule,
  tables: SourceTables,
  { initial, layers, data }: Pick<PlanOptions, 'initial' | 'layers' | 'data'>,
): PlanTensor[] {
  const names = uniqueTensorNames(allocated);
  return allocated.tensors.map((tensor, index) => {
    const { slab, offset, firstStep, lastStep, policy } = allocated.placements[index];
    const first = tensor.program === null ? initial?.get(tensor.name) : null;
    const constant = tensor.program === null ? data?.get(tensor.name) : undefined;
    const source = tables.add({ ...tensor, span: tensor.source });
    return {
      name: names[index],
      dtype: tensor.dtype,
      shape: tensor.shape,
      role: tensor.role,
      program: tensor.program === null ? null : allocated.programs[tensor.program].name,
      slab,
      offset,
      bytes: byteCount(tensor),
      firstStep,
      lastStep,
      policy,
      ...(typeof first === 'number' ? { initial: first } : {}),
      ...(tensor.program === null ? layers?.get(tensor.name) : {}),
      ...(constant ? { data: toBase64(constant) } : {}),
      ...(tensor.copyOf ? { copyOf: tensor.copyOf } : {}),
      ...(source === null ? {} : { source }),
    };
  });
}

/**
 * Persistent tensors keep their names: checkpoints are keyed by them. Any other name that stands more than once gets
 * its program's name in front, and a number behind where that is not enough.
 */
function uniqueTensorNames({ tensors, programs }: AllocatedSchedule): string[] {
  const uses = new Map<string, number>();
  for (const { name } of tensors) uses.set(name, (uses.get(name) ?? 0) + 1);
  const taken = new Set(tensors.filter((t) => t.program === null).map((t) => t.name));
  return tensors.map(({ name, program }) => {
    if (program === null) return name;
    const plain = printable(uses.get(name) === 1 ? name : `${programs[program].name}/${name}`);
    let unique = plain;
    for (let copy = 2; taken.has(unique); copy++) unique = `${plain}#${copy}`;
    taken.add(unique);
    return unique;
  });
}

/** Of one element of a buffer. */
const bytesOf = ({ buffers }: Kernel, buffer: number) => STORAGE_TYPES[buffers[buffer].dtype].bytes;

/** What a plan says of the memory that a kernel touches. */
export function planBindings(kernel: Kernel): PlanBinding[] {
  const own = workingMemory(kernel);
  return kernel.buffers.map(({ dtype, access, elements }, index) => ({
    dtype,
    access,
    bytes: storedBytes(dtype, elements),
    ...(own.includes(index) ? { scratch: true as const } : {}),
  }));
}

/** Where a plan says that several bindings lie in one. */
export function planSpans({ spans, buffers }: Kernel): Pick<PlanKernel, 'spans'> {
  if (!spans) return {};
  const places = spans.map((span) =>
    span.map(({ buffer, start }) => ({
      binding: buffer,
      start: storedBytes(buffers[buffer].dtype, start),
    })),
  );
  return { spans: places };
}

function planKernels(
  allocated: AllocatedSchedule,
  emitted: readonly EmittedKernel[],
): PlanKernel[] {
  return allocated.kernels.map((kernel, index) => {
    const { wgsl, variant, export: exported, parts = 1 } = emitted[index];
    return {
      name: kernel.name,
      text: printKernel(kernel),
      bindings: planBindings(kernel),
      ...planSpans(kernel),
      ...(wgsl === undefined ? {} : { wgsl }),
      ...(variant === undefined ? {} : { variant }),
      ...(exported === undefined ? {} : { export: exported }),
      ...(parts > 1 ? { parts } : {}),
    };
  });
}

function planInterface(
  { tensors }: AllocatedSchedule,
  program: ScheduleProgram,
): Pick<PlanProgram, 'inputs' | 'outputs'> {
  const typed = ({ name, tensor }: { name: string; tensor: number }) => ({
    name,
    tensor,
    dtype: valueType(tensors[tensor].dtype),
    shape: tensors[tensor].shape,
  });
  return {
    inputs: program.inputs.map((input) => ({
      ...typed(input),
      default: input.default,
      counter: input.counter,
      ...(input.ranges ? { ranges: input.ranges } : {}),
    })),
    outputs: program.outputs.map(typed),
  };
}
