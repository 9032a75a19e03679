import { insertClosure, planClosure } from './closure.ts';
import { canDrop, dropOp, dropReplaced } from './drop.ts';
import { canCopy, insertCopy } from './evict.ts';
import { Excess } from './excess.ts';
import { type Extra, extrasOf, type Improvement, restore } from './improve.ts';
import { Random } from './random.ts';
import { Residents } from './residents.ts';
import type { Gap, Sequence } from './sequence.ts';
import type { Simulation } from './simulation.ts';

/** The temperature at first and at the end, as a part of the seconds above those of the plain steps. */
const HOT = 0.1;
const COLD = 0.003;
/** Moves between two looks at the price of bytes above the target, the part of them that should keep it, and the price's change. */
const SPELL = 50;
const KEPT = 0.3;
const DEARER = 1.05;
const CHEAPER = 0.95;
/** The price while nothing has kept the target yet: were it higher, seconds would not count. */
const MOST_AT_FIRST = 4;
/** Values that one move makes anew at most, and how often an operand stays in memory where the target has no room for it. */
const MOST_MADE = 20;
const STAYING = 0.15;
/** Values that are looked at for one that can be evicted. */
const MOST_LOOKS = 20;

/**
 * Annealing over sequences that may be above the target: what is above it, summed over the stages, has a price in seconds, which rises
 * while the target is missed and falls while it is kept. So the search crosses what no single eviction can: where each of them makes
 * another stage too high. Starts from any sequence, and leaves the fastest that keeps the target, or where none was met what there
 * was. Gives whether the target is kept.
 */
export function anneal(
  sequence: Sequence,
  simulation: Simulation,
  improvement: Improvement,
): boolean {
  return new Annealing(sequence, simulation, improvement).run();
}

class Annealing {
  private readonly sequence: Sequence;
  private readonly simulation: Simulation;
  private readonly improvement: Improvement;
  private readonly random: Random;
  private readonly residents: Residents;
  private readonly excess: Excess;
  /** Seconds of the steps, each once. */
  private readonly plain: number;
  /** Of as many bytes as the target over one stage, as a part of `plain`. */
  private price = 1;

  constructor(sequence: Sequence, simulation: Simulation, improvement: Improvement) {
    this.sequence = sequence;
    this.simulation = simulation;
    this.improvement = improvement;
    this.random = new Random(improvement.seed);
    this.residents = new Residents(sequence);
    this.excess = new Excess(sequence, improvement.targetBytes);
    this.plain = simulation.between(0, sequence.model.stepCount - 1);
  }

  run(): boolean {
    const { sequence, improvement, excess } = this;
    if (this.plain === 0 || improvement.targetBytes <= 0) return excess.bytes === 0;
    const start = extrasOf(sequence);
    sequence.onGap = (value, before, after) =>
      this.residents.add(value, sequence.stage[before], sequence.stage[after]);
    excess.watch();
    const kept = this.walk();
    excess.unwatch();
    sequence.onGap = null;
    sequence.commit();
    restore(sequence, kept ?? start);
    return kept !== null;
  }

  /** The fastest that keeps the target; null where nothing does. */
  private walk(): Extra[] | null {
    const { sequence, simulation, improvement, random, excess } = this;
    const { work, lowerBound = 0 } = improvement;
    const begin = sequence.changes;
    let fastest = Number.POSITIVE_INFINITY;
    let best: Extra[] | null = null;
    let energy = this.energy;
    let keeping = 0;
    const note = () => {
      if (excess.bytes > 0) return;
      keeping++;
      if (simulation.seconds >= fastest) return;
      fastest = simulation.seconds;
      best = extrasOf(sequence);
    };
    note();
    for (let move = 1; fastest > lowerBound * (1 + 1e-9); move++) {
      const spent = (sequence.changes - begin) / work;
      if (spent >= 1) break;
      if (move % SPELL === 0) {
        this.price *= keeping > KEPT * SPELL ? CHEAPER : DEARER;
        if (!best) this.price = Math.min(this.price, MOST_AT_FIRST);
        keeping = 0;
        energy = this.energy;
      }
      sequence.commit();
      // Also where nothing can be done.
      sequence.changes += 1 + (sequence.model.stepCount >> 8);
      const above = Math.min(fastest, simulation.seconds) / this.plain - 1;
      const heat = HOT * (COLD / HOT) ** spent * Math.max(above, 1e-3);
      const moved = this.move();
      const now = moved ? this.energy : energy;
      if (moved && now <= energy - heat * Math.log(1 - random.next() + 1e-12)) energy = now;
      else sequence.revert(0);
      note();
    }
    return best;
  }

  private get energy(): number {
    const { simulation, improvement, plain, excess } = this;
    const above = excess.bytes / improvement.targetBytes;
    return this.price * above + (simulation.seconds - plain) / plain;
  }

