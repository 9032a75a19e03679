import { STORAGE_TYPES } from './dtypes.ts';
import type { WrittenRange } from './kernel-access.ts';
import { partitionPoint } from './lists.ts';
import type { AllocatedSchedule, Schedule } from './schedule.ts';
import type { Handover } from './schedule-flow.ts';
import type { Part, Terms } from './symbolic-terms.ts';
import { byteCount } from './tensor.ts';

/** A schedule in any state: each tensor in memory of its own, some in the place of others, or all in slabs. */
export type MeantSchedule = Schedule &
  Partial<Pick<AllocatedSchedule, 'placements' | 'hostSlots'>> & {
    readonly handovers?: readonly Handover[];
  };

/** The memory of a run on symbols. Where a schedule says addresses, tensors meet wherever their places do. */
export class ScheduleMemory {
  readonly #schedule: MeantSchedule;
  readonly #terms: Terms;
  readonly #spaces = new Map<string, Space>();
  /** By tensor: the one whose space it is in. */
  readonly #owner: Int32Array;
  readonly #begun: Uint8Array;
  readonly #homes = new Map<number, number>();
  /** Those that take over a place in the step that runs. */
  readonly #takers = new Set<number>();

  constructor(schedule: MeantSchedule, terms: Terms) {
    this.#schedule = schedule;
    this.#terms = terms;
    this.#owner = Int32Array.from(schedule.tensors, (_, i) => i);
    this.#begun = new Uint8Array(schedule.tensors.length);
    schedule.slots?.forEach(({ tensor }, slot) => {
      if (tensor !== null) this.#homes.set(tensor, slot);
    });
  }

