import { takeHandovers } from '../../liveness/handovers.ts';
import type { SequenceModel } from './model.ts';
import { RangeTree } from './range-tree.ts';

// The steps of a program in their order, and between them recomputations and copies from the host. A stage is one step with what
// comes right before it. A value is in memory in runs: from what makes it (its first writer, a recomputation, a copy from the
// host) to the last use before it is made again. So what is written here says everything: where nothing makes a value again, it
// stays; where something does, it leaves memory behind the use before that.
//
// Live bytes per stage are in a tree: what passes through a stage is added to ranges of stages, what begins or ends in one is
// counted over the few ops of that stage. A change costs a logarithm for each value that it touches.

export const BASE = 0;
export const RECOMPUTE_OP = 1;
export const COPY_IN = 2;
/** Of what comes between the steps. */
export type ExtraKind = typeof RECOMPUTE_OP | typeof COPY_IN;
export type OpKind = typeof BASE | ExtraKind;

/** Most ops in a stage, by the encoding of positions. */
const STAGE_SIZE = 2 ** 20;

/** Of a stage whose bytes are to be counted, and of one where they are known from before. */
const DIRTY = 1;
const RESTORED = 2;

/** A value that stays in memory between two ops that touch it one after the other. */
export interface Gap {
  readonly value: number;
  readonly before: number;
  readonly after: number;
}

export class Sequence {
  readonly model: SequenceModel;
  readonly tree: RangeTree;
  /** By stage: what comes before its step, in order; null for nothing. */
  readonly extras: (number[] | null)[];
  /** By op; the first ones are the steps. */
  readonly kind: OpKind[];
  readonly value: number[];
  readonly stage: number[];
  private readonly position: number[];
  /**
   * By value that counts: the ops that touch it, in order; twice the op, and one more where it makes the value.
   */
  readonly touches: (readonly number[])[];
  /** By value: how many copies from the host there are. */
  readonly copiesIn: Int32Array;
  /** Seconds of all recomputations. */
  recomputeSeconds = 0;
  /** Bytes of all copies from the host. */
  copiedBytes = 0;
  copyCount = 0;
  extraCount = 0;
  /** Touches that have changed and ops that were counted anew so far: a measure of work that is the same on every machine. */
  changes = 0;
  /** Called with two ops that touch a value one after the other, when they have become that. */
  onGap: ((value: number, before: number, after: number) => void) | null = null;
  /**
   * Called when an op has come to a stage, or before it leaves; and with op -1 for the stage behind which a value is sent to the host
   * now, or no more.
   */
  onOp: ((stage: number, op: number, isNew: boolean) => void) | null = null;
  /** By value: a list of it alone. */
  private readonly alone: readonly (readonly number[])[];
  private readonly inner: Float64Array;
  /** By stage: the op at which the bytes of the stage are highest. */
  private readonly peakOp: Int32Array;
  private readonly free: number[] = [];
  private readonly dirty: number[] = [];
  private readonly isDirty: Uint8Array;
  /** Changes that can be taken back: an op that was inserted, or what was removed. */
  private readonly journal: number[] = [];
  /**
   * What `settle` has changed since the journal began, four numbers each: how long the journal was, the stage, and its bytes and
   * highest op before. Taking changes back finds them here.
   */
  private readonly settled: number[] = [];

  constructor(model: SequenceModel) {
    const { stepCount, program, counted, touched, firstWriter } = model;
    this.model = model;
    this.alone = program.values.map((_, value) => [value]);
    this.tree = new RangeTree(stepCount);
    this.extras = new Array(stepCount).fill(null);
    this.kind = new Array(stepCount).fill(BASE);
    this.value = new Array(stepCount).fill(-1);
    this.stage = Array.from({ length: stepCount }, (_, step) => step);
    this.position = this.stage.map((step) => (step + 1) * STAGE_SIZE - 1);
    this.copiesIn = new Int32Array(program.values.length);
    this.inner = new Float64Array(stepCount);
    this.peakOp = Int32Array.from({ length: stepCount }, (_, step) => step);
    this.isDirty = new Uint8Array(stepCount);
    const touches = program.values.map((): number[] => []);
    touched.forEach((values, step) => {
      for (const value of values) {
        const makes = firstWriter[value] === step && this.isMadeByStep(value);
        touches[value].push(2 * step + (makes ? 1 : 0));
      }
    });
    this.touches = touches;
    program.values.forEach((_, value) => {
      const uses = touches[value].length;
      // Host-resident values have no run until they are copied in. Inputs that nobody reads are there at the start.
      if (counted[value] && !model.hosted[value]) this.countRun(value, 0, uses, 1);
      if (model.isInput[value] && uses === 0 && stepCount > 0)
        this.tree.add(0, 0, model.bytes[value]);
    });
    for (let stage = 0; stage < stepCount; stage++) this.markDirty(stage);
    this.settle();
    program.values.forEach((_, value) => {
      if (model.hosted[value]) this.bringIn(value);
    });
    this.commit();
  }

