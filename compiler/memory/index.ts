import type { Target } from '../../ir/plan.ts';
import type {
  AllocatedSchedule,
  Placement,
  Schedule,
  ScheduleStep,
  ScheduleTensor,
  TargetLimits,
} from '../../ir/schedule.ts';
import { printSchedule } from '../../ir/schedule-text.ts';
import { byteCount } from '../../ir/tensor.ts';
import { type Handover, type InPlaceSchedule, outputFlags, shareInPlace } from './in-place.ts';
import {
  alignedBytes,
  alignUp,
  type Blocks,
  type Liveness,
  liveBytes,
  liveness,
} from './liveness.ts';
import { packBlocks } from './offsets.ts';
import { orderSteps } from './order.ts';

export type MemoryStage = 'order' | 'in-place' | 'allocate';

export interface MemoryOptions {
  /** wasm has one slab and reads its memory directly, so it needs no staging. */
  readonly target: Target;
  /** Shows the schedule after a stage. */
  print?(stage: MemoryStage, text: string): void;
}

/** Why a schedule cannot be placed on a target at all, whatever the budget. */
export type MemoryError =
  /** A tensor larger than one binding (BTC4002). */
  | {
      readonly kind: 'binding';
      readonly tensor: ScheduleTensor;
      readonly bytes: number;
      readonly limit: number;
    }
  /** More than the target can address (BTC4003). */
  | { readonly kind: 'address-space'; readonly bytes: number; readonly limit: number };

/** The step at which most memory is live. Persistent tensors and staging are not in `liveBytes`. */
export interface MemoryPeak {
  /** Index into `programs`. */
  readonly program: number;
  readonly step: number;
  readonly scheduleStep: ScheduleStep | null;
  readonly liveBytes: number;
  /** Arena tensors that are live there, largest first (indices into `tensors` of the schedule that was returned). */
  readonly tensors: readonly number[];
}

export type MemoryPlan =
  | {
      readonly schedule: AllocatedSchedule;
      /** Everything that the runtime will allocate: slabs and staging. */
      readonly deviceBytes: number;
      /** Null when no program has arena tensors. */
      readonly peak: MemoryPeak | null;
      readonly errors: readonly [];
    }
  | {
      readonly schedule: null;
      readonly deviceBytes: 0;
      readonly peak: null;
      readonly errors: readonly MemoryError[];
    };

/**
 * Gives every tensor its place: orders the steps of each program for a low peak, lets tensors take over the memory
 * of operands that die, and assigns offsets in as few slabs as the limits allow. Persistent tensors come first
 * in the slabs; the arena behind them is shared by all programs, which never run at the same time. Tensors that
 * no step touches are dropped, inputs and outputs excepted. Deterministic.
 */
export function planMemory(
  schedule: Schedule,
  limits: TargetLimits,
  options: MemoryOptions,
): MemoryPlan {
  const used = dropUnused(schedule);
  const errors = bindingErrors(used, limits);
  if (errors.length > 0) return { schedule: null, deviceBytes: 0, peak: null, errors };

  const ordered = orderSteps(used, limits.offsetAlignment);
  options.print?.('order', printSchedule(ordered));
  const live = liveness(ordered);
  const merged = shareInPlace(ordered, live);
  options.print?.('in-place', printInPlace(merged));
  const allocated = allocate(merged, live, limits, options.target);
  const deviceBytes = allocated.slabs.reduce((sum, slab) => sum + slab.bytes, 0);
  if (options.target === 'wasm' && allocated.slabs.length > 1) {
    const limit = limits.maxBufferBytes;
    const error: MemoryError = { kind: 'address-space', bytes: deviceBytes, limit };
    return { schedule: null, deviceBytes: 0, peak: null, errors: [error] };
  }
  options.print?.('allocate', printSchedule(allocated));
  return {
    schedule: allocated,
    deviceBytes: deviceBytes + allocated.stagingBytes,
    peak: memoryPeak(allocated, limits.offsetAlignment),
    errors: [],
  };
}

/** The schedule and one line per handover, which the merged operands no longer show. */
function printInPlace(merged: InPlaceSchedule): string {
  const lines = merged.handovers.map(
    ({ tensor, from, step }) => `# t${tensor} takes over t${from} in step ${step}\n`,
  );
  return printSchedule(merged.schedule) + lines.join('');
}

