import { emitWasm } from '../../compiler/codegen/wasm/index.ts';
import { parseKernel } from '../../ir/kernel-text.ts';
import type {
  HostSlot,
  HostTier,
  Plan,
  PlanProgram,
  PlanStep,
  PlanTensor,
  PlanTransfer,
} from '../../ir/plan.ts';
import {
  hostMemory,
  keepsSnapshots,
  snapshotCopies,
  snapshotOptionBytes,
} from '../../ir/plan-host.ts';
import { peakLiveBytes } from '../../ir/plan-lifetimes.ts';
import { stagingBytes } from '../../ir/plan-staging.ts';
import { NO_BUFFERS, slotStride, tierBytes, transferTime } from '../../ir/plan-swap.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { randomBelow } from '../memory/random-schedule.ts';

// Rewrites a compiled plan into one that means the same: some parameters live on the host, some values go out and come back,
// some are recomputed. Every tensor then gets a place of its own, so that nothing need be packed.

export interface SwapDraw {
  readonly seed: number;
  /** Of ten tensors that could, so many do. */
  readonly hosted: number;
  readonly swapped: number;
  readonly recomputed: number;
  readonly tiers: readonly HostTier[];
  /** webgpu: of the buffers that go out. */
  readonly staging?: { readonly buffers: number; readonly bytes: number };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Slot = Mutable<HostSlot>;

/** The plan in the making; donors are the tensors whose place an in-place tensor takes over. */
interface Draft {
  readonly plan: Plan;
  readonly tensors: Mutable<PlanTensor>[];
  readonly slots: Slot[];
  readonly donor: ReadonlyMap<number, number>;
  readonly fixed: ReadonlySet<number>;
  readonly below: (count: number) => number;
  readonly tiers: readonly HostTier[];
}

interface DraftProgram {
  name: string;
  steps: PlanStep[];
  outputs: PlanProgram['outputs'];
  transfers: PlanTransfer[];
}

export function swappedPlan(plan: Plan, draw: SwapDraw): Plan {
  const donor = findDonors(plan);
  const draft: Draft = {
    plan,
    tensors: plan.tensors.map((tensor) => ({ ...tensor })),
    slots: [],
    donor,
    fixed: new Set([...donor.keys(), ...donor.values()]),
    below: randomBelow(draw.seed),
    tiers: draw.tiers,
  };
  const drawn = (chance: number) => draft.below(10) < chance;
  const tier = () => draw.tiers[draft.below(draw.tiers.length)];
  const homes = new Map<number, number>();
  draft.tensors.forEach((tensor, index) => {
    if (tensor.policy !== 'persistent' || !drawn(draw.hosted)) return;
    Object.assign(tensor, { policy: 'host', slab: null, offset: 0 });
    homes.set(index, addSlot(draft, tensor.bytes, tier(), index));
  });
  const programs = Object.entries(plan.programs).map(([name, { steps, outputs }]) => {
    const program: DraftProgram = { name, steps: [...steps], outputs, transfers: [] };
    recomputeSome(draft, program, () => drawn(draw.recomputed));
    for (const [index, slot] of homes) bringParameter(draft, program, index, slot);
    const count = draft.tensors.length;
    for (let index = 0; index < count; index++)
      if (drawn(draw.swapped)) swapActivation(draft, program, index, tier);
    program.transfers = program.transfers
      .map((transfer, i) => ({ transfer, i }))
      .sort((a, b) => transferTime(a.transfer) - transferTime(b.transfer) || a.i - b.i)
      .map(({ transfer }) => transfer);
    return program;
  });
  takeSnapshots(draft, programs);
  placeSlots(draft, programs);
  return finish(draft, programs, draw);
}

function findDonors(plan: Plan): Map<number, number> {
  const donor = new Map<number, number>();
  plan.tensors.forEach((tensor, index) => {
    if (tensor.policy !== 'in-place') return;
    const from = plan.tensors.findIndex(
      (other, i) =>
        i !== index &&
        other.program === tensor.program &&
        other.slab === tensor.slab &&
        other.offset === tensor.offset &&
        other.lastStep === tensor.firstStep,
    );
    donor.set(index, from);
  });
  return donor;
}

function addTensor(draft: Draft, like: number, program: string, by: 'recompute' | 'swap'): number {
  const { dtype, shape, bytes, name } = draft.tensors[like];
  const copyOf = { tensor: like, by };
  return (
    draft.tensors.push({
      ...{ dtype, shape, bytes, program, copyOf },
      ...{ role: 'activation', policy: 'arena', slab: 0, offset: 0, firstStep: 0, lastStep: 0 },
      name: `${name}@${draft.tensors.length}`,
    }) - 1
  );
}

function addSlot(draft: Draft, bytes: number, tier: HostTier, tensor: number | null): number {
  return draft.slots.push({ tier, offset: 0, bytes, tensor, copies: 1 }) - 1;
}

interface Use {
  readonly step: number;
  readonly writes: boolean;
}

function usesOf({ plan }: Draft, { steps }: DraftProgram, index: number): Use[] {
  return steps.flatMap(({ kernel, bindings }, step) => {
    const accesses = bindings.flatMap((tensor, b) =>
      tensor === index ? [plan.kernels[kernel].bindings[b].access] : [],
    );
    return accesses.length === 0 ? [] : [{ step, writes: accesses.some((a) => a !== 'read') }];
  });
}

function rebind(program: DraftProgram, from: number, to: number, steps: ReadonlySet<number>): void {
  program.steps = program.steps.map((step, s) =>
    steps.has(s)
      ? { ...step, bindings: step.bindings.map((tensor) => (tensor === from ? to : tensor)) }
      : step,
  );
}

/** Brings a parameter in for its uses, again for some of those before its update, and the update home. */
function bringParameter(
  draft: Draft,
  program: DraftProgram,
  parameter: number,
  slot: number,
): void {
  const uses = usesOf(draft, program, parameter);
  const update = uses.findIndex(({ writes }) => writes);
  let copy = -1;
  uses.forEach(({ step }, i) => {
    const anew = i === 0 || ((update < 0 || i <= update) && draft.below(3) === 0);
    if (anew) {
      copy = addTensor(draft, parameter, program.name, 'swap');
      const early = i === 0 ? draft.below(step + 1) : step;
      program.transfers.push({ kind: 'in', tensor: copy, slot, step: early });
    }
    rebind(program, parameter, copy, new Set([step]));
  });
  if (update < 0) return;
  const last = uses.findLast(({ writes }) => writes)!.step;
  program.transfers.push({ kind: 'out', tensor: copy, slot, step: last });
  draft.slots[slot].copies = 2;
}

/** Takes a value out after a use and brings it back in before the next one. */
function swapActivation(
  draft: Draft,
  program: DraftProgram,
  index: number,
  tier: () => HostTier,
): void {
  const tensor = draft.tensors[index];
  if (tensor.program !== program.name || draft.fixed.has(index)) return;
  const by = program.transfers.filter((transfer) => transfer.tensor === index);
  if (by.some(({ kind }) => kind === 'out')) return;
  const written = Math.max(
    by[0]?.step ?? (tensor.role === 'input' ? 0 : -1),
    ...usesOf(draft, program, index).flatMap(({ step, writes }) => (writes ? [step] : [])),
  );
  const output = program.outputs.some((entry) => entry.tensor === index);
  const after = [
    ...new Set([
      ...usesOf(draft, program, index).map(({ step }) => step),
      ...(output ? [program.steps.length - 1] : []),
    ]),
  ].filter((step) => step > written);
  if (written < 0 || after.length === 0) return;
  const cut = draft.below(after.length);
  const out = cut === 0 ? written : after[cut - 1];
  const back = out + 1 + draft.below(after[cut] - out);
  const slot = addSlot(draft, tensor.bytes, tier(), null);
  const copy = addTensor(draft, index, program.name, 'swap');
  rebind(program, index, copy, new Set(after.slice(cut)));
  program.transfers.push(
    { kind: 'out', tensor: index, slot, step: out },
    { kind: 'in', tensor: copy, slot, step: back },
  );
  if (!output) return;
  program.outputs = program.outputs.map((entry) =>
    entry.tensor === index ? { ...entry, tensor: copy } : entry,
  );
  draft.tensors[copy].role = 'output';
  tensor.role = tensor.role === 'output' ? 'activation' : tensor.role;
}

/** Computes some values once more before a later use, where the operands still are what they were. */
function recomputeSome(draft: Draft, program: DraftProgram, drawn: () => boolean): void {
  const { plan, tensors, fixed } = draft;
  for (let index = 0; index < plan.tensors.length; index++) {
    const tensor = tensors[index];
    if (tensor.program !== program.name || tensor.policy !== 'arena' || fixed.has(index)) continue;
    const uses = usesOf(draft, program, index);
    if (tensor.role !== 'activation' || uses.length < 2 || !drawn()) continue;
    const [{ step: made }, ...rest] = uses;
    const step = program.steps[made];
    const accesses = plan.kernels[step.kernel].bindings.map(({ access }) => access);
    const whole = plan.kernels[step.kernel].bindings[step.bindings.indexOf(index)].bytes;
    if (rest.some(({ writes }) => writes) || whole !== tensor.bytes || step.recomputed) continue;
    const before = rest[draft.below(rest.length)].step;
    const steady = step.bindings.every(
      (operand, b) =>
        (operand === index && accesses[b] === 'write') ||
        (accesses[b] === 'read' &&
          !fixed.has(operand) &&
          usesOf(draft, program, operand).every(
            (use) => !use.writes || use.step < made || use.step >= before,
          )),
    );
    if (!steady) continue;
    const copy = addTensor(draft, index, program.name, 'recompute');
    rebind(
      program,
      index,
      copy,
      new Set(rest.flatMap(({ step }) => (step >= before ? [step] : []))),
    );
    program.steps.splice(before, 0, {
      ...step,
      bindings: step.bindings.map((operand) => (operand === index ? copy : operand)),
      recomputed: true,
    });
  }
}

/** Slots for the tensors that stay on the device, in tiers as they come. */
function takeSnapshots(draft: Draft, programs: readonly DraftProgram[]): void {
  const { plan, tensors, slots } = draft;
  const parts = { ...plan, tensors, programs: withSteps(plan, programs) };
  if (!keepsSnapshots(parts)) return;
  for (const [tensor, copies] of snapshotCopies(parts)) {
    const tier = draft.tiers[draft.below(draft.tiers.length)];
    slots[addSlot(draft, tensors[tensor].bytes, tier, tensor)].copies = copies;
  }
}

function withSteps(plan: Plan, programs: readonly DraftProgram[]): Plan['programs'] {
  return Object.fromEntries(
    programs.map(({ name, steps, outputs, transfers }) => {
      const { predicted: _, bound: _bound, ...program } = plan.programs[name];
      const more = transfers.length > 0 ? { transfers } : {};
      return [name, { ...program, steps, outputs, ...more }];
    }),
  );
}

/** Buffers for what goes through files, of the sizes that a small host budget would give. */
function fileBuffers(plan: Plan, slots: readonly Slot[]) {
  const inFile = (wanted: 'in' | 'out') =>
    Object.values(plan.programs).some(({ transfers = [] }) =>
      transfers.some(({ kind, slot }) => kind === wanted && slots[slot].tier === 'file'),
    );
  const onGpu = plan.target === 'webgpu';
  const undone = slots.some(
    ({ tier, copies, tensor }) =>
      tier === 'file' &&
      copies === 2 &&
      tensor !== null &&
      plan.tensors[tensor].policy === 'persistent',
  );
  const set = (needed: boolean) => (needed ? { buffers: 2, bytes: 32 } : NO_BUFFERS);
  return {
    reading: set(inFile('in') || (onGpu && undone)),
    writing: set(onGpu && (inFile('out') || undone)),
  };
}

/** Homes one after the other; behind them the slots of each program, first fit by the time that they are in use. */
function placeSlots({ slots }: Draft, programs: readonly DraftProgram[]): void {
  const end: Record<HostTier, number> = { memory: 0, file: 0 };
  for (const slot of slots) {
    if (slot.tensor === null) continue;
    slot.offset = end[slot.tier];
    end[slot.tier] += slot.copies * slotStride(slot);
  }
  for (const { transfers } of programs) {
    const placed: { slot: Slot; first: number; last: number }[] = [];
    transfers.forEach(({ kind, slot: index }, first) => {
      const slot = slots[index];
      if (kind === 'in' || slot.tensor !== null) return;
      const last = transfers.findLastIndex((transfer) => transfer.slot === index);
      slot.offset = end[slot.tier];
      const clash = () =>
        placed.find(
          (other) =>
            other.slot.tier === slot.tier &&
            other.last > first &&
            other.slot.offset < slot.offset + slotStride(slot) &&
            slot.offset < other.slot.offset + slotStride(other.slot),
        );
      for (let other = clash(); other; other = clash())
        slot.offset = other.slot.offset + slotStride(other.slot);
      placed.push({ slot, first, last });
    });
  }
}

/** Exact lives, places and totals. */
function finish(draft: Draft, programs: readonly DraftProgram[], draw: SwapDraw): Plan {
  const { plan, tensors, slots, donor } = draft;
  const lastOfAll = Math.max(...programs.map(({ steps }) => steps.length - 1));
  for (const tensor of tensors)
    Object.assign(tensor, { firstStep: 0, lastStep: tensor.program === null ? lastOfAll : -1 });
  for (const { name, steps, outputs, transfers } of programs) {
    const last = steps.length - 1;
    const use = (index: number, step: number) => {
      const tensor = tensors[index];
      if (tensor.program === null) return;
      if (tensor.lastStep < 0 && tensor.role !== 'input') tensor.firstStep = step;
      tensor.firstStep = Math.min(tensor.firstStep, step);
      tensor.lastStep = Math.max(tensor.lastStep, step);
    };
    steps.forEach(({ bindings }, step) => {
      for (const index of bindings) use(index, step);
    });
    for (const { tensor, step } of transfers) use(tensor, step);
    for (const { tensor } of outputs) use(tensor, last);
    for (const [taker, from] of donor)
      if (tensors[taker].program === name) use(from, tensors[taker].firstStep);
  }
  for (const tensor of tensors) tensor.lastStep = Math.max(0, tensor.lastStep);
  const align = (bytes: number, unit: number) => Math.ceil(bytes / unit) * unit;
  const alignment = TARGET_RULES[plan.target].offsetAlignment;
  let end = 0;
  let persistentBytes = 0;
  const place = (tensor: Mutable<PlanTensor>) => {
    Object.assign(tensor, { slab: 0, offset: end });
    end += align(tensor.bytes, alignment);
  };
  for (const tensor of tensors) if (tensor.policy === 'persistent') place(tensor);
  persistentBytes = end;
  for (const tensor of tensors) if (tensor.policy === 'arena') place(tensor);
  tensors.forEach((tensor, index) => {
    let from = index;
    for (let at = donor.get(from); at !== undefined; at = donor.get(from)) from = at;
    if (from !== index) Object.assign(tensor, { slab: 0, offset: tensors[from].offset });
  });
  const slabs = end === 0 ? [] : [{ bytes: align(end, TARGET_RULES[plan.target].slabAlignment) }];
  const outs = programs.some(({ transfers }) => transfers.some(({ kind }) => kind === 'out'));
  const staging =
    outs && plan.target === 'webgpu'
      ? (draw.staging ?? { buffers: 2, bytes: 256 })
      : { buffers: 0, bytes: 0 };
  const made: Mutable<Plan> = {
    ...plan,
    tensors,
    slabs,
    programs: withSteps(plan, programs),
  };
  if (slots.length > 0) made.swap = { staging, slots, ...fileBuffers(made, slots) };
  const staged = stagingBytes(made);
  const slabBytes = slabs.reduce((sum, { bytes }) => sum + bytes, 0);
  const peak = peakLiveBytes(made, alignment);
  const arenaBytes = end - persistentBytes;
  const host = hostMemory(made);
  made.memory = {
    budgetBytes: null,
    deviceBytes: slabBytes + staged,
    arenaBytes,
    persistentBytes,
    stagingBytes: staged,
    hostBytes: Object.values<number>(host).reduce((sum, bytes) => sum + bytes, 0),
    host,
    snapshotOptionBytes: snapshotOptionBytes(made),
    spillBytes: tierBytes(slots, 'file'),
    peakLiveBytes: peak,
    packing: { method: 'test', gapBytes: arenaBytes - peak },
  };
  return structuredClone(made);
}

/** The same of a plan for wasm, whose module then imports as many pages as the plan has. */
export async function swappedWasm(
  plan: Plan,
  draw: SwapDraw,
): Promise<{ plan: Plan; module: Uint8Array }> {
  const swapped = swappedPlan(plan, draw);
  const pages =
    swapped.slabs.reduce((sum, { bytes }) => sum + bytes, 0) / TARGET_RULES.wasm.slabAlignment;
  const { module } = emitWasm(
    plan.kernels.map(({ text }) => parseKernel(text)),
    pages,
  );
  const digest = await crypto.subtle.digest('SHA-256', module as Uint8Array<ArrayBuffer>);
  const sha256 = Buffer.from(digest).toString('hex');
  return {
    plan: { ...swapped, module: { ...plan.module!, bytes: module.length, sha256, pages } },
    module,
  };
}
