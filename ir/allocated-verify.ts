import { storedBytes } from './dtypes.ts';
import type { KernelBuffer } from './kernel.ts';
import {
  type BufferSet,
  HOST_ALIGNMENT,
  type HostSlot,
  type HostTier,
  type Target,
} from './plan.ts';
import { readbackBytesOf } from './plan-staging.ts';
import { LiveRanges } from './ranges.ts';
import type {
  AllocatedSchedule,
  Placement,
  ScheduleStep,
  ScheduleTransfer,
  TargetLimits,
} from './schedule.ts';
import type { Handover } from './schedule-flow.ts';
import { type Report, verifySchedule } from './schedule-verify.ts';
import { boundPlaces, type Members, SPAN_UNIT_BYTES, spanEnd } from './spans.ts';
import { TARGET_RULES } from './targets.ts';
import { byteCount } from './tensor.ts';

// The invariants of an allocated schedule, beyond those of a schedule (schedule-verify.ts):
//
// placements  one per tensor: within its slab at an aligned offset, or on the host; `persistent`, `host`, `arena` or `in-place` as
//             its role says, the latter in the place of a tensor that the step of its first use reads last (the handovers);
// lives       are from the first to the last use, outputs to the end, inputs from the start, donors to their handover;
// places      no two tensors share bytes while both live; persistent tensors come first in their slabs;
// bindings    are no larger than one may be; what a span holds lies where it says, and apart from what else the step binds;
// slabs       are of the size of what is in them, rounded up, and no larger than a buffer may be; totals are what the places say;
// slots       lie at aligned offsets of their tier, are of the size of what they hold, and apart while both are in use;
// snapshots   one per persistent tensor on the device that a failed run or a lost device would cost, where there are transfers;
// staging     buffers are there exactly where something passes through them.
//
// It shares no code with the verifier of plans, see schedule-verify.ts, and none with compiler/liveness: lives and live bytes
// are counted here once more on purpose, so that a fault in the one count is found by the other.

/** What {@link verifyAllocated} checks places against. */
export interface AllocationChecks {
  readonly limits: TargetLimits;
  readonly target: Target;
}

const alignUp = (bytes: number, alignment: number) => Math.ceil(bytes / alignment) * alignment;

/**
 * Checks the invariants of a schedule whose tensors have places, and returns what is broken, one sentence each. Empty for a valid
 * one. Near-linear in its size.
 */
export function verifyAllocated(
  allocated: AllocatedSchedule,
  { limits, target }: AllocationChecks,
): string[] {
  const errors: string[] = [];
  const report: Report = (place, reason) => errors.push(`${place}: ${reason}`);
  verifyPlacements(allocated, limits, report);
  if (errors.length > 0) return errors;
  const handovers = findHandovers(allocated, report);
  if (errors.length > 0) return errors;
  const problems = verifySchedule(allocated, { limits, handovers });
  if (problems.length > 0) return problems;
  verifyBindings(allocated, limits, report);
  const lives = livesOf(allocated, handovers);
  verifyLives(allocated, lives, report);
  if (errors.length > 0) return errors;
  verifyPlaces(allocated, handovers, report);
  verifyTotals(allocated, limits, report);
  verifyHostSlots(allocated, report);
  if (errors.length > 0) return errors;
  verifySnapshots(allocated, target, report);
  verifyBuffers(allocated, target, report);
  return errors;
}

const called = ({ tensors }: AllocatedSchedule, tensor: number) =>
  `tensor '${tensors[tensor].name}'`;

function verifyPlacements(
  allocated: AllocatedSchedule,
  limits: TargetLimits,
  report: Report,
): void {
  const { tensors, placements, slabs } = allocated;
  if (placements.length !== tensors.length) {
    report('placements', `${placements.length} for ${tensors.length} tensors`);
    return;
  }
  placements.forEach(({ slab, offset, policy }, i) => {
    const place = called(allocated, i);
    const { program, hostResident, role } = tensors[i];
    const wanted: readonly Placement['policy'][] =
      program !== null ? ['arena', 'in-place'] : hostResident ? ['host'] : ['persistent'];
    if (!wanted.includes(policy)) report(place, `has role '${role}' and policy '${policy}'`);
    else if (role === 'input' && policy === 'in-place')
      report(place, 'is an input, which the caller writes, and in place');
    if (slab === null) {
      if (policy !== 'host') report(place, `has policy '${policy}' and no slab`);
      if (offset !== 0) report(place, `is at ${offset} of no slab`);
      return;
    }
    if (policy === 'host') report(place, `has policy 'host' and slab ${slab}`);
    const end = offset + byteCount(tensors[i]);
    if (!slabs[slab]) report(place, `there is no slab ${slab}`);
    else if (!(offset >= 0) || offset % limits.offsetAlignment !== 0)
      report(place, `is at ${offset}, not at a multiple of ${limits.offsetAlignment}`);
    else if (end > slabs[slab].bytes)
      report(place, `ends at ${end}, behind its slab's end at ${slabs[slab].bytes}`);
  });
}

