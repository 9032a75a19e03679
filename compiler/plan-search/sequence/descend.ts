import { recompute } from '../actions/recompute.ts';
import { swap } from '../actions/swap.ts';
import { transferTime } from '../transfer-costs.ts';
import { canDrop, dropOp } from './drop.ts';
import { dropFollowers, type EvictOptions, evict, type Way } from './evict.ts';
import { GapIndex } from './gap-index.ts';
import { COPY_IN, type Gap, type Sequence } from './sequence.ts';
import type { Simulation } from './simulation.ts';

const METHODS = { recompute, copy: swap } as const;

/** How a descent weighs candidates: by seconds per byte, or per byte and stage above the target. */
export type Weighing = 'bytes' | 'cover';

/** Changes of a score that are not worth another look. */
const CLOSE = 1.05;

/** Changes of touches per step at most: where it takes more, evictions undo one another. */
const MOST_CHANGES = 200;

export interface Descent extends EvictOptions {
  readonly weighing: Weighing;
}

/**
 * Evicts values until no stage is above the target: at the highest stage, what costs the fewest seconds for what it frees. What a
 * candidate costs is what two simulations differ by; scores are looked at again when their turn comes, since each eviction changes
 * the cost of others. Gives whether the target is met.
 */
export function descend(sequence: Sequence, simulation: Simulation, descent: Descent): boolean {
  return new Descending(sequence, simulation, descent).run();
}

class Descending {
  private readonly sequence: Sequence;
  private readonly simulation: Simulation;
  private readonly descent: Descent;
  private readonly index: GapIndex;
  /** Number of stages before each one that are above the target at first. */
  private readonly over: Int32Array;

  constructor(sequence: Sequence, simulation: Simulation, descent: Descent) {
    this.sequence = sequence;
    this.simulation = simulation;
    this.descent = descent;
    const { stepCount } = sequence.model;
    this.index = new GapIndex(Math.max(1, stepCount));
    this.over = new Int32Array(stepCount + 1);
    for (let stage = 0; stage < stepCount; stage++)
      this.over[stage + 1] =
        this.over[stage] + (sequence.tree.at(stage) > descent.targetBytes ? 1 : 0);
  }

  run(): boolean {
    const { sequence, descent, index } = this;
    const { targetBytes } = descent;
    if (sequence.peakBytes <= targetBytes) return true;
    sequence.touches.forEach((list, value) => {
      for (let i = 0; i + 1 < list.length; i++)
        if ((list[i + 1] & 1) === 0) this.add(value, list[i] >> 1, list[i + 1] >> 1);
    });
    sequence.onGap = (value, before, after) => this.add(value, before, after);
    try {
      const most = sequence.changes + MOST_CHANGES * (sequence.model.stepCount + 200);
      while (sequence.peakBytes > targetBytes) {
        if (sequence.changes > most) return false;
        const stage = sequence.peakStage;
        const op = sequence.peakOpOf(stage);
        let done = false;
        index.best(stage, (id, score) => {
          if (sequence.changes > most) return 'stop';
          const verdict = this.consider(id, score, op);
          if (verdict === 'done') done = true;
          return verdict === 'done' ? 'stop' : verdict;
        });
        if (!done) return false;
      }
      return sequence.peakBytes <= targetBytes;
    } finally {
      sequence.onGap = null;
    }
  }

