import {
  type BufferSet,
  HOST_ALIGNMENT,
  type HostSlot,
  type HostTier,
  type Plan,
  type PlanProgram,
  type PlanSwap,
} from './plan.ts';
import { LiveRanges } from './ranges.ts';
import { TARGET_RULES } from './targets.ts';

// The part of `verifyPlan` about values that leave device memory. What it proves:
//
// slots       lie at multiples of 64; a tensor with policy `host` has exactly one, its home, of its bytes; a home has two
//             copies exactly where some program copies to it;
// transfers   stand in the order of time, `in` before and `out` after their step; each names a slot and an arena tensor of its
//             program and of the slot's bytes; an `in` is the first use of a tensor that says whose value it copies;
// values      an `in` from a slot without a home follows an `out` of the same value in the same program; a home takes and gives
//             its tensor's value alone;
// places      slots of a tier that share bytes are not in use together: a home always is, another slot from the first `out`
//             of a program to its last `in`.
//
// plan-lifetimes.ts counts transfers as uses of their tensors in time.

type Report = (path: string, reason: string) => void;

export const NO_BUFFERS: BufferSet = { buffers: 0, bytes: 0 };
export const NO_SWAP: PlanSwap = {
  ...{ staging: NO_BUFFERS, reading: NO_BUFFERS, writing: NO_BUFFERS },
  slots: [],
};

/** The compiler makes two; more than a few would only take memory. */
const MOST_STAGING_BUFFERS = 16;

/** Distance of the copies of a slot. */
export function slotStride({ bytes }: Pick<HostSlot, 'bytes'>): number {
  return Math.ceil(bytes / HOST_ALIGNMENT) * HOST_ALIGNMENT;
}

/** Bytes of a tier: the end of its last slot, all copies counted, each rounded up to {@link HOST_ALIGNMENT}. */
export function tierBytes(slots: readonly HostSlot[], tier: HostTier): number {
  return slots.reduce(
    (most, slot) =>
      slot.tier === tier ? Math.max(most, slot.offset + slot.copies * slotStride(slot)) : most,
    0,
  );
}

/** When a transfer happens, in half steps. */
export function transferTime({ kind, step }: { kind: 'in' | 'out'; step: number }): number {
  return 2 * step + (kind === 'out' ? 1 : 0);
}

/** For each tensor the first in its chain of `copyOf`: itself where it has none. Premise: the chains end. */
export function originals(plan: Pick<Plan, 'tensors'>): Int32Array {
  const original = new Int32Array(plan.tensors.length).fill(-1);
  plan.tensors.forEach((_, index) => {
    const chain: number[] = [];
    let at = index;
    while (original[at] < 0) {
      const { copyOf } = plan.tensors[at];
      chain.push(at);
      if (!copyOf) original[at] = at;
      else at = copyOf.tensor;
    }
    for (const link of chain) original[link] = original[at];
  });
  return original;
}

/** Indices, sizes and order of slots and transfers. */
export function verifySwapForm(plan: Plan, report: Report): void {
  const { staging, slots } = plan.swap ?? NO_SWAP;
  const homes = new Uint32Array(plan.tensors.length);
  slots.forEach(({ offset, bytes, tensor, copies }, i) => {
    const path = `swap.slots[${i}]`;
    if (offset % HOST_ALIGNMENT !== 0)
      report(`${path}.offset`, `${offset} is not a multiple of ${HOST_ALIGNMENT}`);
    if (tensor === null) {
      if (copies !== 1) report(`${path}.copies`, 'only a home has two copies');
      return;
    }
    const owner = plan.tensors[tensor];
    if (owner?.policy !== 'host' && owner?.policy !== 'persistent') {
      report(`${path}.tensor`, `${tensor} is no tensor with policy 'host' or 'persistent'`);
      return;
    }
    homes[tensor]++;
    if (bytes !== owner.bytes)
      report(`${path}.bytes`, `${bytes}, but tensor '${owner.name}' has ${owner.bytes}`);
  });
  plan.tensors.forEach(({ policy, name }, i) => {
    if (policy === 'host' && homes[i] !== 1)
      report(`tensors[${i}].policy`, `'host', but '${name}' has ${homes[i]} homes`);
  });
  let outs = 0;
  for (const [name, program] of Object.entries(plan.programs)) {
    verifyTransferForm(plan, name, program, report);
    outs += (program.transfers ?? []).filter(({ kind }) => kind === 'out').length;
  }
  const { buffers, bytes } = staging;
  if (buffers === 0 ? bytes !== 0 : bytes === 0 || bytes % 16 !== 0)
    report('swap.staging.bytes', `${bytes} is no size of ${buffers} buffers`);
  if (
    TARGET_RULES[plan.target].readsDirectly
      ? buffers > 0
      : buffers > MOST_STAGING_BUFFERS || (outs > 0 && buffers === 0)
  )
    report('swap.staging.buffers', `${buffers} for ${outs} copies out on ${plan.target}`);
}