/** A tensor may be larger than a binding where every step binds a part of it. */
function verifyBindings(
  allocated: AllocatedSchedule,
  { maxBindingBytes }: TargetLimits,
  report: Report,
): void {
  const seen = new Set<number>();
  for (const { name, steps } of allocated.programs)
    steps.forEach((step, s) => {
      const kernel = allocated.kernels[step.kernel];
      const place = `${name}, step ${s} '${step.label}'`;
      if (kernel.spans) verifySpans(allocated, step, (reason) => report(place, reason));
      const { bindings } = boundPlaces(kernel.buffers.length, kernel.spans);
      for (const members of bindings) {
        const [{ buffer: first }] = members;
        const tensor = step.operands[first];
        const bytes = boundBytes(kernel.buffers, members);
        if (bytes <= maxBindingBytes || seen.has(tensor)) continue;
        seen.add(tensor);
        report(
          called(allocated, tensor),
          `is bound by more than the ${maxBindingBytes} bytes of a binding`,
        );
      }
    });
}

/** What is bound for the members of a binding. */
function boundBytes(buffers: readonly KernelBuffer[], members: Members): number {
  const bytes = (elements: number, buffer: number) => storedBytes(buffers[buffer].dtype, elements);
  return spanEnd(
    members.map(({ buffer, start }) => ({ buffer, start: bytes(start, buffer) })),
    (buffer) => bytes(buffers[buffer].elements, buffer),
    SPAN_UNIT_BYTES,
  );
}

/** Buffers of one span lie in one slab as far apart as the span says, and no two bindings share bytes. */
function verifySpans(
  { kernels, placements }: AllocatedSchedule,
  { kernel, operands, offsets }: ScheduleStep,
  report: (reason: string) => void,
): void {
  const { buffers, spans } = kernels[kernel];
  const placeOf = (buffer: number) => {
    const { slab, offset } = placements[operands[buffer]];
    const { dtype } = buffers[buffer];
    return { slab, start: offset + storedBytes(dtype, offsets?.[buffer] ?? 0) };
  };
  const ranges = boundPlaces(buffers.length, spans).bindings.map((members) => {
    const [{ buffer: first }] = members;
    const { dtype } = buffers[first];
    const { slab, start } = placeOf(first);
    for (const { buffer, start: apart } of members) {
      const own = placeOf(buffer);
      if (own.slab !== slab || own.start !== start + storedBytes(dtype, apart))
        report(`b${buffer} does not lie ${apart} elements behind b${first}`);
    }
    return { slab: slab ?? -1, first, start, end: start + boundBytes(buffers, members) };
  });
  ranges.sort((a, b) => a.slab - b.slab || a.start - b.start);
  ranges.forEach((range, i) => {
    const before = ranges[i - 1];
    if (before?.slab === range.slab && before.end > range.start)
      report(`the bindings of b${before.first} and b${range.first} share bytes`);
  });
}

