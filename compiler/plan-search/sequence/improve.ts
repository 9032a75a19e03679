import { transferTime } from '../transfer-costs.ts';
import { canDrop, dropOp } from './drop.ts';
import { canCopy, dropFollowers, type EvictOptions, evict, type Way } from './evict.ts';
import { Random } from './random.ts';
import { Residents } from './residents.ts';
import { COPY_IN, type ExtraKind, type Gap, type Sequence } from './sequence.ts';
import type { Simulation } from './simulation.ts';

export interface Improvement extends EvictOptions {
  /** How much work the search may do, in changes of the sequence. */
  readonly work: number;
  readonly seed: number;
  /** Seconds below which no plan can be: the search ends there. */
  readonly lowerBound?: number;
}

/** Recomputations and copies, as they can be put back. */
export interface Extra {
  readonly kind: ExtraKind;
  readonly value: number;
  readonly stage: number;
}

/** Evictions that one repair may take. */
const MOST_REPAIRS = 24;
/** The temperature of the annealing, as a part of what is above the least seconds: at first, and at the end. */
const HOT = 0.02;
const COLD = 0.0002;

/**
 * Ruin and recreate, with annealing (Schrimpf et al., 2000): a few recomputations and copies near one another go, and what is too high
 * then is evicted anew, at each highest op by seconds per byte with some noise. Every change is priced by an exact simulation. The
 * target is kept by every sequence that is accepted. Leaves the best sequence; the seconds never rise.
 */
export function improve(
  sequence: Sequence,
  simulation: Simulation,
  improvement: Improvement,
): void {
  if (sequence.extraCount === 0 || sequence.peakBytes > improvement.targetBytes) return;
  new Improving(sequence, simulation, improvement).run();
}

class Improving {
  private readonly sequence: Sequence;
  private readonly simulation: Simulation;
  private readonly improvement: Improvement;
  private readonly random: Random;
  private readonly residents: Residents;
  private readonly plain: number;

  constructor(sequence: Sequence, simulation: Simulation, improvement: Improvement) {
    this.sequence = sequence;
    this.simulation = simulation;
    this.improvement = improvement;
    this.random = new Random(improvement.seed);
    this.residents = new Residents(sequence);
    this.plain = simulation.between(0, sequence.model.stepCount - 1);
  }

  run(): void {
    const { sequence, simulation, improvement, random } = this;
    const { work, lowerBound = 0 } = improvement;
    const start = sequence.changes;
    let current = simulation.seconds;
    let best = current;
    let kept = extrasOf(sequence);
    sequence.onGap = (value, before, after) =>
      this.residents.add(value, sequence.stage[before], sequence.stage[after]);
    let ops = this.movable();
    let spent = 0;
    while (spent < work && best > lowerBound * (1 + 1e-9) && ops.length > 0) {
      sequence.commit();
      // Also where nothing can be done.
      sequence.changes++;
      const heat = HOT * (COLD / HOT) ** (spent / work);
      const allowed = current - heat * (current - this.plain) * Math.log(1 - random.next() + 1e-12);
      if (this.ruin(ops) && this.recreate(allowed) && simulation.seconds <= allowed) {
        current = simulation.seconds;
        ops = this.movable();
        if (current < best - 1e-12 * best) {
          best = current;
          kept = extrasOf(sequence);
        }
      } else sequence.revert(0);
      spent = sequence.changes - start;
    }
    sequence.onGap = null;
    sequence.commit();
    if (simulation.seconds > best) restore(sequence, kept);
  }

  /** What can go: all but the first copies of what lives on the host. */
  private movable(): number[] {
    return this.sequence.extraOps().filter((op) => !isFirstCopy(this.sequence, op));
  }

  /** Takes a few ops out; false where none can go. */
  private ruin(ops: readonly number[]): boolean {
    const { sequence, random } = this;
    const first = random.below(ops.length);
    const count = 1 + random.below(random.next() < 0.2 ? 6 : 3);
    let done = false;
    for (let i = 0; i < count; i++) {
      const op =
        ops[i === 0 ? first : Math.min(ops.length - 1, Math.max(0, first - 4 + random.below(9)))];
      if (sequence.stage[op] < 0 || !canDrop(sequence, op)) continue;
      dropOp(sequence, op);
      done = true;
    }
    return done;
  }

