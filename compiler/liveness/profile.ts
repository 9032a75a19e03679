import { type ProgramAccess, type StepAccess, touchedBy } from './access.ts';
import { takeHandovers } from './handovers.ts';
import { StepTree } from './step-tree.ts';

/** The steps in which a tensor opens and closes. */
interface Span {
  readonly opens: number;
  readonly closes: number;
}

/** Before the first step, for opening; and for closing where no step touches it. */
const START = -1;
/** It lasts beyond the last step. */
const END = -2;

/**
 * Live bytes of a program while its steps come, go and move, and their peak. Counts what `LiveEvents` counts for an order
 * that stays, handovers in place included. Steps have numbers that stay theirs: those of the access that it starts from,
 * later ones in the order in which they come. A change costs, for each tensor that the step touches, a logarithm of the
 * steps, squared where it finds its place among the others that touch the tensor; the peak costs one logarithm.
 */
export class LiveProfile {
  private readonly use: Omit<ProgramAccess, 'steps'>;
  private readonly isInput: ReadonlySet<number>;
  private readonly steps: (StepAccess | null)[];
  /** By tensor that counts: the steps that touch it, in order. */
  private readonly touching = new Map<number, number[]>();
  private readonly spans = new Map<number, Span>();
  /** By step: bytes of tensors that take over the place of another one. */
  private readonly shared: number[];
  private readonly tree: StepTree;
  /** Whether the steps are in the order of their numbers: none has come since the start. */
  private isNumbered = true;
  /** Bytes that are there before the first step; and of those what no step touches, which closes in the first one. */
  private startBytes = 0;
  private idleBytes = 0;

  constructor({ steps, ...use }: ProgramAccess) {
    this.use = use;
    this.isInput = new Set(use.inputs);
    this.steps = [...steps];
    this.shared = steps.map(() => 0);
    this.tree = new StepTree(steps.length);
    steps.forEach((step, position) => {
      for (const tensor of this.countedIn(step)) this.touchersOf(tensor).push(position);
    });
    const add = (node: number, opened: number, closed: number) =>
      this.tree.addUnsettled(node, opened, closed);
    for (const tensor of new Set([...use.inputs, ...this.touching.keys()]))
      this.respan(tensor, add);
    for (let position = 0; position < steps.length; position++) this.reshare(position, add);
    this.tree.settleAll();
  }

  get peakBytes(): number {
    const { tree, startBytes, idleBytes } = this;
    const first = tree.first;
    const inFirst = first < 0 ? 0 : tree.openedAt(first);
    return startBytes + Math.max(tree.most, inFirst + idleBytes);
  }

  /** Nodes of the tree that all changes so far have visited. */
  get visitedNodes(): number {
    return this.tree.visited;
  }

  /** Live bytes of each step, in order. */
  liveBytes(): number[] {
    return this.tree
      .sums()
      .map((live, step) => this.startBytes + live + (step === 0 ? this.idleBytes : 0));
  }

  /** The numbers of the steps, in order. */
  order(): number[] {
    return this.tree.nodes();
  }

  /** A new step before step `next`, or behind all where that is null; its number. */
  insert(step: StepAccess, next: number | null): number {
    const position = this.tree.insert(next);
    this.isNumbered = false;
    this.steps[position] = null;
    this.shared[position] = 0;
    this.replace(new Map([[position, step]]));
    return position;
  }

  /** Takes a step out; what it was. Its number names no step any more. */
  remove(position: number): StepAccess | null {
    const before = this.replace(new Map([[position, null]])).get(position)!;
    this.tree.remove(position);
    return before;
  }

  /** Takes a step from its place to that before step `next`, or behind all; its new number. */
  move(position: number, next: number | null): number {
    if (position === next) return position;
    const step = this.remove(position);
    const moved = this.tree.insert(next);
    this.isNumbered = false;
    this.steps[moved] = null;
    this.shared[moved] = 0;
    if (step) this.replace(new Map([[moved, step]]));
    return moved;
  }