/** For each tensor in place, the one whose life ends where its own begins. */
function findHandovers(allocated: AllocatedSchedule, report: Report): Handover[] {
  const { tensors, placements, programs } = allocated;
  const key = (tensor: number, step: number) => {
    const { slab, offset } = placements[tensor];
    return `${tensors[tensor].program}:${slab}:${offset}:${step}`;
  };
  const isOutput = new Uint8Array(tensors.length);
  const broughtIn = new Uint8Array(tensors.length);
  for (const { outputs, transfers = [] } of programs) {
    for (const { tensor } of outputs) isOutput[tensor] = 1;
    for (const { kind, tensor } of transfers) if (kind === 'in') broughtIn[tensor] = 1;
  }
  const dying = new Map<string, number>();
  tensors.forEach(({ program, role }, i) => {
    const { firstStep, lastStep } = placements[i];
    // A donor was there before the step in which it ends.
    const before = firstStep < lastStep || role === 'input' || broughtIn[i] === 1;
    if (program !== null && before && !isOutput[i]) dying.set(key(i, lastStep), i);
  });
  const handovers: Handover[] = [];
  tensors.forEach((_, i) => {
    const { policy, firstStep: step } = placements[i];
    if (policy !== 'in-place') return;
    const from = dying.get(key(i, step));
    dying.delete(key(i, step));
    if (from === undefined || from === i)
      report(called(allocated, i), `is in place, but nothing that was there ends at step ${step}`);
    else handovers.push({ tensor: i, from, step });
  });
  return handovers;
}

interface Lives {
  readonly first: Int32Array;
  readonly last: Int32Array;
}

function livesOf({ tensors, programs }: AllocatedSchedule, handovers: readonly Handover[]): Lives {
  const first = new Int32Array(tensors.length).fill(-1);
  const last = new Int32Array(tensors.length).fill(-1);
  let lastOfAll = 0;
  const use = (tensor: number, step: number) => {
    if (first[tensor] < 0 || step < first[tensor]) first[tensor] = step;
    if (step > last[tensor]) last[tensor] = step;
  };
  for (const { steps, transfers = [], inputs, outputs } of programs) {
    const end = Math.max(0, steps.length - 1);
    lastOfAll = Math.max(lastOfAll, end);
    steps.forEach(({ operands }, s) => {
      for (const tensor of operands) use(tensor, s);
    });
    for (const { tensor, step } of transfers) use(tensor, step);
    for (const { tensor } of inputs) use(tensor, 0);
    for (const { tensor } of outputs) use(tensor, end);
  }
  for (const { from, step } of handovers) use(from, step);
  tensors.forEach(({ program }, tensor) => {
    if (program !== null) return;
    first[tensor] = 0;
    last[tensor] = lastOfAll;
  });
  return { first, last };
}

function verifyLives(allocated: AllocatedSchedule, { first, last }: Lives, report: Report): void {
  allocated.placements.forEach(({ firstStep, lastStep }, i) => {
    if (first[i] < 0) report(called(allocated, i), 'has a place, but no step touches it');
    else if (firstStep !== first[i] || lastStep !== last[i])
      report(
        called(allocated, i),
        `lives from step ${firstStep} to ${lastStep}, but is in use from ${first[i]} to ${last[i]}`,
      );
  });
}

/** Sweeps over the steps of each program with what lives at a time. */
function verifyPlaces(
  allocated: AllocatedSchedule,
  handovers: readonly Handover[],
  report: Report,
): void {
  const { tensors, placements, slabs, programs } = allocated;
  const slabStart = [0];
  for (const { bytes } of slabs) slabStart.push(slabStart[slabStart.length - 1] + bytes);
  const start = (i: number) => slabStart[placements[i].slab!] + placements[i].offset;
  const donor = new Map(handovers.map(({ tensor, from }) => [tensor, from]));
  const own = programs.map((): number[] => []);
  const live = new LiveRanges();
  const enter = (i: number) => {
    const other = live.add(start(i), start(i) + byteCount(tensors[i]), i);
    if (other >= 0)
      report(called(allocated, i), `shares bytes with '${tensors[other].name}' while both live`);
  };
  tensors.forEach(({ program }, i) => {
    if (program !== null) own[program].push(i);
    else if (placements[i].slab !== null) enter(i);
  });
  for (const list of own) {
    const arrivals = list.toSorted(
      (a, b) =>
        placements[a].firstStep - placements[b].firstStep ||
        Number(donor.has(a)) - Number(donor.has(b)),
    );
    const departures = list.toSorted((a, b) => placements[a].lastStep - placements[b].lastStep);
    let departed = 0;
    for (const i of arrivals) {
      const { firstStep } = placements[i];
      for (; placements[departures[departed]].lastStep < firstStep; departed++)
        live.remove(start(departures[departed]), departures[departed]);
      const from = donor.get(i);
      if (from !== undefined) live.remove(start(from), from);
      enter(i);
    }
    for (const i of list) live.remove(start(i), i);
  }
}