  private move(): boolean {
    const { sequence, random, excess } = this;
    const kind = random.next();
    if (kind < 0.4 && excess.bytes > 0) return this.evictAt(excess.draw(random.next()));
    const ops = sequence.extraOps();
    if (ops.length === 0) return false;
    const op = ops[random.below(ops.length)];
    if (!canDrop(sequence, op)) return false;
    if (kind < 0.75) {
      dropOp(sequence, op);
      return true;
    }
    return this.shift(op);
  }

  /** Evicts some value that is in memory at the highest op of a stage. */
  private evictAt(stage: number): boolean {
    const { sequence, random } = this;
    const peak = sequence.peakOpOf(stage);
    const values = this.residents.at(stage);
    if (values.length === 0) return false;
    for (let look = 0; look < MOST_LOOKS; look++) {
      const gap = sequence.gapOver(values[random.below(values.length)], peak);
      if (gap && sequence.isSettled(gap.value, gap.before)) return this.make(gap, stage + 1);
    }
    return false;
  }

  /** Takes an op out and makes what it made at another place, or in another way. */
  private shift(op: number): boolean {
    const { sequence } = this;
    const value = sequence.value[op];
    const touches = sequence.touches[value];
    const place = sequence.placeOf(value, op);
    if (place === 0) return false;
    const [before, after] = [touches[place - 1] >> 1, touches[place + 1] >> 1];
    dropOp(sequence, op);
    if (place >= touches.length || !sequence.isGap(value, before, after)) return true;
    if (!sequence.isSettled(value, before)) return false;
    return this.make({ value, before, after }, sequence.stage[before] + 1);
  }

  /** Makes the value of a gap anew for its end, from stage `first` on. */
  private make(gap: Gap, first: number): boolean {
    const { sequence, simulation, improvement, random } = this;
    const { mayCopy, mayRecompute } = improvement;
    const { value, before, after } = gap;
    const copies = mayCopy && canCopy(sequence, value, before);
    const recomputes = mayRecompute && sequence.model.recipes[value] !== null;
    if (!copies && !recomputes) return false;
    const made =
      copies && (!recomputes || random.next() < 0.5)
        ? [insertCopy(sequence, simulation, value, before, after, improvement)]
        : this.recompute(value, this.placeFor(gap, first));
    if (!made) return false;
    dropReplaced(sequence, made);
    if (random.next() < 0.5) this.dropBehind(made);
    return true;
  }

  private recompute(value: number, next: number): readonly number[] | null {
    const { sequence, improvement, random } = this;
    const closure = planClosure(sequence, value, next, {
      ...{ limitBytes: improvement.targetBytes, costs: improvement.costs, most: MOST_MADE },
      random: () => random.next(),
      stays: (read, from, to) => this.stays(read, from, to, sequence.stage[next]),
    });
    return closure ? insertClosure(sequence, closure, next) : null;
  }

  /** Where a value is recomputed: before its use, or earlier, where an operand is still in memory. */
  private placeFor({ value, after }: Gap, first: number): number {
    const { sequence, random } = this;
    const { stage, touches, model } = sequence;
    const end = stage[after];
    if (first > end || random.next() >= 0.6) return after;
    const places = model.recipes[value]!.reads.flatMap((read) =>
      touches[read]
        .map((touch) => touch >> 1)
        .filter((op) => stage[op] >= first && sequence.isBefore(op, after)),
    );
    if (places.length > 0) return places[random.below(places.length)];
    if (random.next() < 0.7) return after;
    const step = first + random.below(end - first + 1);
    return sequence.isBefore(step, after) ? step : after;
  }

  /** Whether an operand stays in memory: where there is room, and now and then where there is none. */
  private stays(value: number, from: number, to: number, at: number): boolean {
    const { sequence, random, excess } = this;
    const recipe = sequence.model.recipes[value];
    if (!recipe || at < recipe.from || at > recipe.until) return true;
    const fits = excess.wouldAdd(from, to, sequence.model.bytes[value]) === 0;
    return fits ? random.next() >= 0.05 : random.next() < STAYING;
  }

  /** Drops later ops that make the same values, where that costs nothing. */
  private dropBehind(made: readonly number[]): void {
    const { sequence } = this;
    let energy = this.energy;
    for (const op of made) {
      if (sequence.stage[op] < 0) continue;
      const value = sequence.value[op];
      const touches = sequence.touches[value];
      let place = sequence.placeOf(value, op) + 1;
      while (place < touches.length && (touches[place] & 1) === 0) place++;
      if (place >= touches.length) continue;
      const follower = touches[place] >> 1;
      if (follower < sequence.model.stepCount || !canDrop(sequence, follower)) continue;
      const mark = sequence.mark;
      dropOp(sequence, follower);
      const now = this.energy;
      if (now > energy) sequence.revert(mark);
      else energy = now;
    }
  }
}
