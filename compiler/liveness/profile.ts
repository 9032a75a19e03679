import type { ProgramAccess, StepAccess } from './access.ts';

/**
 * Bytes that are live at every step of a program while steps are joined and moved, and their peak. Counts what
 * `peakOfOrder` counts, handovers in place included; a place without a step holds what lives on both sides of it. A
 * change costs the number of steps that touch the tensors of the changed ones, times a logarithm.
 */
export class LiveProfile {
  private readonly use: Omit<ProgramAccess, 'steps'>;
  private readonly isInput = new Set<number>();
  private readonly steps: (StepAccess | null)[];
  private readonly touching = new Map<number, Set<number>>();
  /** By tensor: where it is counted. */
  private readonly spans = new Map<number, Span>();
  /** By step: bytes of tensors that take over the memory of another one. */
  private readonly shared: Float64Array;
  private readonly live: RangeMaximum;

  constructor({ steps, ...use }: ProgramAccess) {
    this.use = use;
    this.steps = [...steps];
    this.shared = new Float64Array(steps.length);
    this.live = new RangeMaximum(steps.length);
    for (const tensor of use.inputs) this.isInput.add(tensor);
    steps.forEach((step, position) => {
      for (const tensor of touchedBy(step)) this.touchersOf(tensor).add(position);
    });
    for (const tensor of new Set([...use.inputs, ...this.touching.keys()])) this.respan(tensor);
    for (let position = 0; position < steps.length; position++) this.reshare(position);
  }

  get peakBytes(): number {
    return this.live.most;
  }

  /** Puts other steps, or none, at some places; gives what was there. */
  replace(changes: ReadonlyMap<number, StepAccess | null>): Map<number, StepAccess | null> {
    const before = new Map<number, StepAccess | null>();
    const tensors = new Set<number>();
    for (const [position, step] of changes) {
      const old = this.steps[position];
      before.set(position, old);
      this.steps[position] = step;
      for (const tensor of touchedBy(old)) {
        tensors.add(tensor);
        this.touchersOf(tensor).delete(position);
      }
      for (const tensor of touchedBy(step)) {
        tensors.add(tensor);
        this.touchersOf(tensor).add(position);
      }
    }
    const ends = new Set(changes.keys());
    for (const tensor of tensors) {
      for (const { first, last } of this.respan(tensor)) ends.add(first).add(last);
    }
    for (const position of ends) this.reshare(position);
    return before;
  }

  private touchersOf(tensor: number): Set<number> {
    let touchers = this.touching.get(tensor);
    if (!touchers) {
      touchers = new Set();
      this.touching.set(tensor, touchers);
    }
    return touchers;
  }

  /** Counts a tensor where it is live now; gives the spans that changed. */
  private respan(tensor: number): Span[] {
    const bytes = this.use.bytesOf(tensor);
    if (bytes === 0) return [];
    const before = this.spans.get(tensor);
    const after = this.spanOf(tensor);
    if (before?.first === after?.first && before?.last === after?.last) return [];
    if (before) this.live.add(before.first, before.last, -bytes);
    if (after) {
      this.live.add(after.first, after.last, bytes);
      this.spans.set(tensor, after);
    } else this.spans.delete(tensor);
    return [before, after].filter((span) => span !== undefined);
  }

  private spanOf(tensor: number): Span | undefined {
    let first = Number.POSITIVE_INFINITY;
    let last = -1;
    for (const position of this.touchersOf(tensor)) {
      if (position < first) first = position;
      if (position > last) last = position;
    }
    if (this.isInput.has(tensor)) first = 0;
    if (last < 0) return this.isInput.has(tensor) ? { first: 0, last: 0 } : undefined;
    return { first, last: this.use.isOutput(tensor) ? this.steps.length - 1 : last };
  }

  private reshare(position: number): void {
    const taken: number[] = [];
    let shared = 0;
    for (const { from, to } of this.steps[position]?.pairs ?? []) {
      if (this.spans.get(from)?.last !== position || this.spans.get(to)?.first !== position)
        continue;
      if (this.isInput.has(to) || taken.includes(from) || taken.includes(to)) continue;
      taken.push(from, to);
      shared += this.use.bytesOf(to);
    }
    if (shared === this.shared[position]) return;
    this.live.add(position, position, this.shared[position] - shared);
    this.shared[position] = shared;
  }
}

interface Span {
  readonly first: number;
  readonly last: number;
}

function touchedBy(step: StepAccess | null): readonly number[] {
  return step ? [...step.reads, ...step.writes] : [];
}

/** Numbers to which ranges are added, and the largest of them: a segment tree with sums left at its inner nodes. */
class RangeMaximum {
  private readonly size: number;
  /** Largest of each subtree, what was added to the whole subtree included. */
  private readonly largest: Float64Array;
  private readonly added: Float64Array;

  constructor(count: number) {
    this.size = 2 ** Math.ceil(Math.log2(Math.max(1, count)));
    this.largest = new Float64Array(2 * this.size);
    this.added = new Float64Array(this.size);
  }

  get most(): number {
    return this.largest[1];
  }

  /** Adds `value` from `first` to `last`, both included. */
  add(first: number, last: number, value: number): void {
    let low = first + this.size;
    let high = last + this.size + 1;
    for (; low < high; low >>= 1, high >>= 1) {
      if (low & 1) this.addToSubtree(low++, value);
      if (high & 1) this.addToSubtree(--high, value);
    }
    this.settle(first + this.size);
    this.settle(last + this.size);
  }

  private addToSubtree(node: number, value: number): void {
    this.largest[node] += value;
    if (node < this.size) this.added[node] += value;
  }

  /** Brings the largest of all subtrees around a leaf up to date. */
  private settle(leaf: number): void {
    for (let node = leaf >> 1; node >= 1; node >>= 1)
      this.largest[node] =
        Math.max(this.largest[2 * node], this.largest[2 * node + 1]) + this.added[node];
  }
}