function verifyTotals(allocated: AllocatedSchedule, limits: TargetLimits, report: Report): void {
  const { tensors, placements, slabs, programs } = allocated;
  const sizes = tensors.map((tensor) => alignUp(byteCount(tensor), limits.offsetAlignment));
  const persistentEnd = slabs.map(() => 0);
  let persistentBytes = 0;
  placements.forEach(({ slab, offset, policy }, i) => {
    if (slab === null || policy !== 'persistent') return;
    persistentEnd[slab] = Math.max(persistentEnd[slab], offset + sizes[i]);
    persistentBytes += sizes[i];
  });
  const end = persistentEnd.slice();
  placements.forEach(({ slab, offset, policy }, i) => {
    if (slab === null || policy === 'persistent') return;
    end[slab] = Math.max(end[slab], offset + sizes[i]);
    if (offset < persistentEnd[slab])
      report(called(allocated, i), 'lies in front of a persistent tensor of its slab');
  });
  const equal = (what: string, given: number, wanted: number) => {
    if (given !== wanted) report(what, `is ${given}, but the places make it ${wanted}`);
  };
  slabs.forEach(({ bytes }, slab) => {
    equal(`size of slab ${slab}`, bytes, alignUp(end[slab], limits.slabAlignment));
    if (bytes > limits.maxBufferBytes)
      report(`slab ${slab}`, `has ${bytes} bytes, a buffer at most ${limits.maxBufferBytes}`);
  });
  const arena = end.reduce((sum, bytes, slab) => sum + bytes - persistentEnd[slab], 0);
  equal('arenaBytes', allocated.arenaBytes, arena);
  equal('persistentBytes', allocated.persistentBytes, persistentBytes);
  const change = programs.map(({ steps }) => new Float64Array(steps.length + 2));
  placements.forEach(({ firstStep, lastStep, policy }, i) => {
    const { program } = tensors[i];
    if (program === null) return;
    // What takes over a place is counted once its donor is dead.
    change[program][policy === 'in-place' ? firstStep + 1 : firstStep] += sizes[i];
    change[program][lastStep + 1] -= sizes[i];
  });
  let peak = 0;
  for (const list of change) {
    let live = 0;
    for (const bytes of list) {
      live += bytes;
      peak = Math.max(peak, live);
    }
  }
  equal('peakLiveBytes', allocated.peakLiveBytes, peak);
}

const stride = ({ bytes }: HostSlot) => alignUp(bytes, HOST_ALIGNMENT);

function verifyHostSlots(allocated: AllocatedSchedule, report: Report): void {
  const { tensors, programs, slots = [], hostSlots, snapshots } = allocated;
  if (hostSlots.length !== slots.length) {
    report('host slots', `${hostSlots.length} places for ${slots.length} slots`);
    return;
  }
  const all = [...hostSlots, ...snapshots];
  const held = all.map(({ tensor }) => tensor);
  for (const { transfers = [] } of programs)
    for (const { slot, tensor } of transfers) held[slot] ??= tensor;
  all.forEach(({ offset, bytes, tensor, copies }, i) => {
    const place = `slot ${i}`;
    if (!(offset >= 0) || offset % HOST_ALIGNMENT !== 0)
      report(place, `is at ${offset}, not at a multiple of ${HOST_ALIGNMENT}`);
    const wanted = held[i] === null || !tensors[held[i]] ? 0 : byteCount(tensors[held[i]]);
    if (bytes !== wanted) report(place, `has ${bytes} bytes for ${wanted}`);
    if (i < slots.length && (slots[i].tensor !== tensor || slots[i].copies !== copies))
      report(place, 'is the home slot of another tensor than the schedule says');
  });
  const always = all.flatMap(({ tensor }, i) => (tensor === null ? [] : [i]));
  for (const { name, transfers = [] } of programs)
    verifySlotPlaces(all, always, transfers, (slot, reason) =>
      report(`${name}, slot ${slot}`, reason),
    );
}

