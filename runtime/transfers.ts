import type { Plan, PlanTensor, PlanTransfer } from '../ir/plan.ts';
import { writtenTensors } from '../ir/plan-host.ts';
import { transferTime } from '../ir/plan-swap.ts';
import type { HostSlots } from './host-slots.ts';

/** A copy from a tensor to a slot; `order` counts those of the program. */
export interface TransferOut {
  readonly tensor: PlanTensor;
  readonly slot: number;
  readonly order: number;
}

/** A copy from a slot to a tensor, once the out of that order has been written; -1: of a home slot as it was before the run. */
export interface TransferIn {
  readonly tensor: PlanTensor;
  readonly slot: number;
  readonly after: number;
}

/** Steps `first` to `end`, exclusive; what is swapped in before them, and what is copied out after them. */
export interface Segment {
  readonly first: number;
  readonly end: number;
  readonly ins: readonly TransferIn[];
  readonly outs: readonly TransferOut[];
}

/** How a program runs in pieces. */
export interface ProgramTransfers {
  readonly segments: readonly Segment[];
  readonly ins: readonly TransferIn[];
  readonly outCount: number;
  /** Home slots that the program writes. */
  readonly homes: ReadonlySet<number>;
  /** Persistent tensors on the device that it writes, with their snapshots. */
  readonly restored: readonly { readonly tensor: PlanTensor; readonly slot: number }[];
}

/** The transfers of a program, those of its snapshots among them; null where it has none. */
export function programTransfers(
  plan: Plan,
  name: string,
  slots: HostSlots,
): ProgramTransfers | null {
  const program = plan.programs[name];
  const given = program.transfers ?? [];
  const changed = [...writtenTensors(plan, program)].filter(
    (index) => plan.tensors[index].policy === 'persistent' && slots.homes[index] >= 0,
  );
  const transfers = [...given, ...snapshotTransfers(plan, name, changed, slots)].sort(
    (a, b) => transferTime(a) - transferTime(b),
  );
  if (transfers.length === 0) return null;
  const homes = new Set(slots.homes);
  const { ins, outs } = resolve(plan, transfers);
  return {
    segments: cutIntoSegments(program.steps.length, ins, outs),
    ins: ins.map(({ transfer }) => transfer),
    outCount: outs.length,
    homes: new Set(outs.map(({ transfer }) => transfer.slot).filter((slot) => homes.has(slot))),
    restored: changed.map((index) => ({ tensor: plan.tensors[index], slot: slots.homes[index] })),
  };
}

interface At<Transfer> {
  readonly step: number;
  readonly transfer: Transfer;
}

function resolve(
  plan: Plan,
  transfers: readonly PlanTransfer[],
): { ins: At<TransferIn>[]; outs: At<TransferOut>[] } {
  const ins: At<TransferIn>[] = [];
  const outs: At<TransferOut>[] = [];
  const lastOut = new Map<number, number>();
  for (const { kind, tensor: index, slot, step } of transfers) {
    const tensor = plan.tensors[index];
    if (kind === 'in') {
      const after = lastOut.get(slot) ?? -1;
      ins.push({ step, transfer: { tensor, slot, after } });
    } else {
      lastOut.set(slot, outs.length);
      outs.push({ step, transfer: { tensor, slot, order: outs.length } });
    }
  }
  return { ins, outs };
}

function cutIntoSegments(
  steps: number,
  ins: readonly At<TransferIn>[],
  outs: readonly At<TransferOut>[],
): Segment[] {
  const cuts = new Set([0, steps]);
  for (const { step } of ins) cuts.add(step);
  for (const { step } of outs) cuts.add(step + 1);
  const bounds = [...cuts].sort((a, b) => a - b);
  const insAt = grouped(ins, ({ step }) => step);
  const outsAt = grouped(outs, ({ step }) => step + 1);
  return bounds.slice(1).map((end, i) => ({
    ...{ first: bounds[i], end },
    ins: (insAt.get(bounds[i]) ?? []).map(({ transfer }) => transfer),
    outs: (outsAt.get(end) ?? []).map(({ transfer }) => transfer),
  }));
}

/**
 * Copies of persistent tensors to their snapshots, each after its last write: with the first copies out that follow it
 * anyway, else at the end, so that they cut the program nowhere else.
 */
function snapshotTransfers(
  plan: Plan,
  name: string,
  changed: readonly number[],
  slots: HostSlots,
): PlanTransfer[] {
  const { steps, transfers = [] } = plan.programs[name];
  const lastWrite = new Map<number, number>();
  steps.forEach(({ kernel, bindings }, step) => {
    bindings.forEach((tensor, b) => {
      if (plan.kernels[kernel].bindings[b].access !== 'read') lastWrite.set(tensor, step);
    });
  });
  const stops = transfers.filter(({ kind }) => kind === 'out').map(({ step }) => step);
  return changed.map((tensor) => ({
    ...{ kind: 'out', tensor, slot: slots.homes[tensor] },
    step: stops.find((step) => step >= lastWrite.get(tensor)!) ?? steps.length - 1,
  }));
}

function grouped<T>(items: readonly T[], key: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