/** The schedule without tensors that no step, input or output names, and without kernels that no step runs. */
function dropUnused(schedule: Schedule): Schedule {
  const tensorUsed = new Uint8Array(schedule.tensors.length);
  const kernelUsed = new Uint8Array(schedule.kernels.length);
  schedule.tensors.forEach((tensor, index) => {
    if (tensor.program === null) tensorUsed[index] = 1;
  });
  for (const program of schedule.programs) {
    for (const { tensor } of [...program.inputs, ...program.outputs]) tensorUsed[tensor] = 1;
    for (const step of program.steps) {
      kernelUsed[step.kernel] = 1;
      for (const tensor of step.operands) tensorUsed[tensor] = 1;
    }
  }
  const newIndex = (used: Uint8Array) => {
    let next = 0;
    return Int32Array.from(used, (flag) => (flag ? next++ : -1));
  };
  const tensor = newIndex(tensorUsed);
  const kernel = newIndex(kernelUsed);
  return {
    name: schedule.name,
    tensors: schedule.tensors.filter((_, index) => tensorUsed[index]),
    kernels: schedule.kernels.filter((_, index) => kernelUsed[index]),
    programs: schedule.programs.map((program) => ({
      name: program.name,
      inputs: program.inputs.map((input) => ({ ...input, tensor: tensor[input.tensor] })),
      outputs: program.outputs.map((output) => ({ ...output, tensor: tensor[output.tensor] })),
      steps: program.steps.map((step) => ({
        ...step,
        kernel: kernel[step.kernel],
        operands: step.operands.map((operand) => tensor[operand]),
      })),
    })),
  };
}

function bindingErrors(schedule: Schedule, limits: TargetLimits): MemoryError[] {
  const limit = Math.min(limits.maxBindingBytes, slabCapacity(limits));
  return schedule.tensors.flatMap((tensor): MemoryError[] => {
    const bytes = byteCount(tensor.shape);
    return bytes > limit ? [{ kind: 'binding', tensor, bytes, limit }] : [];
  });
}

/** Bytes of one slab that can be used: both the alignment of offsets and that of slabs divide it. */
function slabCapacity(limits: TargetLimits): number {
  const unit = Math.max(limits.offsetAlignment, limits.slabAlignment);
  return Math.floor(limits.maxBufferBytes / unit) * unit;
}

/**
 * The tensors of one program that share a place, as one block: a chain of handovers lives from the first tensor's
 * first step to the last one's last.
 */
function programBlocks(
  program: number,
  schedule: Schedule,
  live: Liveness,
  bytes: Float64Array,
  root: Int32Array,
): { blocks: Blocks; roots: number[] } {
  const position = new Map<number, number>();
  const roots: number[] = [];
  const last: number[] = [];
  schedule.tensors.forEach((tensor, index) => {
    if (tensor.program !== program) return;
    let block = position.get(root[index]);
    if (block === undefined) {
      block = roots.push(root[index]) - 1;
      last.push(0);
      position.set(root[index], block);
    }
    last[block] = Math.max(last[block], live.lastStep[index]);
  });
  const blocks = {
    bytes: Float64Array.from(roots, (tensor) => bytes[tensor]),
    first: Int32Array.from(roots, (tensor) => live.firstStep[tensor]),
    last: Int32Array.from(last),
  };
  return { blocks, roots };
}

/** For each tensor the first of its chain of handovers: itself where it took over nothing. */
function chainRoots(count: number, handovers: readonly Handover[]): Int32Array {
  const root = Int32Array.from({ length: count }, (_, index) => index);
  // A tensor's own handover is always seen before the one in which it is taken over.
  for (const { tensor, from } of handovers) root[tensor] = root[from];
  return root;
}

/** Addresses of the tensors that every program shares: first fit by falling size, slab by slab. */
function placePersistent(
  schedule: Schedule,
  bytes: Float64Array,
  slabBytes: number,
  addresses: Float64Array,
): number[] {
  const reserved: number[] = [];
  const persistent = schedule.tensors.flatMap((tensor, i) => (tensor.program === null ? [i] : []));
  persistent.sort((a, b) => bytes[b] - bytes[a] || a - b);
  for (const tensor of persistent) {
    let slab = 0;
    while ((reserved[slab] ?? 0) + bytes[tensor] > slabBytes) slab++;
    addresses[tensor] = slab * slabBytes + (reserved[slab] ?? 0);
    reserved[slab] = (reserved[slab] ?? 0) + bytes[tensor];
  }
  return reserved;
}