  /**
   * Puts other steps, or none, in the places of some; gives what was there. A place without a step stays: it holds what
   * lives on both sides of it.
   */
  replace(changes: ReadonlyMap<number, StepAccess | null>): Map<number, StepAccess | null> {
    const before = new Map<number, StepAccess | null>();
    const tensors = new Set<number>();
    for (const [position, step] of changes) {
      const old = this.steps[position];
      before.set(position, old);
      this.steps[position] = step;
      for (const tensor of this.countedIn(old)) {
        tensors.add(tensor);
        const touchers = this.touchersOf(tensor);
        touchers.splice(this.placeIn(touchers, position), 1);
      }
      for (const tensor of this.countedIn(step)) {
        tensors.add(tensor);
        const touchers = this.touchersOf(tensor);
        touchers.splice(this.placeIn(touchers, position), 0, position);
      }
    }
    const add = (node: number, opened: number, closed: number) =>
      this.tree.add(node, opened, closed);
    const ends = new Set(changes.keys());
    for (const tensor of tensors)
      for (const { opens, closes } of this.respan(tensor, add)) ends.add(opens).add(closes);
    for (const position of ends) if (position >= 0) this.reshare(position, add);
    return before;
  }

  /** What a step touches and what counts. */
  private countedIn(step: StepAccess | null): number[] {
    return step ? touchedBy(step).filter((tensor) => this.use.bytesOf(tensor) > 0) : [];
  }

  private touchersOf(tensor: number): number[] {
    let touchers = this.touching.get(tensor);
    if (!touchers) {
      touchers = [];
      this.touching.set(tensor, touchers);
    }
    return touchers;
  }

  /** How many of `touchers`, which are in order, are before `position`. */
  private placeIn(touchers: readonly number[], position: number): number {
    if (touchers.length === 0) return 0;
    const rankOf = (step: number) => (this.isNumbered ? step : this.tree.rank(step));
    const rank = rankOf(position);
    let low = 0;
    let high = touchers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rankOf(touchers[middle]) < rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Counts a tensor where it is live now; gives the spans that changed. */
  private respan(tensor: number, add: StepTree['add']): Span[] {
    const bytes = this.use.bytesOf(tensor);
    if (bytes === 0) return [];
    const before = this.spans.get(tensor);
    const after = this.spanOf(tensor);
    if (before?.opens === after?.opens && before?.closes === after?.closes) return [];
    if (before) this.count(before, -bytes, add);
    if (after) {
      this.count(after, bytes, add);
      this.spans.set(tensor, after);
    } else this.spans.delete(tensor);
    return [before, after].filter((span) => span !== undefined);
  }

  private count({ opens, closes }: Span, bytes: number, add: StepTree['add']): void {
    if (opens === START && closes === START) this.idleBytes += bytes;
    else if (opens === START) this.startBytes += bytes;
    else add(opens, bytes, 0);
    if (closes >= 0) add(closes, 0, bytes);
  }

  private spanOf(tensor: number): Span | undefined {
    const touchers = this.touching.get(tensor) ?? [];
    const isInput = this.isInput.has(tensor);
    if (touchers.length === 0 && !isInput) return undefined;
    const opens = isInput ? START : touchers[0];
    const closes = touchers.length === 0 ? START : touchers[touchers.length - 1];
    return { opens, closes: this.use.isOutput(tensor) ? END : closes };
  }

  private reshare(position: number, add: StepTree['add']): void {
    let shared = 0;
    takeHandovers(
      this.steps[position]?.pairs ?? [],
      (from) => this.spans.get(from)?.closes === position,
      (to) => this.spans.get(to)?.opens === position,
      ({ to }) => {
        shared += this.use.bytesOf(to);
      },
    );
    const more = shared - this.shared[position];
    if (more === 0) return;
    this.shared[position] = shared;
    add(position, -more, -more);
  }
}
