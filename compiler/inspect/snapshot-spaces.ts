import type { HostTier, Plan, PlanFrame } from '../../ir/plan.ts';
import { NO_SWAP, tierBytes } from '../../ir/plan-swap.ts';
import { formatType } from '../format.ts';
import { placeOf, scopeText } from './places.ts';
import { lastingSlots, type SlotLife } from './slot-lives.ts';

// The memory of a plan as addresses, for `memorySnapshot`.

/** A place in the user's model. */
export interface SnapshotFrame {
  readonly filename: string;
  readonly line: number;
  readonly name: string;
}

/** A stretch of memory in use, of a tensor, a slot or a buffer. Frames are innermost first. */
export interface Stretch {
  readonly addr: number;
  readonly bytes: number;
  readonly frames: readonly SnapshotFrame[];
}

/** Memory that is there from load on, with what stays in it. */
export interface Space extends Stretch {
  /** 0: the device; 1: the host; 2: the spill file. */
  readonly device: number;
  readonly lasting: readonly Stretch[];
}

/** All memory of a plan, and where in it what comes and goes is. */
export interface Spaces {
  readonly all: readonly Space[];
  /** The stretch of an arena tensor; `maker`: index into the plan's sources of the step that makes it. */
  tensor(index: number, maker: number | null): Stretch;
  slot(life: SlotLife): Stretch;
}

/** Addresses of spaces are multiples of this, and none is 0. */
const PAGE = 2 ** 20;

/** The devices that stand for what is not memory of the device. */
export const TIER_DEVICES: Readonly<Record<HostTier, number>> = { memory: 1, file: 2 };
const TIER_NAMES: Readonly<Record<HostTier, string>> = {
  memory: 'host memory',
  file: 'spill file',
};

/** Slabs, staging buffers, host memory and the spill file, one behind the other; those without a byte are left out. */
export function spacesOf(plan: Plan): Spaces {
  const { memory, slabs, tensors, swap = NO_SWAP } = plan;
  const all: Space[] = [];
  let next = PAGE;
  const add = (
    device: number,
    bytes: number,
    name: string,
    lasting: (addr: number) => readonly Stretch[],
  ): number => {
    const addr = next;
    if (bytes === 0) return addr;
    const frames = [{ filename: plan.name, line: 0, name }];
    const there = lasting(addr).filter((one) => one.bytes > 0);
    all.push({ device, addr, bytes, frames, lasting: there });
    next += Math.ceil(bytes / PAGE) * PAGE;
    return addr;
  };
  const filled = (device: number, bytes: number, name: string) =>
    add(device, bytes, name, (addr) => [
      { addr, bytes, frames: [{ filename: plan.name, line: 0, name }] },
    ]);
  const tensorAt = (base: number, index: number, maker: number | null): Stretch => ({
    addr: base + tensors[index].offset,
    bytes: tensors[index].bytes,
    frames: framesOf(plan, index, maker),
  });
  const slotAt = (base: number, { offset, bytes, tensor }: SlotLife): Stretch => ({
    addr: base + offset,
    bytes,
    frames: framesOf(plan, tensor, null),
  });
  const persistent = tensors.flatMap(({ program, slab }, index) =>
    program === null && slab !== null ? [{ slab, index }] : [],
  );
  const slabBase = slabs.map(({ bytes }, slab) =>
    add(0, bytes, `slab ${slab}`, (addr) =>
      persistent.filter((one) => one.slab === slab).map(({ index }) => tensorAt(addr, index, null)),
    ),
  );
  filled(0, memory.stagingBytes, 'staging');
  const slots = lastingSlots(plan);
  const tierBase = (tier: HostTier) =>
    add(TIER_DEVICES[tier], tierBytes(swap.slots, tier), TIER_NAMES[tier], (addr) =>
      slots.filter((life) => life.tier === tier).map((life) => slotAt(addr, life)),
    );
  const bases = { memory: tierBase('memory'), file: tierBase('file') };
  const { readingBytes, writingBytes } = memory.host;
  filled(TIER_DEVICES.memory, readingBytes + writingBytes, 'buffers of the spill file');
  return {
    all,
    tensor: (index, maker) => tensorAt(slabBase[tensors[index].slab!], index, maker),
    slot: (life) => slotAt(bases[life.tier], life),
  };
}

const HOW = { recompute: ', recomputed', swap: ', swapped in' } as const;

/** Innermost first: the first frame names the tensor, the others the layer that it belongs to. */
function framesOf(plan: Plan, index: number, maker: number | null): readonly SnapshotFrame[] {
  const { name, role, source = maker, copyOf, ...type } = plan.tensors[index];
  const text = `${name} ${formatType(type)}, ${role}${copyOf ? HOW[copyOf.by] : ''}`;
  const [first, ...calls] = callsOf(plan, source);
  const layer = scopeText(placeOf(plan, source)) || plan.name;
  return [
    { ...(first ?? { filename: plan.name, line: 0 }), name: text },
    ...calls.map((call) => ({ ...call, name: layer })),
  ];
}

function callsOf({ sources = [], frames = [] }: Plan, source: number | null | undefined) {
  const calls: Omit<SnapshotFrame, 'name'>[] = [];
  let at: number | null | undefined = sources[source ?? -1]?.frame;
  while (at !== null && at !== undefined) {
    const { file, line, from }: PlanFrame = frames[at];
    calls.push({ filename: file, line });
    at = from;
  }
  return calls;
}
