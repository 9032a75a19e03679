import type { HostTier, Plan } from '../../ir/plan.ts';
import { originals } from '../../ir/plan-copies.ts';
import { NO_SWAP, slotStride, tierBytes } from '../../ir/plan-swap.ts';
import { type Box, type Boxes, packBoxes } from './boxes.ts';

/** Where everything lies while a program runs. */
export interface ArenaMap {
  /** Tensors in the slabs, which stand one behind the other on the axis of bytes. */
  readonly boxes: Boxes;
  readonly slabs: readonly SlabSpan[];
  /** All slabs. */
  readonly bytes: number;
  /** Host memory and the spill file, where the program uses them. */
  readonly lanes: readonly Lane[];
}

export interface SlabSpan {
  readonly start: number;
  readonly bytes: number;
}

/** One tier outside of the device. */
export interface Lane {
  readonly tier: HostTier;
  readonly bytes: number;
  /** Values in its slots, each as long as it is kept. */
  readonly boxes: Boxes;
  /** Copies between the device and its slots, in the order of time. */
  readonly moves: readonly Move[];
}

/** A copy between a tensor in a slab and a slot. */
export interface Move {
  readonly kind: 'out' | 'in';
  /** The end of the step behind which it goes out, or the begin of the one before which it comes in. */
  readonly at: number;
  readonly tensor: number;
  /** The middle of the tensor on the axis of the slabs. */
  readonly slabY: number;
  /** The middle of the slot on the axis of the lane. */
  readonly laneY: number;
}

/** Rectangles of all that is in memory while a program runs. `kinds`: of each tensor, an index into MEMORY_KINDS. */
export function arenaMap(plan: Plan, program: string, kinds: Uint8Array): ArenaMap {
  const slabs = slabSpans(plan);
  const steps = Math.max(1, plan.programs[program].steps.length);
  const boxes: Box[] = [];
  plan.tensors.forEach((tensor, index) => {
    const isResident = tensor.policy === 'persistent';
    if (tensor.slab === null || (tensor.program !== program && !isResident)) return;
    const y0 = slabs[tensor.slab].start + tensor.offset;
    boxes.push({
      // At a handover the tensor before has the first half of the step.
      x0: isResident ? 0 : tensor.firstStep + (tensor.policy === 'in-place' ? 0.5 : 0),
      x1: isResident ? steps : tensor.lastStep + 1,
      ...{ y0, y1: y0 + tensor.bytes, tensor: index, kind: kinds[index] },
      isCopy: tensor.copyOf !== undefined,
    });
  });
  boxes.sort((a, b) => a.x0 - b.x0 || a.y0 - b.y0);
  const lanes = (['memory', 'file'] as const).flatMap((tier) =>
    laneOf(plan, program, tier, slabs, kinds),
  );
  return { boxes: packBoxes(boxes), slabs, bytes: spanEnd(slabs), lanes };
}

function slabSpans({ slabs }: Plan): SlabSpan[] {
  let end = 0;
  return slabs.map(({ bytes }) => {
    const start = end;
    end += bytes;
    return { start, bytes };
  });
}

const spanEnd = (slabs: readonly SlabSpan[]) =>
  slabs.reduce((end, { start, bytes }) => Math.max(end, start + bytes), 0);

/** The lane of a tier; none where nothing of the program or of the model is in it. */
function laneOf(
  plan: Plan,
  program: string,
  tier: HostTier,
  slabs: readonly SlabSpan[],
  kinds: Uint8Array,
): Lane[] {
  const { slots } = plan.swap ?? NO_SWAP;
  const { steps, transfers = [] } = plan.programs[program];
  const original = originals(plan);
  const middle = (slot: number) => slots[slot].offset + slots[slot].bytes / 2;
  const boxOf = (slot: number, tensor: number, x0: number, x1: number): Box => ({
    ...{ x0, x1, tensor, kind: kinds[tensor], isCopy: false },
    y0: slots[slot].offset,
    y1: slots[slot].offset + slots[slot].copies * slotStride(slots[slot]),
  });
  const boxes = slots.flatMap(({ tensor, tier: of }, slot) =>
    of === tier && tensor !== null ? [boxOf(slot, tensor, 0, Math.max(1, steps.length))] : [],
  );
  const moves: Move[] = [];
  const held = new Map<number, { readonly tensor: number; readonly from: number; to: number }>();
  const close = (slot: number) => {
    const value = held.get(slot);
    if (value) boxes.push(boxOf(slot, value.tensor, value.from, value.to));
  };
  for (const { kind, tensor, slot, step } of transfers) {
    if (slots[slot].tier !== tier) continue;
    const at = kind === 'out' ? step + 1 : step;
    const { slab, offset, bytes } = plan.tensors[tensor];
    const slabY = slabs[slab!].start + offset + bytes / 2;
    moves.push({ kind, at, tensor, slabY, laneY: middle(slot) });
    if (slots[slot].tensor !== null) continue;
    if (kind === 'out') {
      close(slot);
      held.set(slot, { tensor: original[tensor], from: at, to: at });
    } else held.get(slot)!.to = at;
  }
  for (const slot of held.keys()) close(slot);
  if (boxes.length === 0) return [];
  return [{ tier, bytes: tierBytes(slots, tier), boxes: packBoxes(boxes), moves }];
}
