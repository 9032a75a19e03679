import type { BufferSet, HostMemory, Plan, PlanProgram } from './plan.ts';
import { NO_SWAP, slotStride, tierBytes } from './plan-swap.ts';
import { TARGET_RULES } from './targets.ts';

// Host memory of a plan: the slots of tier `memory`, and the buffers that values of tier `file` pass through. What this part of
// `verifyPlan` proves:
//
// snapshots   where a program has transfers, every persistent tensor on the device that a failed run or a lost device would cost has
//             one slot: on webgpu all, on wasm those that programs write; no transfer names it, the runtime fills it when they are
//             written, and it has two copies where some program does;
// buffers     are there exactly where something passes through them: `reading` for what comes in from files and, on webgpu, for undoing
//             a run from snapshots in files; `writing`, on webgpu alone, for what goes out to files.

/** What host memory follows from. */
type PlanParts = Pick<Plan, 'target' | 'tensors' | 'kernels' | 'programs'>;
type Report = (path: string, reason: string) => void;

/** The tensors that the steps of a program write. */
export function writtenTensors(
  { kernels }: Pick<Plan, 'kernels'>,
  program: PlanProgram,
): Set<number> {
  return new Set(
    program.steps.flatMap(({ kernel, bindings }) =>
      bindings.filter((_, b) => kernels[kernel].bindings[b].access !== 'read'),
    ),
  );
}

/** Whether a run happens as a whole or not at all, whatever the options of `load`. */
export function keepsSnapshots({ programs }: Pick<Plan, 'programs'>): boolean {
  return Object.values(programs).some(({ transfers }) => transfers?.length);
}

/** By tensor: how many copies its snapshot has where snapshots are kept; tensors without one are not there. */
export function snapshotCopies(plan: PlanParts): Map<number, 1 | 2> {
  const written = new Set(
    Object.values(plan.programs).flatMap((program) => [...writtenTensors(plan, program)]),
  );
  const copies = new Map<number, 1 | 2>();
  plan.tensors.forEach(({ policy }, index) => {
    if (policy !== 'persistent') return;
    if (written.has(index)) copies.set(index, 2);
    else if (TARGET_RULES[plan.target].losesMemory) copies.set(index, 1);
  });
  return copies;
}

/** Host memory that the option `snapshots` of `load` adds. */
export function snapshotOptionBytes(plan: PlanParts): number {
  if (keepsSnapshots(plan)) return 0;
  return [...snapshotCopies(plan)].reduce(
    (sum, [index, copies]) => sum + copies * plan.tensors[index].bytes,
    0,
  );
}

/** Host memory of a plan by what it is for. */
export function hostMemory({
  tensors,
  swap = NO_SWAP,
}: Pick<Plan, 'tensors' | 'swap'>): HostMemory {
  const { slots, reading, writing } = swap;
  const sum = (policy: 'host' | 'persistent') =>
    slots.reduce(
      (total, slot) =>
        slot.tier === 'memory' && slot.tensor !== null && tensors[slot.tensor].policy === policy
          ? total + slot.copies * slotStride(slot)
          : total,
      0,
    );
  const homeBytes = sum('host');
  const snapshotBytes = sum('persistent');
  return {
    homeBytes,
    snapshotBytes,
    valueBytes: Math.max(0, tierBytes(slots, 'memory') - homeBytes - snapshotBytes),
    readingBytes: setBytes(reading),
    writingBytes: setBytes(writing),
  };
}

export function setBytes({ buffers, bytes }: BufferSet): number {
  return buffers * bytes;
}

/** Premise: indices are sound. */
export function verifyHost(plan: Plan, report: Report): void {
  verifySnapshots(plan, report);
  verifyBuffers(plan, report);
}

function verifySnapshots(plan: Plan, report: Report): void {
  const wanted = keepsSnapshots(plan) ? snapshotCopies(plan) : new Map<number, 1 | 2>();
  const found = new Set<number>();
  (plan.swap ?? NO_SWAP).slots.forEach(({ tensor, copies }, i) => {
    if (tensor === null || plan.tensors[tensor].policy !== 'persistent') return;
    const path = `swap.slots[${i}]`;
    const { name } = plan.tensors[tensor];
    const expected = wanted.get(tensor);
    if (expected === undefined) report(`${path}.tensor`, `'${name}' needs no snapshot`);
    else if (copies !== expected)
      report(`${path}.copies`, `${copies}, but the snapshot of '${name}' has ${expected}`);
    if (found.has(tensor)) report(`${path}.tensor`, `'${name}' has a snapshot already`);
    found.add(tensor);
  });
  for (const tensor of wanted.keys())
    if (!found.has(tensor))
      report(`tensors[${tensor}]`, `'${plan.tensors[tensor].name}' has no snapshot`);
}

function verifyBuffers(plan: Plan, report: Report): void {
  const { slots, reading, writing } = plan.swap ?? NO_SWAP;
  const isFile = (slot: number) => slots[slot].tier === 'file';
  const transfers = Object.values(plan.programs).flatMap(({ transfers = [] }) => transfers);
  const moves = (wanted: 'in' | 'out') =>
    transfers.some(({ kind, slot }) => kind === wanted && isFile(slot));
  const staged = !TARGET_RULES[plan.target].readsDirectly;
  const undone = slots.some(
    ({ tensor, copies, tier }) =>
      tier === 'file' &&
      copies === 2 &&
      tensor !== null &&
      plan.tensors[tensor].policy === 'persistent',
  );
  const check = (name: 'reading' | 'writing', { buffers, bytes }: BufferSet, needed: boolean) => {
    if (needed !== buffers > 0)
      report(
        `swap.${name}.buffers`,
        `${buffers}, but ${needed ? 'something passes' : 'nothing passes'} through them`,
      );
    if (buffers === 0 ? bytes !== 0 : bytes === 0 || bytes % 16 !== 0)
      report(`swap.${name}.bytes`, `${bytes} is no size of ${buffers} buffers`);
  };
  check('reading', reading, moves('in') || (staged && undone));
  check('writing', writing, staged && (moves('out') || undone));
}