  tensor(tensor: number): Place {
    const type = this.#schedule.tensors[tensor];
    const placement = this.#schedule.placements?.[tensor];
    const bytes = byteCount(type);
    const [name, start] = placement
      ? [`slab ${placement.slab}`, placement.offset]
      : [`tensor ${this.#owner[tensor]}`, 0];
    return new Place(this.#space(name), this.#terms, {
      start,
      bytes,
      element: STORAGE_TYPES[type.dtype].bytes,
    });
  }

  /** Where a persistent tensor lives between runs. */
  home(tensor: number): Place {
    const slot = this.#homes.get(tensor);
    return slot === undefined ? this.tensor(tensor) : this.slot(slot, tensor);
  }

  /** A slot as far as a tensor fills it. */
  slot(slot: number, tensor: number): Place {
    const type = this.#schedule.tensors[tensor];
    const host = this.#schedule.hostSlots?.[slot];
    const bytes = byteCount(type);
    const [name, start] = host ? [`tier ${host.tier}`, host.offset] : [`slot ${slot}`, 0];
    return new Place(this.#space(name), this.#terms, {
      start,
      bytes,
      element: STORAGE_TYPES[type.dtype].bytes,
    });
  }

  /** A tensor whose life begins: what lay in its place before is nobody's value. */
  begin(tensor: number): Place {
    const place = this.tensor(tensor);
    this.#begun[tensor] = 1;
    place.clear();
    return place;
  }

  /** Begins the life of an arena tensor where a step uses it first, unless it takes over what is there. */
  touch(tensor: number): void {
    if (this.#begun[tensor] || this.#schedule.tensors[tensor].program === null) return;
    if (this.#schedule.placements?.[tensor].policy === 'in-place') this.#takers.add(tensor);
    if (this.#takers.has(tensor)) this.#begun[tensor] = 1;
    else this.begin(tensor);
  }

  takeOver({ tensor, from }: Handover): void {
    this.#owner[tensor] = this.#owner[from];
    this.#takers.add(tensor);
  }

  /** Which of a step's tensors have taken over places: once they are read, their donors' values are gone. */
  takers(operands: readonly number[]): number[] {
    const taking = operands.flatMap((tensor, b) => (this.#takers.has(tensor) ? [b] : []));
    this.#takers.clear();
    return taking;
  }

  #space(name: string): Space {
    let space = this.#spaces.get(name);
    if (!space) {
      space = new Space(this.#terms.nothing);
      this.#spaces.set(name, space);
    }
    return space;
  }
}

interface Extent {
  readonly start: number;
  readonly bytes: number;
  /** Bytes of one element. */
  readonly element: number;
}

/** A range of a space. */
export class Place {
  readonly #space: Space;
  readonly #terms: Terms;
  readonly #extent: Extent;

  constructor(space: Space, terms: Terms, extent: Extent) {
    this.#space = space;
    this.#terms = terms;
    this.#extent = extent;
  }

  /** The elements from `start` to before `end`. */
  range(start: number, end: number): Place {
    const { start: base, element } = this.#extent;
    return new Place(this.#space, this.#terms, {
      start: base + start * element,
      bytes: (end - start) * element,
      element,
    });
  }

  read(): number {
    const { start, bytes } = this.#extent;
    return this.#terms.joined(this.#space.read(start, start + bytes));
  }

  /** Takes what another place of its size holds, part by part. */
  copyFrom(other: Place): void {
    const { start, bytes } = other.#extent;
    let at = this.#extent.start;
    for (const { symbol, from, length } of other.#space.read(start, start + bytes)) {
      this.#space.write(at, at + length, symbol, from);
      at += length;
    }
  }

  write(symbol: number): void {
    this.writePart(symbol, 0);
  }

  /** Writes the part of a value that begins with its element `from`. */
  writePart(symbol: number, from: number): void {
    const { start, bytes, element } = this.#extent;
    this.#space.write(start, start + bytes, symbol, from * element);
  }

  /** Writes some elements of a range, nobody knows which. */
  writeOver(symbol: number, range: WrittenRange): void {
    const { start, bytes } = this.#extent;
    const parts = this.#space.read(start, start + bytes);
    const first = parts[0];
    const twice = parts.length === 1 && this.#terms.isOver(first.symbol, symbol, range);
    if (twice && !range.accumulates) return;
    this.writePart(this.#terms.over(symbol, this.#terms.joined(parts), range), range.start);
  }

  clear(): void {
    this.write(this.#terms.nothing);
  }
}

/** Memory as pieces of values in order of address; between them is nothing. */
class Space {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #symbols: number[] = [];
  readonly #froms: number[] = [];
  readonly #nothing: number;

  constructor(nothing: number) {
    this.#nothing = nothing;
  }

  /** Position of the first piece that ends behind `address`. */
  #behind(address: number): number {
    return partitionPoint(this.#ends.length, (i) => this.#ends[i] <= address);
  }

  read(start: number, end: number): Part[] {
    const parts: Part[] = [];
    const add = (symbol: number, from: number, length: number) => {
      const last = parts[parts.length - 1];
      const goesOn =
        last?.symbol === symbol && (symbol === this.#nothing || last.from + last.length === from);
      if (goesOn) parts[parts.length - 1] = { ...last, length: last.length + length };
      else if (length > 0) parts.push({ symbol, from, length });
    };
    let at = start;
    for (let i = this.#behind(start); i < this.#starts.length && this.#starts[i] < end; i++) {
      if (this.#starts[i] > at) add(this.#nothing, 0, this.#starts[i] - at);
      at = Math.max(at, this.#starts[i]);
      const to = Math.min(end, this.#ends[i]);
      add(this.#symbols[i], this.#froms[i] + at - this.#starts[i], to - at);
      at = to;
    }
    add(this.#nothing, 0, end - at);
    return parts;
  }

  write(start: number, end: number, symbol: number, from: number): void {
    const low = this.#behind(start);
    let high = low;
    while (high < this.#starts.length && this.#starts[high] < end) high++;
    const kept: [number, number, number, number][] = [];
    if (low < high && this.#starts[low] < start)
      kept.push([this.#starts[low], start, this.#symbols[low], this.#froms[low]]);
    if (symbol !== this.#nothing) kept.push([start, end, symbol, from]);
    if (low < high && this.#ends[high - 1] > end) {
      const last = high - 1;
      const skipped = end - this.#starts[last];
      kept.push([end, this.#ends[last], this.#symbols[last], this.#froms[last] + skipped]);
    }
    this.#starts.splice(low, high - low, ...kept.map(([first]) => first));
    this.#ends.splice(low, high - low, ...kept.map(([, last]) => last));
    this.#symbols.splice(low, high - low, ...kept.map(([, , value]) => value));
    this.#froms.splice(low, high - low, ...kept.map(([, , , first]) => first));
  }
}
