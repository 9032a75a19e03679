import { kernelAccess } from '../../ir/kernel-access.ts';
import { append, largest, smallest } from '../../ir/lists.ts';
import {
  rangeAlignment,
  type Schedule,
  type ScheduleProgram,
  type ScheduleStep,
} from '../../ir/schedule.ts';
import { byteCount, elementCount } from '../../ir/tensor.ts';
import { programAccess } from '../liveness/access.ts';
import { alignUp, outputFlags } from '../liveness/lifetimes.ts';
import { memoryModel, peakOfOrder } from '../liveness/program-model.ts';
import { dropUnused } from './unused.ts';

// A tensor that many steps write or read part by part is live as a whole from the first of them to the last: the gradients of
// all time steps of a recurrent layer from the last time step on, what its inputs are multiplied to until the last time step. Parts
// that are not written yet, or not needed any more, have room for others: the activations of a time step for what is to
// become the gradients of another one.

/** Moves of a group of tensors into a home, in one program; further ones save less. */
const MOST_MOVES = 16;
/** Moves in a row that gain nothing. */
const MOST_IDLE = 2;
/** At most so many tensors are tried as homes, and so many groups of equal size as guests of each. */
const MOST_HOMES = 64;
const MOST_GROUPS = 16;
/** Tensors that take less than this part of the peak, all of one size together, are not looked at. */
const LEAST_SHARE = 1 / 50;

/**
 * The schedule with tensors in parts of larger ones, where no element is in use by both in one step and the peak live bytes of the
 * program are lower for it. Never inputs, outputs, parameters and state. The steps stay as they are but for the ranges that they bind.
 */
export function shareParts(schedule: Schedule, alignment: number): Schedule {
  let shared = schedule;
  for (let program = 0; program < schedule.programs.length; program++)
    shared = sharedIn(shared, program, alignment);
  return shared === schedule ? schedule : dropUnused(shared);
}

/** What moves come to in one program; a move that gains nothing may be what the next one needs. */
function sharedIn(schedule: Schedule, index: number, alignment: number): Schedule {
  const places = new Places(schedule, index, alignment);
  let best = schedule;
  let least = Number.POSITIVE_INFINITY;
  let idle = 0;
  for (let moves = 0; moves <= MOST_MOVES && idle <= MOST_IDLE; moves++) {
    const made = moves === 0 ? schedule : moved(schedule, index, places.homes);
    const peak = peakOf(made, index, alignment);
    idle++;
    if (peak < least) {
      best = made;
      least = peak;
      idle = 0;
    }
    const move = bestMove(places, peak * LEAST_SHARE);
    if (!move) break;
    places.move(move);
  }
  return best;
}

/** By guest: the element of its home at which it begins. */
interface Move {
  readonly home: number;
  readonly guests: ReadonlyMap<number, number>;
}

/** The move that lowers the peak of a program most, or at least does not raise it; null where all do. */
function bestMove(places: Places, leastBytes: number): Move | null {
  const worth = (list: readonly number[]) =>
    list.reduce((sum, tensor) => sum + places.bytes(tensor), 0) >= leastBytes;
  const homes = [...places.stays.keys()].filter(
    (tensor) => worth([tensor]) && isUsedInParts(places.stays.get(tensor)!),
  );
  if (homes.length === 0) return null;
  const live = liveBytes(places);
  const isAtPeak = (tensor: number) => {
    const { first, last } = places.lifeOf(tensor);
    return first <= live.peakStep && live.peakStep <= last;
  };
  const byBytes = (a: readonly number[], b: readonly number[]) =>
    b.length * places.bytes(b[0]) - a.length * places.bytes(a[0]);
  // The peak falls only by what is live there.
  const groups = places
    .ofOneSize()
    .filter((group) => worth(group) && group.some(isAtPeak))
    .sort(byBytes)
    .slice(0, MOST_GROUPS);
  let best: { readonly move: Move; readonly peak: number } | null = null;
  for (const home of homes.slice(0, MOST_HOMES))
    for (const group of groups) {
      const move = { home, guests: roomFor(places, home, group) };
      if (move.guests.size === 0) continue;
      const peak = peakAfter(live, move, places);
      if (peak <= live.peak && peak < (best?.peak ?? Number.POSITIVE_INFINITY))
        best = { move, peak };
    }
  return best?.move ?? null;
}

/** Elements `start` to before `end`, in use from step `first` to step `last`. */
interface Stay {
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly last: number;
}

/** Whether some elements of a tensor are in use without others. */
const isUsedInParts = (stays: readonly Stay[]): boolean =>
  largest(stays.map(({ start }) => start)) >= smallest(stays.map(({ end }) => end));

