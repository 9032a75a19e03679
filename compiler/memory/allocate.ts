import { largest } from '../../ir/lists.ts';
import type { Target } from '../../ir/plan.ts';
import { readbackBytesOf } from '../../ir/plan-staging.ts';
import type { AllocatedSchedule, Placement, Schedule, TargetLimits } from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import { peakLiveBytes } from '../liveness/events.ts';
import { alignedBytes, alignUp, classBlocks, persistentOnDevice } from '../liveness/lifetimes.ts';
import { type HostBudget, type HostPlacement, HostPlacer } from './host-slots.ts';
import type { InPlaceSchedule } from './in-place.ts';
import { packBlocks } from './offsets.ts';

/** Bytes of one slab that can be used: both the alignment of offsets and that of slabs divide it. */
export function slabCapacity(limits: TargetLimits): number {
  const unit = Math.max(limits.offsetAlignment, limits.slabAlignment);
  return Math.floor(limits.maxBufferBytes / unit) * unit;
}

/** Addresses of the tensors that every program shares: first fit by falling size, slab by slab. */
function placePersistent(
  schedule: Schedule,
  bytes: Float64Array,
  slabBytes: number,
  addresses: Float64Array,
): number[] {
  const reserved: number[] = [];
  const persistent = persistentOnDevice(schedule);
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
  /** webgpu: the largest buffer that swapped tensors are copied out through, in bytes. */
  readonly swapStagingBytes: number;
  /** Bytes on the device that are few enough: offsets are not searched for further where all fits. */
  readonly budgetBytes?: number | undefined;
  /** Bytes on the device that are too many: offsets are not searched for further where no search gets below. */
  readonly uselessBytes?: number | undefined;
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
  { schedule, handovers, live }: InPlaceSchedule,
  limits: TargetLimits,
  { target, host, swapStagingBytes, budgetBytes, uselessBytes }: AllocationOptions,
): Allocation {
  const bytes = alignedBytes(schedule, limits.offsetAlignment);
  const slabBytes = slabCapacity(limits);
  const addresses = new Float64Array(schedule.tensors.length);
  const classes = classBlocks(schedule, live, bytes, handovers);
  const reserved = placePersistent(schedule, bytes, slabBytes, addresses);

  const swapStaging = swapStagingOf(schedule, target, swapStagingBytes);
  const readback = TARGET_RULES[target].readsDirectly ? 0 : stagingBytes(schedule);
  const staging = readback + swapStaging.buffers * swapStaging.bytes;
  // What the budget leaves to the arena, in one slab with what is persistent.
  const capacity =
    budgetBytes === undefined || reserved.length > 1
      ? undefined
      : alignDown(budgetBytes - staging, limits.slabAlignment) - sum(reserved);

  const extents: number[] = [];
  const most = classes.programs.map(({ blocks }) => peakLiveBytes(blocks));
  const mostLiveBytes = largest(most, 0);
  const isUseless =
    uselessBytes !== undefined && sum(reserved) + staging + mostLiveBytes > uselessBytes;
  const packings = classes.programs.map(({ blocks, roots }) => {
    const packing = packBlocks(blocks, { slabBytes, reserved }, { capacity, isUseless });
    roots.forEach((tensor, block) => {
      addresses[tensor] = packing.addresses[block];
    });
    packing.extents.forEach((extent, slab) => {
      extents[slab] = Math.max(extents[slab] ?? 0, extent);
    });
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
    const address = addresses[classes.classOf[index]];
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
    peakLiveBytes: mostLiveBytes,
    packing: method,
    stagingBytes: staging,
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

const alignDown = (bytes: number, unit: number): number => Math.floor(bytes / unit) * unit;

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
    persistent: persistentOnDevice({ tensors }).map(bytes),
  });
}