function verifyTransferForm(plan: Plan, name: string, program: PlanProgram, report: Report): void {
  const slots = plan.swap?.slots ?? [];
  let now = 0;
  program.transfers?.forEach((transfer, i) => {
    const path = `programs.${name}.transfers[${i}]`;
    if (transfer.step >= program.steps.length)
      report(`${path}.step`, `there is no step ${transfer.step}`);
    if (transferTime(transfer) < now) report(`${path}.step`, 'earlier than the transfer before it');
    now = transferTime(transfer);
    const tensor = plan.tensors[transfer.tensor];
    const slot = slots[transfer.slot];
    if (!slot) report(`${path}.slot`, `there is no slot ${transfer.slot}`);
    else if (slot.tensor !== null && plan.tensors[slot.tensor]?.policy === 'persistent')
      report(`${path}.slot`, `${transfer.slot} is a snapshot, which no transfer names`);
    if (!tensor || tensor.program !== name) {
      report(`${path}.tensor`, `${transfer.tensor} is no tensor of program '${name}'`);
      return;
    }
    if (slot && slot.bytes !== tensor.bytes)
      report(`${path}.slot`, `${slot.bytes} bytes, but '${tensor.name}' has ${tensor.bytes}`);
    if (transfer.kind === 'out') return;
    if (tensor.policy !== 'arena' || tensor.role === 'input')
      report(`${path}.tensor`, `'${tensor.name}' is written by the caller or in place`);
    if (tensor.copyOf?.by !== 'swap')
      report(`${path}.tensor`, `'${tensor.name}' does not say whose value it holds`);
  });
}

/** Which tensors are copies: the chains end, and each link is made as it says. */
export function verifyCopies(plan: Plan, report: Report): void {
  /** 0: not seen; 1: in the chain that is followed; 2: its chain ends. */
  const seen = new Uint8Array(plan.tensors.length);
  plan.tensors.forEach((tensor, index) => {
    if (!tensor.copyOf) return;
    const path = `tensors[${index}].copyOf`;
    const of = plan.tensors[tensor.copyOf.tensor];
    if (!of) report(`${path}.tensor`, `there is no tensor ${tensor.copyOf.tensor}`);
    else if (of.dtype !== tensor.dtype || of.bytes !== tensor.bytes)
      report(`${path}.tensor`, `'${of.name}' is of another type than '${tensor.name}'`);
    else if (of.policy === 'host' ? tensor.program === null : of.program !== tensor.program)
      report(`${path}.tensor`, `'${of.name}' belongs to another program than '${tensor.name}'`);
    const chain: number[] = [];
    let at: number | undefined = index;
    for (; at !== undefined && seen[at] === 0; at = plan.tensors[at]?.copyOf?.tensor) {
      seen[at] = 1;
      chain.push(at);
    }
    if (at !== undefined && seen[at] === 1) report(`${path}.tensor`, 'the chain does not end');
    for (const link of chain) seen[link] = 2;
  });
}

/** That copies are recomputed or swapped in as they say, and that nothing is updated twice. Premise: indices are sound. */
export function verifyCopiesMade(plan: Plan, report: Report): void {
  const original = originals(plan);
  const made = { swap: new Set<number>(), recompute: new Set<number>() };
  for (const [name, { steps, transfers = [] }] of Object.entries(plan.programs)) {
    for (const { kind, tensor } of transfers) if (kind === 'in') made.swap.add(tensor);
    steps.forEach((step, s) => {
      if (!step.recomputed) return;
      step.bindings.forEach((index, b) => {
        if (plan.kernels[step.kernel].bindings[b].access === 'read') return;
        made.recompute.add(index);
        const { name: written, program } = plan.tensors[original[index]];
        if (program === null)
          report(
            `programs.${name}.steps[${s}].bindings[${b}]`,
            `'${written}' is written by a recomputed step`,
          );
      });
    });
  }
  plan.tensors.forEach(({ copyOf }, index) => {
    if (!copyOf || made[copyOf.by].has(index)) return;
    // A parameter's new value may be computed in a place of its own.
    if (copyOf.by === 'swap' && plan.tensors[original[index]].policy === 'host') return;
    const way = copyOf.by === 'swap' ? 'no transfer brings it in' : 'no recomputed step writes it';
    report(`tensors[${index}].copyOf.by`, `'${copyOf.by}', but ${way}`);
  });
}

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
      report(path, `the home of '${plan.tensors[home].name}' is none of this tensor's value`);
    if (kind === 'out') {
      if (home !== null && value.has(slot)) report(path, 'a home is written once in a run');
      value.set(slot, own);
    } else if (home === null && value.get(slot) !== own) {
      const wanted = plan.tensors[own].name;
      report(path, `no transfer before it has brought '${wanted}' there`);
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
