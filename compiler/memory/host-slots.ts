import { type BufferSet, HOST_ALIGNMENT, type HostSlot, type Target } from '../../ir/plan.ts';
import { setBytes } from '../../ir/plan-host.ts';
import { NO_BUFFERS } from '../../ir/plan-swap.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import type { Blocks } from '../liveness/events.ts';
import { alignUp } from '../liveness/lifetimes.ts';
import { floorBytes, type HostTraffic, sizeBuffers } from './host-buffers.ts';
import { packBlocks } from './offsets.ts';
import { type SlotUse, slotUses } from './slot-uses.ts';

/** How much may be kept where, in bytes: `hostBytes` is all host memory, buffers included. */
export interface HostBudget {
  readonly hostBytes: number;
  readonly spillBytes: number;
}

export const UNLIMITED_HOST: HostBudget = { hostBytes: Number.POSITIVE_INFINITY, spillBytes: 0 };

/** The host's part of a plan. */
export interface HostPlacement {
  readonly slots: readonly HostSlot[];
  readonly reading: BufferSet;
  readonly writing: BufferSet;
  /** Everything of these in host memory, and in the spill file. */
  readonly memoryBytes: number;
  readonly spillBytes: number;
}

const ADDRESSES = { slabBytes: 2 ** 52, reserved: [] };

/** The slots of a schedule, snapshots among them, of which those that are copied least and wait longest go to the file first. */
export class HostPlacer {
  readonly #schedule: Schedule;
  readonly #target: Target;
  readonly #stagingBytes: number;
  readonly #uses: readonly SlotUse[];
  readonly #byPatience: readonly SlotUse[];
  /** By how many of them are in the file. */
  readonly #spilled = new Map<number, Spilled>();

