import type { Plan } from '../../ir/plan.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { writers } from './lives.ts';
import type { PickleTuple } from './pickle.ts';
import { predictedTrace } from './predicted-trace.ts';
import { type ValueSlotLife, valueSlots } from './slot-lives.ts';
import {
  type SnapshotFrame,
  type Space,
  type Spaces,
  type Stretch,
  spacesOf,
  TIER_DEVICES,
} from './snapshot-spaces.ts';

// What `torch.cuda.memory._snapshot()` gives, for https://pytorch.org/memory_viz and torch/cuda/_memory_viz.py. A device there is a
// kind of memory here: 0 that of the device, 1 that of the host, 2 the spill file; the last two only where a plan has them.

/** What happens to memory, in the order of time. */
export interface SnapshotEvent {
  readonly action: 'segment_alloc' | 'alloc' | 'free_requested' | 'free_completed';
  readonly addr: number;
  readonly size: number;
  readonly stream: 0;
  readonly time_us: number;
  readonly frames: readonly SnapshotFrame[];
}

/** A part of a segment as it is behind the last event; the parts of a segment follow one another. */
export interface SnapshotBlock {
  readonly address: number;
  readonly size: number;
  readonly requested_size: number;
  readonly state: 'active_allocated' | 'inactive';
  readonly frames: readonly SnapshotFrame[];
}

/** A slab, the staging buffers, or the memory of a tier on the host. */
export interface SnapshotSegment {
  readonly device: number;
  readonly address: number;
  readonly total_size: number;
  readonly allocated_size: number;
  readonly active_size: number;
  readonly requested_size: number;
  readonly stream: 0;
  readonly segment_type: 'large';
  readonly segment_pool_id: PickleTuple;
  readonly is_expandable: false;
  readonly frames: readonly SnapshotFrame[];
  readonly blocks: readonly SnapshotBlock[];
}

/** The snapshot. All sizes in bytes. */
export interface MemorySnapshot {
  readonly segments: readonly SnapshotSegment[];
  /** By device. */
  readonly device_traces: readonly (readonly SnapshotEvent[])[];
}

/**
 * The allocations of a plan over one run of each of its programs, in the plan's order, at the times that it predicts; where it
 * predicts none, each step is a microsecond. What stays between runs is there from the begin to the end. A tensor that takes over
 * memory in place begins when the one before it ends. Frames are the user's positions: the innermost names the tensor, the others its
 * layer.
 */
export function memorySnapshot(plan: Plan): MemorySnapshot {
  const spaces = spacesOf(plan);
  const most = spaces.all.reduce((last, { device }) => Math.max(last, device), 0);
  const traces: SnapshotEvent[][] = Array.from({ length: most + 1 }, () => []);
  for (const space of spaces.all) {
    traces[space.device].push(eventOf('segment_alloc', space, 0));
    for (const stretch of space.lasting) traces[space.device].push(eventOf('alloc', stretch, 0));
  }
  const { steps } = predictedTrace(plan);
  let first = 0;
  for (const [name, program] of Object.entries(plan.programs)) {
    const times = steps.slice(first, first + program.steps.length);
    first += program.steps.length;
    const begin = times.map(({ startSeconds }) => startSeconds);
    const end = times.map(({ startSeconds, seconds }) => startSeconds + seconds);
    const moments = { begin, end };
    arenaEvents(plan, spaces, name, moments, traces[0]);
    slotEvents(spaces, valueSlots(plan, name), moments, traces);
  }
  const alignment = TARGET_RULES[plan.target].offsetAlignment;
  return {
    segments: spaces.all.map((space) => segmentOf(space, alignment)),
    device_traces: traces,
  };
}

/** Seconds at which the steps of a program begin and end. */
interface Moments {
  readonly begin: readonly number[];
  readonly end: readonly number[];
}

function eventOf(
  action: SnapshotEvent['action'],
  { addr, bytes, frames }: Stretch,
  seconds: number,
): SnapshotEvent {
  return { action, addr, size: bytes, stream: 0, time_us: Math.round(seconds * 1e6), frames };
}