/** Who lives where in one program. */
class Places {
  readonly stepCount: number;
  /** By tensor that may move and has a place of its own: when which of its elements are in use, by it and by its guests. */
  readonly stays = new Map<number, Stay[]>();
  /** By guest. */
  readonly homes = new Map<number, { readonly home: number; readonly first: number }>();
  readonly #tensors: Schedule['tensors'];
  readonly #alignment: number;

  constructor(schedule: Schedule, index: number, alignment: number) {
    const program = schedule.programs[index];
    const isOutput = outputFlags(schedule);
    this.#tensors = schedule.tensors;
    this.#alignment = alignment;
    this.stepCount = program.steps.length;
    const scratch = scratchOf(schedule, program);
    for (const [tensor, uses] of usesOf(schedule, program)) {
      const { program: owner, role } = schedule.tensors[tensor];
      if (owner === index && role !== 'input' && !isOutput[tensor] && !scratch.has(tensor))
        this.stays.set(tensor, staysOf(uses));
    }
  }

  dtype(tensor: number) {
    return this.#tensors[tensor].dtype;
  }

  elements(tensor: number): number {
    return elementCount(this.#tensors[tensor].shape);
  }

  bytes(tensor: number): number {
    return alignUp(byteCount(this.#tensors[tensor]), this.#alignment);
  }

  /** Tensors with a place of their own in groups of one dtype and size. */
  ofOneSize(): number[][] {
    const groups = new Map<string, number[]>();
    for (const tensor of this.stays.keys()) {
      const key = `${this.dtype(tensor)} ${this.elements(tensor)}`;
      const group = groups.get(key);
      if (group) group.push(tensor);
      else groups.set(key, [tensor]);
    }
    return [...groups.values()];
  }

  lifeOf(tensor: number): { readonly first: number; readonly last: number } {
    const stays = this.stays.get(tensor)!;
    return {
      first: smallest(stays.map(({ first }) => first)),
      last: largest(stays.map(({ last }) => last)),
    };
  }

  move({ home, guests }: Move): void {
    const stays = this.stays.get(home)!;
    for (const [guest, offset] of this.homes) {
      const first = guests.get(offset.home);
      if (first !== undefined) this.homes.set(guest, { home, first: first + offset.first });
    }
    for (const [guest, first] of guests) {
      append(
        stays,
        this.stays.get(guest)!.map((stay) => shifted(stay, first)),
      );
      this.stays.delete(guest);
      this.homes.set(guest, { home, first });
    }
  }
}

const shifted = (stay: Stay, by: number): Stay => ({
  ...stay,
  start: by + stay.start,
  end: by + stay.end,
});

function peakOf(schedule: Schedule, index: number, alignment: number): number {
  const program = schedule.programs[index];
  const order = Int32Array.from(program.steps, (_, step) => step);
  return peakOfOrder(memoryModel(programAccess(schedule, program, alignment)), order);
}

/** Elements `start` to before `end` of a tensor, in use at a step. */
interface Use {
  readonly step: number;
  readonly start: number;
  readonly end: number;
}

/** Working memory of kernels, which verifiers take to be overwritten as a whole. */
function scratchOf({ kernels }: Schedule, { steps }: ScheduleProgram): ReadonlySet<number> {
  const own = steps.flatMap(({ kernel, operands }) =>
    operands.filter((_, buffer) => kernelAccess(kernels[kernel])[buffer].isScratch),
  );
  return new Set(own);
}

/** By tensor, in the order of steps. */
function usesOf({ kernels }: Schedule, { steps }: ScheduleProgram): Map<number, Use[]> {
  const uses = new Map<number, Use[]>();
  steps.forEach(({ kernel, operands, offsets }, step) => {
    operands.forEach((tensor, buffer) => {
      const start = offsets?.[buffer] ?? 0;
      const use = { step, start, end: start + kernels[kernel].buffers[buffer].elements };
      const list = uses.get(tensor);
      if (list) list.push(use);
      else uses.set(tensor, [use]);
    });
  });
  return uses;
}

/** Live bytes by step, takeovers in place aside. */
interface LiveBytes {
  readonly byStep: Float64Array;
  readonly peak: number;
  readonly peakStep: number;
}

function liveBytes(places: Places): LiveBytes {
  const byStep = new Float64Array(places.stepCount + 1);
  for (const tensor of places.stays.keys()) {
    const { first, last } = places.lifeOf(tensor);
    byStep[first] += places.bytes(tensor);
    byStep[last + 1] -= places.bytes(tensor);
  }
  for (let step = 1; step < byStep.length; step++) byStep[step] += byStep[step - 1];
  const peak = largest(byStep);
  return { byStep, peak, peakStep: byStep.indexOf(peak) };
}

/** The peak of live bytes behind a move: guests take nothing, their home is live as long as they are. */
function peakAfter({ byStep }: LiveBytes, { home, guests }: Move, places: Places): number {
  const change = new Float64Array(byStep.length + 1);
  const add = (first: number, last: number, amount: number) => {
    change[first] += amount;
    change[last + 1] -= amount;
  };
  const own = places.lifeOf(home);
  let { first, last } = own;
  for (const guest of guests.keys()) {
    const life = places.lifeOf(guest);
    add(life.first, life.last, -places.bytes(guest));
    first = Math.min(first, life.first);
    last = Math.max(last, life.last);
  }
  add(own.first, own.last, -places.bytes(home));
  add(first, last, places.bytes(home));
  let peak = 0;
  let sum = 0;
  for (let step = 0; step < byStep.length; step++) {
    sum += change[step];
    peak = Math.max(peak, byStep[step] + sum);
  }
  return peak;
}

/** A tensor's elements, cut wherever a use of it begins or ends. */
function staysOf(uses: readonly Use[]): Stay[] {
  const cuts = Float64Array.from(new Set(uses.flatMap(({ start, end }) => [start, end]))).sort();
  const at = new Map(Array.from(cuts, (cut, i) => [cut, i]));
  const first = new Int32Array(cuts.length).fill(-1);
  const last = new Int32Array(cuts.length);
  for (const { step, start, end } of uses)
    for (let i = at.get(start)!; cuts[i] < end; i++) {
      if (first[i] < 0) first[i] = step;
      last[i] = step;
    }
  return Array.from(first.subarray(0, -1), (step, i) => ({
    ...{ start: cuts[i], end: cuts[i + 1] },
    ...{ first: step, last: last[i] },
  })).filter((stay) => stay.first >= 0);
}

/** For each guest that there is room for in a home, the first place that no other one needs while the guest does. */
function roomFor(
  places: Places,
  home: number,
  guests: readonly number[],
): ReadonlyMap<number, number> {
  const dtype = places.dtype(home);
  const size = places.elements(home);
  const residents = new Residents(places.stays.get(home)!);
  const alignment = rangeAlignment(dtype);
  const found = new Map<number, number>();
  for (const guest of guests) {
    const elements = places.elements(guest);
    if (guest === home || places.dtype(guest) !== dtype || elements > size) continue;
    const stays = places.stays.get(guest)!;
    const first = residents.starts.find(
      (start) =>
        start % alignment === 0 && start + elements <= size && residents.haveRoom(stays, start),
    );
    if (first === undefined) continue;
    residents.add(stays, first);
    found.set(guest, first);
  }
  return found;
}

/** Who is in a home where and when; found by the runs of elements that its own uses cut it into. */
class Residents {
  readonly starts: readonly number[];
  readonly #runs: readonly Stay[][];

  constructor(own: readonly Stay[]) {
    this.starts = [...new Set(own.map(({ start }) => start))].sort((a, b) => a - b);
    this.#runs = this.starts.map(() => []);
    this.add(own, 0);
  }

  haveRoom(stays: readonly Stay[], offset: number): boolean {
    return stays.every((stay) => {
      const start = offset + stay.start;
      const end = offset + stay.end;
      for (let run = this.#runAt(start); run < this.starts.length; run++) {
        if (this.starts[run] >= end) break;
        for (const other of this.#runs[run])
          if (
            other.start < end &&
            start < other.end &&
            other.first <= stay.last &&
            stay.first <= other.last
          )
            return false;
      }
      return true;
    });
  }

  add(stays: readonly Stay[], offset: number): void {
    for (const stay of stays) {
      const moved = shifted(stay, offset);
      for (let run = this.#runAt(moved.start); run < this.starts.length; run++) {
        if (this.starts[run] >= moved.end) break;
        this.#runs[run].push(moved);
      }
    }
  }

  /** The last run that begins at an element or before it. */
  #runAt(element: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= element) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The schedule with guests in their homes. */
function moved(schedule: Schedule, index: number, homes: Places['homes']): Schedule {
  const place = (step: ScheduleStep): ScheduleStep => {
    const { operands, offsets } = step;
    if (!operands.some((tensor) => homes.has(tensor))) return step;
    return {
      ...step,
      operands: operands.map((tensor) => homes.get(tensor)?.home ?? tensor),
      offsets: operands.map((tensor, b) => (homes.get(tensor)?.first ?? 0) + (offsets?.[b] ?? 0)),
    };
  };
  return {
    ...schedule,
    programs: schedule.programs.map((program, p) =>
      p === index ? { ...program, steps: program.steps.map(place) } : program,
    ),
  };
}
