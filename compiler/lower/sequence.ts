import { bufferLoads, bufferStores, workingMemory } from '../../ir/kernel-stage.ts';
import { LiveProfile } from '../liveness/profile.ts';
import type { LoopNest } from './loop-nest.ts';
import type { LoopNestMemory } from './loop-nest-access.ts';
import { perShape, shapeOf } from './nest-shape.ts';
import { overlaps, type Range, rangesOf } from './ranges.ts';

/** What the profile of live bytes had at the places of a pair. */
type Before = ReturnType<LiveProfile['replace']> | null;

/** What became of a pair: one kernel, or two because of kernels between them or of the peak of live bytes. */
export type JoinOutcome = 'joined' | 'fixed' | 'peak';

/**
 * Kernels in a correct order, in which pairs are joined: who touches which tensor, and what may move past what. Where a
 * kernel was joined with another, its place is empty.
 */
export class KernelSequence {
  readonly slots: (LoopNest | null)[];
  private readonly readers = new Map<number, Set<number>>();
  private readonly writers = new Map<number, Set<number>>();
  private readonly memory: LoopNestMemory | null;
  /** Made when a pair is to be joined for the first time. */
  private profile: LiveProfile | null = null;
  /** What arrays of tiles may raise the peak to. */
  private mostWithArrays = 0;
  /** Takes back the last pair that was joined. */
  private takeBack: (() => void) | null = null;

  /** With `memory`, kernels are joined only where the peak of live bytes stays as low as it is. */
  constructor(nests: readonly LoopNest[], memory: LoopNestMemory | null) {
    this.slots = [...nests];
    this.memory = memory;
    nests.forEach((nest, position) => {
      this.register(nest, position);
    });
  }

  /** The kernels in order. */
  get nests(): LoopNest[] {
    return this.slots.filter((nest) => nest !== null);
  }

  /** Positions of the kernels that load from a tensor. */
  readersOf(tensor: number): ReadonlySet<number> {
    return this.readers.get(tensor) ?? NOBODY;
  }

  /** Positions of the kernels that store to a tensor. */
  writersOf(tensor: number): ReadonlySet<number> {
    return this.writers.get(tensor) ?? NOBODY;
  }

  /**
   * Puts `joined`, which does the work of the kernels at `from` and `to`, at the place of one of them: at `to` if it can be
   * there, else at `from`. Otherwise says what is in the way: kernels between them, or the peak.
   */
  join(from: number, to: number, joined: LoopNest): JoinOutcome {
    const places = [
      ...(this.freeToMove(from, to) ? [to] : []),
      ...(this.freeToMove(to, from) ? [from] : []),
    ];
    if (places.length === 0) return 'fixed';
    let before: Before = null;
    const place = places.find((one) => {
      const use = this.keepsPeak(from, to, one, joined);
      if (use) before = use.before;
      return use !== null;
    });
    if (place === undefined) return 'peak';
    const pair = [from, to].map((position) => [position, this.slots[position]!] as const);
    for (const [position] of pair) this.empty(position);
    this.fill(place, joined);
    this.takeBack = () => {
      this.empty(place);
      for (const [position, nest] of pair) this.fill(position, nest);
      if (before) this.profile!.replace(before);
    };
    return 'joined';
  }

  /** Makes two kernels again of the pair that was joined last. */
  undo(): void {
    this.takeBack?.();
    this.takeBack = null;
  }

  private empty(position: number): void {
    const nest = this.slots[position]!;
    for (const tensor of loadsOf(nest)) this.readers.get(tensor)!.delete(position);
    for (const tensor of storesOf(nest)) this.writers.get(tensor)!.delete(position);
    this.slots[position] = null;
  }

  private fill(position: number, nest: LoopNest): void {
    this.slots[position] = nest;
    this.register(nest, position);
  }

  /** Changes the profile as `join` would the kernels, unless that raised the peak; null where it does. */
  private keepsPeak(
    from: number,
    to: number,
    place: number,
    joined: LoopNest,
  ): { readonly before: Before } | null {
    const { memory } = this;
    if (!memory) return { before: null };
    if (!this.profile) {
      this.profile = new LiveProfile(memory.programUse(this.nests));
      this.mostWithArrays = this.profile.peakBytes * (1 + ARRAY_SHARE);
    }
    const { profile } = this;
    const most = Math.max(profile.peakBytes, hasArrays(joined) ? this.mostWithArrays : 0);
    const use = memory.stepUse(joined);
    const before = profile.replace(
      new Map([from, to].map((position) => [position, position === place ? use : null])),
    );
    if (profile.peakBytes <= most) return { before };
    profile.replace(before);
    return null;
  }

  /** True when no kernel strictly between the two places touches what the one at `from` writes or writes what it touches. */
  private freeToMove(from: number, to: number): boolean {
    const first = Math.min(from, to);
    const last = Math.max(from, to);
    const meets = (set: ReadonlySet<number>, range: Range, stored: boolean) => {
      for (const position of set) {
        if (position <= first || position >= last) continue;
        if (
          this.ranges(position).some((other) => other.stored === stored && overlaps(other, range))
        )
          return true;
      }
      return false;
    };
    return this.ranges(from).every(
      (range) =>
        !meets(this.writersOf(range.tensor), range, true) &&
        !(range.stored && meets(this.readersOf(range.tensor), range, false)),
    );
  }

  private register(nest: LoopNest, position: number): void {
    for (const tensor of loadsOf(nest)) addTo(this.readers, tensor, position);
    for (const tensor of storesOf(nest)) addTo(this.writers, tensor, position);
  }

  private ranges(position: number): readonly Range[] {
    return touchedRanges(this.slots[position]!);
  }
}

/** Of the peak, for the arrays of all tiles of a program that are in memory: whole tensors less of traffic are worth a row of them. */
const ARRAY_SHARE = 1 / 128;

const hasArrays = (nest: LoopNest) => workingMemory(nest).length > 0;

/** Ranges of all loads and stores of a kernel. */
export function touchedRanges(nest: LoopNest): readonly Range[] {
  const { shape, tensors, derived } = shapeOf(nest);
  derived.ranges ??= rangesOfShape(shape).map((range) => ({
    ...range,
    tensor: tensors[range.tensor],
  }));
  return derived.ranges;
}

const rangesOfShape = perShape(rangesOf);

const NOBODY: ReadonlySet<number> = new Set();

function addTo(map: Map<number, Set<number>>, key: number, value: number): void {
  const set = map.get(key);
  if (set) set.add(value);
  else map.set(key, new Set([value]));
}

/** Tensors that a kernel loads from. */
export function loadsOf(nest: LoopNest): ReadonlySet<number> {
  const { shape, tensors, derived } = shapeOf(nest);
  derived.loads ??= named(loadsOfShape(shape), tensors);
  return derived.loads;
}

/** Tensors that a kernel stores to. */
export function storesOf(nest: LoopNest): ReadonlySet<number> {
  const { shape, tensors, derived } = shapeOf(nest);
  derived.stores ??= named(storesOfShape(shape), tensors);
  return derived.stores;
}

const loadsOfShape = perShape((nest) => [
  ...new Set(bufferLoads(nest).map(({ buffer }) => buffer)),
]);
const storesOfShape = perShape((nest) => [
  ...new Set(bufferStores(nest).map(({ buffer }) => buffer)),
]);

const named = (numbers: readonly number[], tensors: readonly number[]): ReadonlySet<number> =>
  new Set(numbers.map((number) => tensors[number]));

export function hasSequentialAxis(nest: LoopNest): boolean {
  return nest.axes.some((axis) => axis.kind === 'sequential');
}