function allocate(
  { schedule, handovers }: InPlaceSchedule,
  live: Liveness,
  limits: TargetLimits,
  target: Target,
): AllocatedSchedule {
  const bytes = alignedBytes(schedule, limits.offsetAlignment);
  const slabBytes = slabCapacity(limits);
  const addresses = new Float64Array(schedule.tensors.length);
  const root = chainRoots(schedule.tensors.length, handovers);
  const reserved = placePersistent(schedule, bytes, slabBytes, addresses);

  const extents: number[] = [];
  let peakLiveBytes = 0;
  schedule.programs.forEach((_, program) => {
    const { blocks, roots } = programBlocks(program, schedule, live, bytes, root);
    const packing = packBlocks(blocks, { slabBytes, reserved });
    roots.forEach((tensor, block) => {
      addresses[tensor] = packing.addresses[block];
    });
    packing.extents.forEach((extent, slab) => {
      extents[slab] = Math.max(extents[slab] ?? 0, extent);
    });
    for (const step of liveBytes(blocks)) peakLiveBytes = Math.max(peakLiveBytes, step);
  });

  const tookOver = new Set(handovers.map((handover) => handover.tensor));
  const placements = schedule.tensors.map((tensor, index): Placement => {
    const address = addresses[root[index]];
    const slab = Math.floor(address / slabBytes);
    return {
      slab,
      offset: address - slab * slabBytes,
      firstStep: live.firstStep[index],
      lastStep: live.lastStep[index],
      policy: tensor.program === null ? 'persistent' : tookOver.has(index) ? 'in-place' : 'arena',
    };
  });
  const slabCount = Math.max(reserved.length, extents.length);
  const slabs = Array.from({ length: slabCount }, (_, slab) => ({
    bytes: alignUp((reserved[slab] ?? 0) + (extents[slab] ?? 0), limits.slabAlignment),
  }));
  return {
    ...schedule,
    slabs,
    placements,
    arenaBytes: sum(extents),
    persistentBytes: sum(reserved),
    peakLiveBytes,
    stagingBytes: target === 'webgpu' ? stagingBytes(schedule) : 0,
  };
}

/** Sum of an array that may have holes. */
function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Each output is copied to a place of its own, 16-byte aligned, in one buffer that all programs share. */
function stagingBytes(schedule: Schedule): number {
  return schedule.programs.reduce((most, { outputs }) => {
    const bytes = outputs.map(({ tensor }) =>
      alignUp(byteCount(schedule.tensors[tensor].shape), 16),
    );
    return Math.max(most, sum(bytes));
  }, 0);
}

/** The step at which most arena memory is live, and what is live there; null when there is no arena. */
export function memoryPeak(schedule: AllocatedSchedule, alignment: number): MemoryPeak | null {
  const bytes = alignedBytes(schedule, alignment);
  let peak: MemoryPeak | null = null;
  schedule.programs.forEach((program, index) => {
    const tensors = schedule.tensors.flatMap((tensor, i) => (tensor.program === index ? [i] : []));
    // At a handover both tensors are live in one place: count the place once.
    const start = (tensor: number) => {
      const { policy, firstStep } = schedule.placements[tensor];
      return policy === 'in-place' ? firstStep + 1 : firstStep;
    };
    const counted = tensors.filter((i) => start(i) <= schedule.placements[i].lastStep);
    const live = liveBytes({
      bytes: Float64Array.from(counted, (i) => bytes[i]),
      first: Int32Array.from(counted, start),
      last: Int32Array.from(counted, (i) => schedule.placements[i].lastStep),
    });
    const most = live.reduce((a, b) => Math.max(a, b), 0);
    if (tensors.length === 0 || (peak && peak.liveBytes >= most)) return;
    const step = live.indexOf(most);
    peak = {
      program: index,
      step,
      scheduleStep: program.steps[step] ?? null,
      liveBytes: most,
      tensors: tensors
        .filter((i) => start(i) <= step && schedule.placements[i].lastStep >= step)
        .sort((a, b) => bytes[b] - bytes[a] || a - b),
    };
  });
  return peak;
}

export { outputFlags };
