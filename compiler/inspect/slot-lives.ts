import type { HostTier, Plan } from '../../ir/plan.ts';
import { NO_SWAP, slotStride, transferTime } from '../../ir/plan-swap.ts';

/** Host memory in use for a value. Times are half steps, as `transferTime` gives them. */
export interface SlotLife {
  /** Index into the slots of the plan's `swap`. */
  readonly slot: number;
  readonly tier: HostTier;
  /** Where it begins in its tier, and what it takes there, all copies and alignment counted. */
  readonly offset: number;
  readonly bytes: number;
  /** The tensor whose value it holds. */
  readonly tensor: number;
}

/** A slot that holds a value of one run: from the first transfer that writes it to the last that names it. */
export interface ValueSlotLife extends SlotLife {
  readonly from: number;
  readonly to: number;
}

/** Slots in use all the time: homes of host-resident tensors, and snapshots. */
export function lastingSlots({ swap = NO_SWAP }: Plan): SlotLife[] {
  return swap.slots.flatMap(({ tier, offset, tensor, ...slot }, index) =>
    tensor === null
      ? []
      : [{ slot: index, tier, offset, bytes: slot.copies * slotStride(slot), tensor }],
  );
}

/** The other slots that a program uses, in the order in which they come to use. */
export function valueSlots({ swap = NO_SWAP, programs }: Plan, program: string): ValueSlotLife[] {
  const lives = new Map<number, ValueSlotLife & { to: number }>();
  for (const transfer of programs[program].transfers ?? []) {
    const { slot, tensor } = transfer;
    const { tier, offset, tensor: home, copies, ...rest } = swap.slots[slot];
    if (home !== null) continue;
    const time = transferTime(transfer);
    const life = lives.get(slot);
    if (life) life.to = time;
    else {
      const bytes = copies * slotStride(rest);
      lives.set(slot, { slot, tier, offset, bytes, tensor, from: time, to: time });
    }
  }
  return [...lives.values()];
}

/** Host bytes that are in use between runs, by tier. */
export function lastingBytes(plan: Plan): Readonly<Record<HostTier, number>> {
  const sums = { memory: 0, file: 0 };
  for (const { tier, bytes } of lastingSlots(plan)) sums[tier] += bytes;
  return sums;
}

/**
 * Host bytes that are in use in each half step of a program, by tier: at 2s while step s runs, at 2s + 1 when what goes out behind it
 * is there.
 */
export function hostBytes(plan: Plan, program: string): Readonly<Record<HostTier, Float64Array>> {
  const count = 2 * plan.programs[program].steps.length;
  const change = { memory: new Float64Array(count + 1), file: new Float64Array(count + 1) };
  const lasting = lastingBytes(plan);
  change.memory[0] = lasting.memory;
  change.file[0] = lasting.file;
  for (const { tier, bytes, from, to } of valueSlots(plan, program)) {
    change[tier][from] += bytes;
    // What comes in before a step has been read when it runs; what goes out last is there for its half step.
    change[tier][to + (to % 2)] -= bytes;
  }
  for (const sums of Object.values(change))
    for (let at = 1; at <= count; at++) sums[at] += sums[at - 1];
  return { memory: change.memory.slice(0, count), file: change.file.slice(0, count) };
}