  /** Peak live bytes, persistent values on the device left out. */
  get peakBytes(): number {
    return this.model.stepCount === 0 ? 0 : this.tree.largest;
  }

  get peakStage(): number {
    return this.tree.largestAt;
  }

  /** The op of a stage at which most bytes are live. */
  peakOpOf(stage: number): number {
    return this.peakOp[stage];
  }

  isBefore(a: number, b: number): boolean {
    return this.position[a] < this.position[b];
  }

  /** What an op touches: values that count, each once. */
  touchedBy(op: number): readonly number[] {
    if (this.kind[op] === BASE) return this.model.touched[op];
    const value = this.value[op];
    return this.kind[op] === COPY_IN ? this.alone[value] : this.model.recipes[value]!.touched;
  }

  /** The place of an op among those that touch a value; where it is not, that of the first one behind it. */
  placeOf(value: number, op: number): number {
    const list = this.touches[value];
    const { position } = this;
    const at = position[op];
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (position[list[middle] >> 1] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The gap of a value over an op that does not touch it; null where it is not in memory there, or needed for the output. */
  gapOver(value: number, op: number): Gap | null {
    const list = this.touches[value];
    const place = this.placeOf(value, op);
    if (place === 0 || place === list.length) return null;
    const next = list[place];
    if ((next & 1) === 1 || next >> 1 === op) return null;
    return { value, before: list[place - 1] >> 1, after: next >> 1 };
  }

  /** Whether two ops touch a value one after the other, and it stays in memory between them. */
  isGap(value: number, before: number, after: number): boolean {
    const list = this.touches[value];
    if (this.stage[before] < 0 || this.stage[after] < 0) return false;
    const place = this.placeOf(value, before);
    return place + 1 < list.length && list[place] >> 1 === before && list[place + 1] === 2 * after;
  }

  /** A value must be as it will be to leave memory; a host-resident one may also be as it was. */
  isSettled(value: number, before: number): boolean {
    const { lastWriter, firstWriter, hosted } = this.model;
    const stage = this.stage[before];
    if (lastWriter[value] < 0) return true;
    const written =
      this.kind[before] === BASE ? stage >= lastWriter[value] : stage > lastWriter[value];
    if (written) return true;
    const untouched =
      this.kind[before] === BASE ? stage < firstWriter[value] : stage <= firstWriter[value];
    return hosted[value] === 1 && untouched;
  }

  /** The op that made a value as another op touches it; -1 where it is there from the start. */
  makerOf(value: number, op: number): number {
    const list = this.touches[value];
    const place = this.placeOf(value, op);
    const start = this.runStart(list, place);
    return (list[start] & 1) === 1 ? list[start] >> 1 : -1;
  }

  /** Inserts a recomputation or a copy before op `next`, which is in the same stage then. Gives its number. */
  insert(kind: ExtraKind, value: number, next: number): number {
    const op = this.insertUnsettled(kind, value, next);
    this.settle();
    return op;
  }

  /** Inserts several, in their order. */
  insertAll(kinds: readonly ExtraKind[], values: readonly number[], next: number): number[] {
    const ops = kinds.map((kind, i) => this.insertUnsettled(kind, values[i], next));
    this.settle();
    return ops;
  }

  private insertUnsettled(kind: ExtraKind, value: number, next: number): number {
    const stage = this.stage[next];
    const list = this.extras[stage];
    const index = this.kind[next] === BASE ? (list?.length ?? 0) : list!.indexOf(next);
    const op = this.place(kind, value, stage, index);
    this.journal.push(op, -1, 0, 0);
    return op;
  }

  /** Takes a recomputation or a copy out; the value must have been made before it. */
  remove(op: number): void {
    const index = this.extras[this.stage[op]]!.indexOf(op);
    this.journal.push(-1, this.kind[op], this.value[op], this.stage[op] * STAGE_SIZE + index);
    this.take(op);
    this.settle();
  }

  /** Where the journal stands: `revert` takes back what comes after. */
  get mark(): number {
    return this.journal.length;
  }

  revert(mark: number): void {
    const { journal } = this;
    while (journal.length > mark) {
      const at = journal.pop()!;
      const value = journal.pop()!;
      const kind = journal.pop()! as OpKind;
      const op = journal.pop()!;
      if (op >= 0) this.take(op);
      else this.place(kind, value, Math.floor(at / STAGE_SIZE), at % STAGE_SIZE);
    }
    this.restoreSettled(mark);
    this.settle();
  }

  /** What has been done up to here stays. */
  commit(): void {
    this.journal.length = 0;
    this.settled.length = 0;
  }

  /** All recomputations and copies, in order. */
  extraOps(): number[] {
    const ops: number[] = [];
    for (const list of this.extras) if (list) for (const op of list) ops.push(op);
    return ops;
  }

  /** The ops that make nothing which anybody touches behind it. */
  isUnused(op: number): boolean {
    if (this.kind[op] === BASE) return false;
    const value = this.value[op];
    if (this.kind[op] === COPY_IN) return this.runIsEmpty(value, op);
    return this.model.recipes[value]!.creates.every((made) => this.runIsEmpty(made, op));
  }

  private runIsEmpty(value: number, op: number): boolean {
    const list = this.touches[value];
    const place = this.placeOf(value, op);
    return place + 1 === list.length || (list[place + 1] & 1) === 1;
  }

  /** Whether the first writer of a value makes it; host-resident ones are written over. */
  private isMadeByStep(value: number): boolean {
    return this.model.program.values[value].kind !== 'persistent';
  }

  /** A host-resident value comes in for its first use. */
  private bringIn(value: number): void {
    const list = this.touches[value];
    if (list.length > 0) this.insert(COPY_IN, value, list[0] >> 1);
  }

  private place(kind: OpKind, value: number, stage: number, index: number): number {
    const op = this.free.pop() ?? this.kind.length;
    this.kind[op] = kind;
    this.value[op] = value;
    this.stage[op] = stage;
    let list = this.extras[stage];
    if (!list) {
      list = [];
      this.extras[stage] = list;
    }
    list.splice(index, 0, op);
    for (let i = index; i < list.length; i++) this.position[list[i]] = stage * STAGE_SIZE + i;
    this.extraCount++;
    if (kind === COPY_IN) {
      this.copiesIn[value]++;
      this.copyCount++;
      this.copiedBytes += this.model.bytes[value];
      this.addTouch(value, 2 * op + 1);
      // Where it is copied out nothing can take its place.
      if (this.copiesIn[value] === 1 && this.model.sentBehind[value] >= 0) this.markSending(value);
    } else {
      const { reads, creates, rewrites, seconds } = this.model.recipes[value]!;
      this.recomputeSeconds += seconds;
      for (const read of reads) this.addTouch(read, 2 * op);
      for (const made of creates) this.addTouch(made, 2 * op + 1);
      for (const output of rewrites) this.addTouch(output, 2 * op);
    }
    this.markDirty(stage);
    this.onOp?.(stage, op, true);
    return op;
  }

  private take(op: number): void {
    const stage = this.stage[op];
    const value = this.value[op];
    const kind = this.kind[op];
    this.onOp?.(stage, op, false);
    for (const touched of this.touchedBy(op)) this.dropTouch(touched, op);
    if (kind === COPY_IN) {
      this.copiesIn[value]--;
      this.copyCount--;
      this.copiedBytes -= this.model.bytes[value];
      if (this.copiesIn[value] === 0 && this.model.sentBehind[value] >= 0) this.markSending(value);
    } else this.recomputeSeconds -= this.model.recipes[value]!.seconds;
    const list = this.extras[stage]!;
    const index = list.indexOf(op);
    list.splice(index, 1);
    for (let i = index; i < list.length; i++) this.position[list[i]] = stage * STAGE_SIZE + i;
    if (list.length === 0) this.extras[stage] = null;
    this.extraCount--;
    this.stage[op] = -1;
    this.free.push(op);
    this.markDirty(stage);
  }

  private addTouch(value: number, touch: number): void {
    this.changes++;
    const list = this.touches[value] as number[];
    const place = this.placeOf(value, touch >> 1);
    const start = this.runStart(list, place - 1);
    const end = this.runEnd(list, place);
    const hasRun = this.hasRun(value, list, start, end);
    if (hasRun) this.countRun(value, start, end, -1);
    list.splice(place, 0, touch);
    if ((touch & 1) === 1) {
      if (hasRun && place > start) this.countRun(value, start, place, 1);
      this.countRun(value, place, end + 1, 1);
    } else this.countRun(value, start, end + 1, 1);
    if (this.onGap) {
      if ((touch & 1) === 0 && place > 0) this.onGap(value, list[place - 1] >> 1, touch >> 1);
      if (place + 1 < list.length && (list[place + 1] & 1) === 0)
        this.onGap(value, touch >> 1, list[place + 1] >> 1);
    }
  }

  private dropTouch(value: number, op: number): void {
    this.changes++;
    const list = this.touches[value] as number[];
    const place = this.placeOf(value, op);
    const makes = (list[place] & 1) === 1;
    const start = this.runStart(list, makes ? place : place - 1);
    const end = this.runEnd(list, place + 1);
    this.countRun(value, start, end, -1);
    const before = makes ? this.runStart(list, place - 1) : start;
    const joins = makes && this.hasRun(value, list, before, place) && place > 0;
    if (joins) this.countRun(value, before, place, -1);
    list.splice(place, 1);
    const last = end - 1;
    if (!makes || joins) {
      if (this.hasRun(value, list, before, last)) this.countRun(value, before, last, 1);
      if (this.onGap && place > 0 && place < list.length && (list[place] & 1) === 0)
        this.onGap(value, list[place - 1] >> 1, list[place] >> 1);
    }
  }

  /** The touch that begins the run of touch `place`; 0 where the value is there from the start. */
  private runStart(list: readonly number[], place: number): number {
    let start = place;
    while (start > 0 && (list[start] & 1) === 0) start--;
    return Math.max(0, start);
  }

  /** The first touch from `place` on that makes the value anew, or the number of touches. */
  private runEnd(list: readonly number[], place: number): number {
    let end = place;
    while (end < list.length && (list[end] & 1) === 0) end++;
    return end;
  }

  /** A stretch of touches is no run where nothing makes a value that is not there from the start. */
  private hasRun(value: number, list: readonly number[], start: number, end: number): boolean {
    return start < end && ((list[start] & 1) === 1 || this.model.isInput[value] === 1);
  }

  /** Counts, or takes out of the count, the run of the touches `start` … `end`, exclusive. */
  private countRun(value: number, start: number, end: number, sign: 1 | -1): void {
    const { stepCount, bytes, isOutput } = this.model;
    const list = this.touches[value];
    if (end <= start) return;
    const first = (list[start] & 1) === 1 ? this.stage[list[start] >> 1] : -1;
    const last =
      isOutput[value] && end === list.length ? stepCount : this.stage[list[end - 1] >> 1];
    if (bytes[value] > 0) this.tree.add(first + 1, last - 1, sign * bytes[value]);
    if (first >= 0) this.markDirty(first);
    if (last < stepCount) this.markDirty(last);
  }

  private markSending(value: number): void {
    const step = this.model.sentBehind[value];
    this.markDirty(step);
    this.onOp?.(step, -1, true);
  }

  private markDirty(stage: number): void {
    if (this.isDirty[stage]) return;
    this.isDirty[stage] = DIRTY;
    this.dirty.push(stage);
  }

  private settle(): void {
    for (const stage of this.dirty) {
      const isKnown = this.isDirty[stage] === RESTORED;
      this.isDirty[stage] = 0;
      this.changes += (this.extras[stage]?.length ?? 0) + 1;
      if (isKnown) continue;
      this.settled.push(this.journal.length, stage, this.inner[stage], this.peakOp[stage]);
      this.setInner(stage, this.innerBytes(stage));
    }
    this.dirty.length = 0;
  }

  /** Stages are again as they were when the journal stood at `mark`, and what it held behind that is taken back. */
  private restoreSettled(mark: number): void {
    const { settled, peakOp, isDirty } = this;
    while (settled.length > 0 && settled[settled.length - 4] > mark) {
      const op = settled.pop()!;
      const bytes = settled.pop()!;
      const stage = settled.pop()!;
      settled.pop();
      peakOp[stage] = op;
      this.setInner(stage, bytes);
      if (isDirty[stage]) isDirty[stage] = RESTORED;
    }
  }

  private setInner(stage: number, bytes: number): void {
    const more = bytes - this.inner[stage];
    if (more !== 0) this.tree.add(stage, stage, more);
    this.inner[stage] = bytes;
  }

  // What `innerBytes` finds of the touches of a stage: value, whether it begins, whether it ends.
  private readonly found: number[] = [];

  /** The most bytes, at an op of a stage, of the values that begin or end in it. */
  private innerBytes(stage: number): number {
    const { bytes, isOutput } = this.model;
    const { found } = this;
    const list = this.extras[stage];
    const count = list?.length ?? 0;
    found.length = 0;
    let live = 0;
    for (let i = 0; i <= count; i++) {
      const op = i < count ? list![i] : stage;
      for (const value of this.touchedBy(op)) {
        const touches = this.touches[value];
        const place = this.placeOf(value, op);
        const begins = touches[place] & 1;
        const ends = place + 1 === touches.length ? 1 - isOutput[value] : touches[place + 1] & 1;
        if (ends && !begins && !this.beginsInStage(touches, place, stage)) live += bytes[value];
        found.push(value, begins, ends);
      }
    }
    let most = Number.NEGATIVE_INFINITY;
    let at = 0;
    for (let i = 0; i <= count; i++) {
      const op = i < count ? list![i] : stage;
      const from = at;
      const to = from + 3 * this.touchedBy(op).length;
      for (at = from; at < to; at += 3) if (found[at + 1]) live += bytes[found[at]];
      const now = live + this.passingBytes(op, from, to);
      if (now > most) {
        most = now;
        this.peakOp[stage] = op;
      }
      for (at = from; at < to; at += 3) if (found[at + 2]) live -= bytes[found[at]];
    }
    return most;
  }

  private beginsInStage(touches: readonly number[], place: number, stage: number): boolean {
    for (let i = place - 1; i >= 0; i--) {
      if (this.stage[touches[i] >> 1] < stage) return false;
      if ((touches[i] & 1) === 1) return true;
    }
    return false;
  }

  /** Bytes of an op alone: of results that nobody asked for, less those that take over a place. */
  private passingBytes(op: number, from: number, to: number): number {
    const { model, found } = this;
    const { recipes, bytes, program } = model;
    if (this.kind[op] === COPY_IN) return 0;
    const recipe = this.kind[op] === BASE ? null : recipes[this.value[op]]!;
    if (recipe && recipe.steps.length > 1) return recipe.scratchBytes;
    const { pairs } = program.steps[recipe ? recipe.steps[0] : op];
    let passing = recipe?.scratchBytes ?? 0;
    if (pairs.length === 0) return passing;
    const flag = (value: number, which: 1 | 2) => {
      for (let i = from; i < to; i += 3) if (found[i] === value) return found[i + which] === 1;
      return false;
    };
    takeHandovers(
      pairs,
      (value) => flag(value, 2) && !this.isSentBehind(value, op),
      (value) => flag(value, 1) || (recipe?.scratch.includes(value) ?? false),
      ({ to: taken }) => {
        passing -= bytes[taken];
      },
    );
    return passing;
  }

  /** Whether a value is copied to the host behind a step. */
  isSentBehind(value: number, op: number): boolean {
    return this.copiesIn[value] > 0 && this.model.sentBehind[value] === op;
  }
}