  /** Evicts until the target is kept and drops what is needless; false where that cannot be, or costs more than `allowed`. */
  private recreate(allowed: number): boolean {
    const { sequence, simulation, improvement, random } = this;
    const { targetBytes } = improvement;
    for (let repair = 0; sequence.peakBytes > targetBytes; repair++) {
      if (repair >= MOST_REPAIRS || simulation.seconds > allowed) return false;
      if (!this.repair()) return false;
    }
    if (random.next() < 0.3) this.dropSome();
    return true;
  }

  private repair(): boolean {
    const { sequence, simulation, improvement, random } = this;
    const high = sequence.peakBytes;
    const peak = sequence.peakOpOf(sequence.peakStage);
    const excess = high - improvement.targetBytes;
    const candidates: { gap: Gap; way: Way; score: number }[] = [];
    for (const value of this.residents.at(sequence.peakStage)) {
      const gap = sequence.gapOver(value, peak);
      if (!gap || !sequence.isSettled(value, gap.before)) continue;
      const bytes = Math.min(sequence.model.bytes[value], excess);
      for (const way of ['recompute', 'copy'] as const) {
        const seconds = this.estimate(value, gap.before, way);
        if (seconds === Number.POSITIVE_INFINITY) continue;
        const noise = 0.5 + random.next() * random.next() * 4;
        candidates.push({ gap, way, score: (seconds / bytes) * noise });
      }
    }
    sequence.changes += this.residents.at(sequence.peakStage).length >> 3;
    if (candidates.length === 0) return false;
    candidates.sort((a, b) => a.score - b.score);
    for (const { gap, way } of candidates.slice(0, 4)) {
      const mark = sequence.mark;
      const made = evict(sequence, simulation, gap, way, {
        ...improvement,
        random: () => random.next(),
      });
      if (made && sequence.peakBytes <= high && !this.isAtPeak(peak, high)) {
        dropFollowers(sequence, made, Math.max(improvement.targetBytes, sequence.peakBytes));
        return true;
      }
      sequence.revert(mark);
    }
    return false;
  }

  private isAtPeak(peak: number, high: number): boolean {
    const { sequence } = this;
    if (sequence.peakBytes < high) return false;
    return sequence.peakOpOf(sequence.peakStage) === peak;
  }

  private estimate(value: number, before: number, way: Way): number {
    const { sequence, improvement } = this;
    const { costs, mayCopy, mayRecompute } = improvement;
    const infinite = Number.POSITIVE_INFINITY;
    if (way === 'recompute')
      return mayRecompute ? (sequence.model.recipes[value]?.seconds ?? infinite) : infinite;
    if (!mayCopy || !canCopy(sequence, value, before)) return infinite;
    const time = transferTime(costs, 'in', sequence.model.bytes[value]);
    return (1 - 0.7 * costs.overlap) * time;
  }

  /** Tries to drop a few ops for nothing. */
  private dropSome(limitBytes = this.improvement.targetBytes): void {
    const { sequence, simulation, random } = this;
    const ops = sequence.extraOps();
    for (let i = 0; i < 3; i++) {
      const op = ops[random.below(ops.length)];
      if (op === undefined || sequence.stage[op] < 0 || !canDrop(sequence, op)) continue;
      const mark = sequence.mark;
      const before = simulation.seconds;
      dropOp(sequence, op);
      if (sequence.peakBytes > limitBytes || simulation.seconds > before) sequence.revert(mark);
    }
  }
}

/** What a sequence repeats and copies, in order. */
export function extrasOf(sequence: Sequence): Extra[] {
  return sequence.extraOps().map((op) => ({
    kind: sequence.kind[op] as ExtraKind,
    value: sequence.value[op],
    stage: sequence.stage[op],
  }));
}

/** Makes a sequence what `extrasOf` said. */
export function restore(sequence: Sequence, extras: readonly Extra[]): void {
  for (const op of sequence.extraOps().reverse()) sequence.remove(op);
  for (const { kind, value, stage } of extras) sequence.insert(kind, value, stage);
  sequence.commit();
}

function isFirstCopy(sequence: Sequence, op: number): boolean {
  const value = sequence.value[op];
  return (
    sequence.kind[op] === COPY_IN &&
    sequence.model.hosted[value] === 1 &&
    sequence.placeOf(value, op) === 0
  );
}
