import type { HostSlot, HostTier, Plan, PlanProgram } from './plan.ts';
import { originals } from './plan-copies.ts';
import type { Report } from './plan-report.ts';
import { slotStride } from './plan-swap.ts';
import { LiveRanges } from './ranges.ts';

// The part of `verifyPlan` about what slots hold. What it proves:
//
// values      an `in` follows an `out` of the same value to that slot in the same program, unless it is a home slot; a home slot
//             takes and gives the value of its tensor alone;
// places      slots of a tier that share bytes are not in use together: a home slot always is, another slot from the first `out`
//             of a program to its last `in`.

/** What each slot holds as a program runs. Premise: indices, sizes and order are sound. */
export function verifySlots(plan: Plan, report: Report): void {
  const slots = plan.swap?.slots ?? [];
  const original = originals(plan);
  const written = new Uint8Array(slots.length);
  for (const [name, program] of Object.entries(plan.programs)) {
    verifySlotValues(plan, name, program, original, report);
    verifySlotPlaces(slots, name, program, report);
    for (const { kind, slot } of program.transfers ?? []) if (kind === 'out') written[slot] = 1;
  }
  slots.forEach(({ tensor, copies }, i) => {
    const isHome = tensor !== null && plan.tensors[tensor].policy === 'host';
    if (isHome && copies !== 1 + written[i])
      report(
        `swap.slots[${i}].copies`,
        `${copies}, but ${written[i] ? 'a' : 'no'} program writes it`,
      );
  });
}

function verifySlotValues(
  plan: Plan,
  name: string,
  program: PlanProgram,
  original: Int32Array,
  report: Report,
): void {
  const value = new Map<number, number>();
  program.transfers?.forEach(({ kind, tensor, slot }, i) => {
    const path = `programs.${name}.transfers[${i}].slot`;
    const home = plan.swap!.slots[slot].tensor;
    const own = original[tensor];
    if (home !== null && own !== home)
      report(path, `the home slot of '${plan.tensors[home].name}' cannot hold this tensor's value`);
    if (kind === 'out') {
      if (home !== null && value.has(slot)) report(path, 'a home slot is written once in a run');
      value.set(slot, own);
    } else if (home === null && value.get(slot) !== own) {
      const wanted = plan.tensors[own].name;
      report(path, `no earlier transfer has copied '${wanted}' there`);
    }
  });
}

/** Sweeps over the transfers of one program with the set of slots in use. */
function verifySlotPlaces(
  slots: readonly HostSlot[],
  name: string,
  { transfers = [] }: PlanProgram,
  report: Report,
): void {
  const used: Record<HostTier, LiveRanges> = { memory: new LiveRanges(), file: new LiveRanges() };
  const enter = (slot: number, path: string) => {
    const { tier, offset, copies } = slots[slot];
    const end = offset + copies * slotStride(slots[slot]);
    const other = used[tier].add(offset, end, slot);
    if (other >= 0) report(path, `slots ${slot} and ${other} share bytes while both are in use`);
  };
  slots.forEach(({ tensor }, slot) => {
    if (tensor !== null) enter(slot, `swap.slots[${slot}].offset`);
  });
  const last = new Map<number, number>();
  transfers.forEach(({ slot }, i) => {
    last.set(slot, i);
  });
  const live = new Set<number>();
  transfers.forEach(({ slot }, i) => {
    if (slots[slot].tensor !== null) return;
    if (!live.has(slot)) enter(slot, `programs.${name}.transfers[${i}].slot`);
    live.add(slot);
    if (last.get(slot) === i) used[slots[slot].tier].remove(slots[slot].offset, slot);
  });
}