function free(trace: SnapshotEvent[], stretch: Stretch, seconds: number): void {
  trace.push(eventOf('free_requested', stretch, seconds));
  trace.push(eventOf('free_completed', stretch, seconds));
}

/** What each step takes when it begins, gives back when it ends, and hands over then. */
function arenaEvents(
  plan: Plan,
  spaces: Spaces,
  name: string,
  { begin, end }: Moments,
  trace: SnapshotEvent[],
): void {
  const { steps } = plan.programs[name];
  const maker = writers(plan, name);
  const lists = () => steps.map((): number[] => []);
  const [taken, given, handed] = [lists(), lists(), lists()];
  plan.tensors.forEach(({ program, bytes, policy, firstStep, lastStep }, index) => {
    if (program !== name || bytes === 0 || steps.length === 0) return;
    (policy === 'in-place' ? handed : taken)[firstStep].push(index);
    given[lastStep].push(index);
  });
  const stretch = (index: number) => {
    const step = maker.get(index);
    return spaces.tensor(index, step === undefined ? null : steps[step].source);
  };
  steps.forEach((_, step) => {
    const isHandedOn = new Set(handed[step]);
    for (const index of taken[step]) trace.push(eventOf('alloc', stretch(index), begin[step]));
    for (const index of given[step])
      if (!isHandedOn.has(index)) free(trace, stretch(index), end[step]);
    for (const index of handed[step]) {
      const own = stretch(index);
      trace.push(eventOf('alloc', own, end[step]));
      // Nothing reads it: it ends in the step that makes it, and may be handed on at once.
      if (plan.tensors[index].lastStep === step) free(trace, own, end[step]);
    }
  });
}

/** A slot is taken when its value goes out, behind a step, and given back when the value has come in last, before one. */
function slotEvents(
  spaces: Spaces,
  lives: readonly ValueSlotLife[],
  { begin, end }: Moments,
  traces: readonly SnapshotEvent[][],
): void {
  const changes = lives.flatMap((life) => [
    { half: life.from, life, isTaken: true },
    { half: life.to, life, isTaken: false },
  ]);
  for (const { half, life, isTaken } of changes.sort((a, b) => a.half - b.half)) {
    const stretch = spaces.slot(life);
    const trace = traces[TIER_DEVICES[life.tier]];
    const seconds = (half % 2 === 0 ? begin : end)[Math.floor(half / 2)];
    if (isTaken) trace.push(eventOf('alloc', stretch, seconds));
    else free(trace, stretch, seconds);
  }
}

function segmentOf(space: Space, alignment: number): SnapshotSegment {
  const end = space.addr + space.bytes;
  const lasting = space.lasting.toSorted((a, b) => a.addr - b.addr);
  const blocks: SnapshotBlock[] = [];
  let at = space.addr;
  const gap = (until: number) => {
    if (until > at)
      blocks.push(blockOf({ addr: at, bytes: until - at, frames: [] }, until - at, 'inactive'));
  };
  lasting.forEach((stretch, k) => {
    gap(stretch.addr);
    const next = lasting[k + 1]?.addr ?? end;
    const size = Math.min(Math.ceil(stretch.bytes / alignment) * alignment, next - stretch.addr);
    blocks.push(blockOf(stretch, size, 'active_allocated'));
    at = stretch.addr + size;
  });
  gap(end);
  const allocated = blocks.reduce(
    (sum, { state, size }) => sum + (state === 'active_allocated' ? size : 0),
    0,
  );
  return {
    ...{ device: space.device, address: space.addr, total_size: space.bytes },
    ...{ allocated_size: allocated, active_size: allocated },
    requested_size: lasting.reduce((sum, { bytes }) => sum + bytes, 0),
    ...{ stream: 0, segment_type: 'large', segment_pool_id: { tuple: [0, 0] } },
    ...{ is_expandable: false, frames: space.frames, blocks },
  };
}

function blockOf(
  { addr, bytes, frames }: Stretch,
  size: number,
  state: SnapshotBlock['state'],
): SnapshotBlock {
  return { address: addr, size, requested_size: bytes, state, frames };
}