/** Home slots and snapshots are always in use, other slots from their first transfer of a program to their last. */
function verifySlotPlaces(
  slots: readonly HostSlot[],
  always: readonly number[],
  transfers: readonly ScheduleTransfer[],
  report: (slot: number, reason: string) => void,
): void {
  const used: Record<HostTier, LiveRanges> = { memory: new LiveRanges(), file: new LiveRanges() };
  const enter = (slot: number) => {
    const { tier, offset, copies } = slots[slot];
    const other = used[tier].add(offset, offset + copies * stride(slots[slot]), slot);
    if (other >= 0) report(slot, `shares bytes with slot ${other} while both are in use`);
  };
  for (const slot of always) enter(slot);
  const last = new Map(transfers.map(({ slot }, i) => [slot, i]));
  const live = new Set<number>();
  transfers.forEach(({ slot }, i) => {
    if (slots[slot].tensor !== null) return;
    if (!live.has(slot)) enter(slot);
    live.add(slot);
    if (last.get(slot) === i) used[slots[slot].tier].remove(slots[slot].offset, slot);
  });
}

/** Persistent tensors on the device that some program writes. */
function writtenTensors({ kernels, programs, tensors }: AllocatedSchedule): Set<number> {
  const written = new Set<number>();
  for (const { steps } of programs)
    for (const { kernel, operands } of steps)
      operands.forEach((tensor, b) => {
        const isWritten = kernels[kernel].buffers[b].access !== 'read';
        if (isWritten && tensors[tensor].program === null) written.add(tensor);
      });
  return written;
}

function verifySnapshots(allocated: AllocatedSchedule, target: Target, report: Report): void {
  const { tensors, programs, snapshots } = allocated;
  const copiesOf = new Map<number, number>();
  if (programs.some(({ transfers }) => transfers?.length)) {
    const written = writtenTensors(allocated);
    tensors.forEach(({ program, hostResident }, i) => {
      if (program !== null || hostResident) return;
      // The memory of wasm cannot be lost, so that only what a failed run has changed is ever read.
      if (written.has(i)) copiesOf.set(i, 2);
      else if (TARGET_RULES[target].losesMemory) copiesOf.set(i, 1);
    });
  }
  for (const { tensor, copies } of snapshots) {
    const wanted = tensor === null ? undefined : copiesOf.get(tensor);
    if (tensor === null || wanted === undefined)
      report(`snapshot of tensor ${tensor}`, 'is taken of nothing that could be lost');
    else if (copies !== wanted)
      report(`snapshot of '${tensors[tensor].name}'`, `has ${copies} copies, not ${wanted}`);
    if (tensor !== null) copiesOf.delete(tensor);
  }
  for (const tensor of copiesOf.keys()) report(called(allocated, tensor), 'has no snapshot');
}

function verifyBuffers(allocated: AllocatedSchedule, target: Target, report: Report): void {
  const { tensors, programs, hostSlots, snapshots, swapStaging, reading, writing } = allocated;
  const transfers = programs.flatMap(({ transfers = [] }) => transfers);
  const moves = (wanted: ScheduleTransfer['kind'], tier?: HostTier) =>
    transfers.some(({ kind, slot }) => kind === wanted && (!tier || hostSlots[slot].tier === tier));
  const staged = !TARGET_RULES[target].readsDirectly;
  const undone = snapshots.some(({ tier, copies }) => tier === 'file' && copies === 2);
  const check = (what: string, { buffers, bytes }: BufferSet, needed: boolean) => {
    if (needed !== buffers > 0 || needed !== bytes > 0)
      report(
        what,
        `${buffers} buffers of ${bytes} bytes, but ${needed ? 'something passes' : 'nothing passes'} through them`,
      );
  };
  check('staging of swaps', swapStaging, staged && moves('out'));
  check('memory for reading', reading, moves('in', 'file') || (staged && undone));
  check('memory for writing', writing, staged && (moves('out', 'file') || undone));
  const onDevice = (tensor: number) =>
    tensors[tensor].hostResident ? [] : [byteCount(tensors[tensor])];
  const readback = staged
    ? readbackBytesOf({
        outputs: programs.map(({ outputs }) => outputs.flatMap(({ tensor }) => onDevice(tensor))),
        persistent: tensors.flatMap(({ program }, i) => (program === null ? onDevice(i) : [])),
      })
    : 0;
  const staging = readback + swapStaging.buffers * swapStaging.bytes;
  if (allocated.stagingBytes !== staging)
    report('stagingBytes', `is ${allocated.stagingBytes}, but what is read back takes ${staging}`);
}