  /** `stagingBytes`: of a buffer of the device that values are copied out through. */
  constructor(schedule: Schedule, target: Target, stagingBytes: number) {
    this.#schedule = schedule;
    this.#target = target;
    this.#stagingBytes = stagingBytes;
    this.#uses = slotUses(schedule, target);
    this.#byPatience = [...this.#uses].sort(
      (a, b) =>
        a.transfers - b.transfers || b.last - b.first - (a.last - a.first) || a.slot - b.slot,
    );
  }

  /** In host memory as long as that lasts, the others in the spill file; over the budget where both do not do. */
  place(budget: HostBudget): HostPlacement {
    const fits = (count: number) => this.#least(count) <= budget.hostBytes;
    const count = this.#uses.length;
    let chosen = fits(0) ? 0 : firstOf(count, fits);
    // What packs well is not always monotone, so what the error would name is tried as well.
    if (chosen > 0 && this.#spill(chosen).file.bytes > budget.spillBytes) {
      const most = this.#mostSpilled(budget.spillBytes);
      if (fits(most)) chosen = most;
    }
    return this.#placement(chosen, budget.hostBytes);
  }

  /** The smallest host budget with which {@link place} keeps the spill budget. */
  leastHostBytes(spillBytes: number): number {
    return Math.min(this.#least(0), this.#least(this.#mostSpilled(spillBytes)));
  }

  /** How many slots can go to a file of so many bytes. */
  #mostSpilled(spillBytes: number): number {
    const over = (count: number) => this.#spill(count).file.bytes > spillBytes;
    const most = over(this.#uses.length) ? firstOf(this.#uses.length, over) - 1 : this.#uses.length;
    return Math.max(0, most);
  }

  /** Least host memory with so many slots in the file. */
  #least(count: number): number {
    const { memory, traffic } = this.#spill(count);
    return memory.bytes + floorBytes(traffic);
  }

  #placement(count: number, hostBytes: number): HostPlacement {
    const { isSpilled, memory, file, traffic } = this.#spill(count);
    const { reading, writing } = sizeBuffers(traffic, hostBytes - memory.bytes);
    const slots = this.#uses.map(({ slot, bytes, copies, tensor }): HostSlot => {
      const tier = isSpilled(slot) ? 'file' : 'memory';
      return {
        tier,
        offset: (tier === 'file' ? file : memory).offsets.get(slot)!,
        bytes,
        copies,
        tensor,
      };
    });
    const memoryBytes = memory.bytes + setBytes(reading) + setBytes(writing);
    return { slots, reading, writing, memoryBytes, spillBytes: file.bytes };
  }

  #spill(count: number): Spilled {
    let spilled = this.#spilled.get(count);
    if (!spilled) {
      const names = new Set(this.#byPatience.slice(0, count).map(({ slot }) => slot));
      const isSpilled = (slot: number) => names.has(slot);
      const [inMemory, inFile] = [false, true].map((which) =>
        this.#uses.filter(({ slot }) => isSpilled(slot) === which),
      );
      spilled = {
        isSpilled,
        memory: packTier(this.#schedule, inMemory),
        file: packTier(this.#schedule, inFile),
        traffic: trafficOf(this.#schedule, inFile, this.#target, this.#stagingBytes),
      };
      this.#spilled.set(count, spilled);
    }
    return spilled;
  }
}

interface Spilled {
  readonly isSpilled: (slot: number) => boolean;
  readonly memory: PackedTier;
  readonly file: PackedTier;
  readonly traffic: HostTraffic;
}

/** The least number from 1 to `most` for which a condition holds that holds from somewhere on; `most` where it never does. */
function firstOf(most: number, holds: (count: number) => boolean): number {
  let [low, high] = [1, Math.max(1, most)];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}

interface PackedTier {
  readonly offsets: ReadonlyMap<number, number>;
  readonly bytes: number;
}

/** Slots of host-resident tensors and snapshots first, behind them one area for the values of all programs, which never run at the same time. */
function packTier(schedule: Schedule, uses: readonly SlotUse[]): PackedTier {
  const offsets = new Map<number, number>();
  let resident = 0;
  const size = ({ bytes, copies }: SlotUse) => copies * alignUp(bytes, HOST_ALIGNMENT);
  for (const use of uses) {
    if (use.program !== null) continue;
    offsets.set(use.slot, resident);
    resident += size(use);
  }
  let bytes = resident;
  schedule.programs.forEach((_, program) => {
    const own = uses.filter((use) => use.program === program);
    const blocks: Blocks = {
      bytes: Float64Array.from(own, size),
      first: Int32Array.from(own, ({ first }) => first),
      last: Int32Array.from(own, ({ last }) => last),
    };
    const packing = packBlocks(blocks, ADDRESSES);
    own.forEach(({ slot }, i) => {
      offsets.set(slot, resident + packing.addresses[i]);
    });
    bytes = Math.max(bytes, resident + packing.bytes);
  });
  return { offsets, bytes };
}

/** What passes through buffers on its way to and from the file. */
function trafficOf(
  { programs, tensors }: Schedule,
  inFile: readonly SlotUse[],
  target: Target,
  stagingBytes: number,
): HostTraffic {
  const isFile = new Set(inFile.map(({ slot }) => slot));
  const bytesOf = (tensor: number) => byteCount(tensors[tensor]);
  const ins = programs.map(({ transfers = [] }) =>
    transfers.flatMap(({ kind, slot, tensor }) =>
      kind === 'in' && isFile.has(slot) ? [bytesOf(tensor)] : [],
    ),
  );
  const outs = programs.some(({ transfers = [] }) =>
    transfers.some(({ kind, slot }) => kind === 'out' && isFile.has(slot)),
  );
  // A failed run is undone from them: straight into memory that the host reads.
  const snapshots = inFile.filter(({ isSnapshot, copies }) => isSnapshot && copies === 2);
  if (TARGET_RULES[target].readsDirectly) return { reads: ins, written: NO_BUFFERS };
  return {
    reads: [...ins, ...snapshots.map(({ bytes }) => [bytes])],
    written: outs || snapshots.length > 0 ? { buffers: 2, bytes: stagingBytes } : NO_BUFFERS,
  };
}
