import { HOST_ALIGNMENT, type HostSlot, type HostTier } from '../../ir/plan.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { byteCount } from '../../ir/tensor.ts';
import { alignUp, type Blocks } from './liveness.ts';
import { packBlocks } from './offsets.ts';

/** How much may be kept where, in bytes. */
export interface HostBudget {
  readonly hostBytes: number;
  readonly spillBytes: number;
}

export const UNLIMITED_HOST: HostBudget = { hostBytes: Number.POSITIVE_INFINITY, spillBytes: 0 };

/** What a slot holds and when: a home always, another one from its first copy out to its last copy in. */
interface SlotUse {
  readonly slot: number;
  readonly program: number | null;
  readonly bytes: number;
  readonly copies: 1 | 2;
  first: number;
  last: number;
  transfers: number;
}

const ADDRESSES = { slabBytes: 2 ** 52, reserved: [] };

/**
 * Addresses of the slots of a schedule: in host memory as long as that lasts, the others in the spill file. What is copied least and
 * waits longest goes to the file first.
 */
export function placeSlots(schedule: Schedule, budget: HostBudget): HostSlot[] {
  const uses = slotUses(schedule);
  const spilled = new Set<number>();
  const byPatience = [...uses].sort(
    (a, b) => a.transfers - b.transfers || b.last - b.first - (a.last - a.first) || a.slot - b.slot,
  );
  let memory = packTier(schedule, uses);
  for (const use of byPatience) {
    if (memory.bytes <= budget.hostBytes) break;
    // As much as is over at least; sharing may ask for more.
    spilled.add(use.slot);
    memory = packTier(
      schedule,
      uses.filter(({ slot }) => !spilled.has(slot)),
    );
  }
  const file = packTier(
    schedule,
    uses.filter(({ slot }) => spilled.has(slot)),
  );
  return uses.map(({ slot, bytes, copies }): HostSlot => {
    const tier: HostTier = spilled.has(slot) ? 'file' : 'memory';
    const offset = (tier === 'file' ? file : memory).offsets.get(slot)!;
    return { tier, offset, bytes, copies, tensor: schedule.slots![slot].tensor };
  });
}

function slotUses(schedule: Schedule): SlotUse[] {
  const uses = (schedule.slots ?? []).map(
    ({ tensor, copies }, slot): SlotUse => ({
      slot,
      program: null,
      bytes: tensor === null ? 0 : byteCount(schedule.tensors[tensor].shape),
      copies,
      first: Number.POSITIVE_INFINITY,
      last: 0,
      transfers: 0,
    }),
  );
  schedule.programs.forEach(({ transfers = [] }, program) => {
    for (const { slot, tensor, step } of transfers) {
      const use = uses[slot];
      uses[slot] = {
        ...use,
        program: schedule.slots![slot].tensor === null ? program : null,
        bytes: byteCount(schedule.tensors[tensor].shape),
        first: Math.min(use.first, step),
        last: Math.max(use.last, step),
        transfers: use.transfers + 1,
      };
    }
  });
  return uses;
}

/** Homes first, behind them one area for the values of all programs, which never run at the same time. */
function packTier(schedule: Schedule, uses: readonly SlotUse[]) {
  const offsets = new Map<number, number>();
  let homes = 0;
  const size = ({ bytes, copies }: SlotUse) => copies * alignUp(bytes, HOST_ALIGNMENT);
  for (const use of uses) {
    if (use.program !== null) continue;
    offsets.set(use.slot, homes);
    homes += size(use);
  }
  let bytes = homes;
  schedule.programs.forEach((_, program) => {
    const own = uses.filter((use) => use.program === program);
    const blocks: Blocks = {
      bytes: Float64Array.from(own, size),
      first: Int32Array.from(own, ({ first }) => first),
      last: Int32Array.from(own, ({ last }) => last),
    };
    const packing = packBlocks(blocks, ADDRESSES);
    own.forEach(({ slot }, i) => {
      offsets.set(slot, homes + packing.addresses[i]);
    });
    bytes = Math.max(bytes, homes + packing.bytes);
  });
  return { offsets, bytes };
}
