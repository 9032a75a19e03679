import type { Target } from '../../ir/plan.ts';
import { readbackBytesOf } from '../../ir/plan-staging.ts';
import type { AllocatedSchedule, Placement, Schedule, TargetLimits } from '../../ir/schedule.ts';
import type { Handover } from '../../ir/schedule-flow.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import {
  alignedBytes,
  alignUp,
  type Blocks,
  type Liveness,
  liveBytes,
} from '../liveness/lifetimes.ts';
import { type HostBudget, type HostPlacement, HostPlacer } from './host-slots.ts';
import type { InPlaceSchedule } from './in-place.ts';
import { packBlocks } from './offsets.ts';

/** Bytes of one slab that can be used: both the alignment of offsets and that of slabs divide it. */
export function slabCapacity(limits: TargetLimits): number {
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
function aliasClassRoots(count: number, handovers: readonly Handover[]): Int32Array {
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
  const persistent = schedule.tensors.flatMap((tensor, i) =>
    tensor.program === null && !tensor.hostResident ? [i] : [],
  );
  persistent.sort((a, b) => bytes[b] - bytes[a] || a - b);
  for (const tensor of persistent) {
    let slab = 0;
    while ((reserved[slab] ?? 0) + bytes[tensor] > slabBytes) slab++;
    addresses[tensor] = slab * slabBytes + (reserved[slab] ?? 0);
    reserved[slab] = (reserved[slab] ?? 0) + bytes[tensor];
  }
  return reserved;
}

export interface AllocationOptions {
  readonly target: Target;
  readonly host: HostBudget;
  /** webgpu: most bytes of one buffer that swapped tensors are copied out through. */
  readonly swapStagingBytes: number;
}

/** Two: while the host reads the one, the next copy goes to the other. */
const SWAP_BUFFERS = 2;

export interface Allocation {
  readonly allocated: AllocatedSchedule;
  /** The host's part, and what would place it within other budgets. */
  readonly placement: HostPlacement;
  readonly placer: HostPlacer;
}

/**
 * Places every tensor: persistent ones first, behind them one arena for all programs, each packed on its own.
 * Every tensor must fit into a slab.
 */
export function allocate(
  { schedule, handovers }: InPlaceSchedule,
  live: Liveness,
  limits: TargetLimits,
  { target, host, swapStagingBytes }: AllocationOptions,
): Allocation {
  const bytes = alignedBytes(schedule, limits.offsetAlignment);
  const slabBytes = slabCapacity(limits);
  const addresses = new Float64Array(schedule.tensors.length);
  const root = aliasClassRoots(schedule.tensors.length, handovers);
  const reserved = placePersistent(schedule, bytes, slabBytes, addresses);

  const extents: number[] = [];
  let peakLiveBytes = 0;
  const packings = schedule.programs.map((_, program) => {
    const { blocks, roots } = programBlocks(program, schedule, live, bytes, root);
    const packing = packBlocks(blocks, { slabBytes, reserved });
    roots.forEach((tensor, block) => {
      addresses[tensor] = packing.addresses[block];
    });
    packing.extents.forEach((extent, slab) => {
      extents[slab] = Math.max(extents[slab] ?? 0, extent);
    });
    for (const step of liveBytes(blocks)) peakLiveBytes = Math.max(peakLiveBytes, step);
    return packing;
  });
  const { method } = packings.reduce((a, b) => (b.bytes > a.bytes ? b : a), {
    method: 'empty',
    bytes: 0,
  });

  const tookOver = new Set(handovers.map((handover) => handover.tensor));
  const placements = schedule.tensors.map((tensor, index): Placement => {
    if (tensor.hostResident)
      return {
        slab: null,
        offset: 0,
        firstStep: live.firstStep[index],
        lastStep: live.lastStep[index],
        policy: 'host',
      };
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
  const swapStaging = swapStagingOf(schedule, target, swapStagingBytes);
  const slabCount = Math.max(reserved.length, extents.length);
  const slabs = Array.from({ length: slabCount }, (_, slab) => ({
    bytes: alignUp((reserved[slab] ?? 0) + (extents[slab] ?? 0), limits.slabAlignment),
  }));
  const readback = TARGET_RULES[target].readsDirectly ? 0 : stagingBytes(schedule);
  // Snapshots of a plan that takes nothing else out go the way of the outputs.
  const placer = new HostPlacer(schedule, target, swapStaging.bytes || readback);
  const placement = placer.place(host);
  const { slots, reading, writing } = placement;
  const named = schedule.slots?.length ?? 0;
  const allocated: AllocatedSchedule = {
    ...schedule,
    slabs,
    placements,
    arenaBytes: sum(extents),
    persistentBytes: sum(reserved),
    peakLiveBytes,
    packing: method,
    stagingBytes: readback + swapStaging.buffers * swapStaging.bytes,
    ...{ swapStaging, reading, writing },
    hostSlots: slots.slice(0, named),
    snapshots: slots.slice(named),
  };
  return { allocated, placement, placer };
}

/** Tensors that are copied out need buffers that the host can read, on targets whose memory it cannot. */
function swapStagingOf(schedule: Schedule, target: Target, mostBytes: number) {
  const largest = schedule.programs
    .flatMap(({ transfers = [] }) => transfers.filter(({ kind }) => kind === 'out'))
    .reduce((most, { tensor }) => Math.max(most, byteCount(schedule.tensors[tensor])), 0);
  if (TARGET_RULES[target].readsDirectly || largest === 0) return { buffers: 0, bytes: 0 };
  return { buffers: SWAP_BUFFERS, bytes: alignUp(Math.min(largest, mostBytes), 256) };
}

/** Sum of an array that may have holes. */
function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The buffer of the target that the runtime reads outputs and persistent tensors through. */
function stagingBytes({ tensors, programs }: Schedule): number {
  const onDevice = (tensor: number) => !tensors[tensor].hostResident;
  const bytes = (tensor: number) => byteCount(tensors[tensor]);
  return readbackBytesOf({
    outputs: programs.map(({ outputs }) =>
      outputs.flatMap(({ tensor }) => (onDevice(tensor) ? [bytes(tensor)] : [])),
    ),
    persistent: tensors.flatMap(({ program }, tensor) =>
      program === null && onDevice(tensor) ? [bytes(tensor)] : [],
    ),
  });
}
