import { largest, smallest } from '../../ir/lists.ts';
import type { Target } from '../../ir/plan.ts';
import type { Schedule } from '../../ir/schedule.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { byteCount } from '../../ir/tensor.ts';
import { writtenBy } from '../liveness/access.ts';

/** What a slot holds and when: that of a host-resident tensor and a snapshot always, another one from its first copy out to its last copy in. */
export interface SlotUse {
  readonly slot: number;
  /** Null: of all programs. */
  readonly program: number | null;
  /** The tensor that is host-resident in it, or whose snapshot it is. */
  readonly tensor: number | null;
  readonly isSnapshot: boolean;
  readonly bytes: number;
  readonly copies: 1 | 2;
  readonly first: number;
  readonly last: number;
  readonly transfers: number;
}

/** The slots that transfers name, and behind them the snapshots that the runtime takes where there are transfers. */
export function slotUses(schedule: Schedule, target: Target): SlotUse[] {
  const { slots = [], tensors, programs } = schedule;
  const named = usesBySlot(schedule).map((uses, slot): SlotUse => {
    const { tensor, copies } = slots[slot];
    const own = tensor === null && uses.length > 0;
    const steps = uses.map(({ step }) => step);
    const held = tensor ?? uses[0]?.tensor;
    return {
      ...{ slot, tensor, copies, isSnapshot: false, transfers: uses.length },
      program: own ? uses[0].program : null,
      bytes: held === undefined ? 0 : byteCount(tensors[held]),
      first: own ? smallest(steps) : 0,
      last: own ? largest(steps) : 0,
    };
  });
  if (!programs.some(({ transfers }) => transfers?.length)) return named;
  const writers = persistentWriters(schedule);
  const snapshots = tensors.flatMap((type, tensor) => {
    const { program, hostResident } = type;
    const written = writers.get(tensor) ?? 0;
    if (program !== null || hostResident) return [];
    // Of memory that cannot be lost only what a failed run has changed is ever read.
    if (written === 0 && !TARGET_RULES[target].losesMemory) return [];
    return [
      {
        ...{ tensor, program: null, isSnapshot: true, bytes: byteCount(type) },
        ...{ copies: written > 0 ? (2 as const) : (1 as const), first: 0, last: 0 },
        transfers: written,
      },
    ];
  });
  return [...named, ...snapshots.map((use, i) => ({ ...use, slot: slots.length + i }))];
}

interface Use {
  readonly program: number;
  readonly step: number;
  readonly tensor: number;
}

function usesBySlot({ programs, slots = [] }: Schedule): Use[][] {
  const uses = slots.map((): Use[] => []);
  programs.forEach(({ transfers = [] }, program) => {
    for (const { slot, step, tensor } of transfers) uses[slot].push({ program, step, tensor });
  });
  return uses;
}

/** By persistent tensor on the device: how many programs write it. */
function persistentWriters({ kernels, programs, tensors }: Schedule): Map<number, number> {
  const writers = new Map<number, number>();
  for (const { steps } of programs) {
    const written = steps.flatMap(({ kernel, operands }) =>
      writtenBy(kernels[kernel].buffers, operands).filter(
        (tensor) => tensors[tensor].program === null,
      ),
    );
    for (const tensor of new Set(written)) writers.set(tensor, (writers.get(tensor) ?? 0) + 1);
  }
  return writers;
}