  private consider(id: number, score: number, peak: number): 'done' | 'over' | 'skip' {
    const { sequence, index } = this;
    const [value, before, after] = [index.value[id], index.before[id], index.after[id]];
    if (!sequence.isGap(value, before, after)) return 'over';
    // Ops move within a stage: it may be in the stage of the peak, but not over its op.
    if (!sequence.isBefore(before, peak) || !sequence.isBefore(peak, after)) return 'skip';
    index.over(id);
    const gap = { value, before, after };
    const high = sequence.peakBytes;
    const room = Math.max(this.descent.targetBytes, high - 1);
    const seconds = this.simulation.seconds;
    let best: Way | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const way of ['recompute', 'copy'] as const) {
      if (!(way === 'copy' ? this.descent.mayCopy : this.descent.mayRecompute)) continue;
      if (this.bound(gap, way) >= least) continue;
      const mark = sequence.mark;
      const made = this.quietly(() => evict(sequence, this.simulation, gap, way, this.descent));
      if (made && this.lowers(peak, high, room)) {
        const cost = this.simulation.seconds - seconds;
        if (cost < least) {
          best = way;
          least = cost;
        }
      }
      this.quietly(() => sequence.revert(mark));
    }
    if (!best) return 'over';
    const now = this.weigh(least, value, before, after);
    if (now > CLOSE * score && now - score > 1e-12 * Math.abs(now)) {
      index.add(...this.rangeOf(before, after), [value, before, after], now);
      return 'over';
    }
    const made = evict(sequence, this.simulation, gap, best, this.descent)!;
    dropFollowers(sequence, made, Math.max(this.descent.targetBytes, sequence.peakBytes));
    sequence.commit();
    return 'done';
  }

  /** Whether the op of the peak is lower now, and nothing else as high as it was; several may be as high. */
  private lowers(peak: number, high: number, room: number): boolean {
    const { sequence } = this;
    if (sequence.peakBytes > high) return false;
    if (sequence.peakBytes <= room) return true;
    return (
      sequence.peakStage !== sequence.stage[peak] || sequence.peakOpOf(sequence.peakStage) !== peak
    );
  }

  /** Without telling of gaps that come and go. */
  private quietly<T>(work: () => T): T {
    const { sequence } = this;
    const { onGap } = sequence;
    sequence.onGap = null;
    const result = work();
    sequence.onGap = onGap;
    return result;
  }

  private rangeOf(before: number, after: number): [number, number] {
    const { stage } = this.sequence;
    return [stage[before], stage[after]];
  }

  private add(value: number, before: number, after: number): void {
    const { sequence, descent } = this;
    if (sequence.model.bytes[value] === 0 || !sequence.isSettled(value, before)) return;
    const [first, last] = this.rangeOf(before, after);
    if (sequence.tree.largestIn(first, last) <= descent.targetBytes) return;
    let seconds = Number.POSITIVE_INFINITY;
    if (descent.mayRecompute) seconds = this.bound({ value, before, after }, 'recompute');
    if (descent.mayCopy) seconds = Math.min(seconds, this.bound({ value, before, after }, 'copy'));
    if (seconds === Number.POSITIVE_INFINITY) return;
    this.index.add(first, last, [value, before, after], this.weigh(seconds, value, before, after));
  }

  /** Seconds that an eviction takes at least: of a copy in what does not hide behind all computation of the gap. */
  private bound({ value, before, after }: Gap, way: Way): number {
    const { sequence, simulation, descent } = this;
    const least = METHODS[way].leastSeconds(sequence.model, descent.costs, value);
    if (way === 'recompute' || !Number.isFinite(least)) return least;
    const time = transferTime(descent.costs, 'in', sequence.model.bytes[value]);
    const between = simulation.between(...this.rangeOf(before, after));
    return Math.max(least, time - between);
  }

  private weigh(seconds: number, value: number, before: number, after: number): number {
    const bytes = this.sequence.model.bytes[value];
    if (this.descent.weighing === 'bytes') return seconds / bytes;
    const [first, last] = this.rangeOf(before, after);
    return seconds / (bytes * Math.max(1, this.over[last] - this.over[first + 1]));
  }
}

/** Drops recomputations and copies that the target does not need, those that cost most first. */
export function prune(sequence: Sequence, simulation: Simulation, targetBytes: number): void {
  const { model, kind, value } = sequence;
  const seconds = (op: number) =>
    kind[op] === COPY_IN ? Number.POSITIVE_INFINITY : model.recipes[value[op]]!.seconds;
  const ops = sequence.extraOps().sort((a, b) => seconds(b) - seconds(a) || a - b);
  for (const op of ops) {
    if (sequence.stage[op] < 0 || !canDrop(sequence, op)) continue;
    const before = simulation.seconds;
    const mark = sequence.mark;
    dropOp(sequence, op);
    if (sequence.peakBytes > targetBytes || simulation.seconds > before) sequence.revert(mark);
  }
  sequence.commit();
}
