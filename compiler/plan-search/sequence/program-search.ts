import { type AppliedProgram, applyDecisions, isInfeasible } from '../apply.ts';
import { largestStep } from '../bounds.ts';
import { checkpointDecisions } from '../checkpoints.ts';
import type { Decisions } from '../decisions.ts';
import type { ValueProgram } from '../program.ts';
import { recomputeSegments } from '../strategies.ts';
import { anneal } from './anneal.ts';
import { descend, prune, type Weighing } from './descend.ts';
import { appliedProgram, sequenceOf } from './export.ts';
import { type Extra, extrasOf, improve, restore } from './improve.ts';
import { type SequenceModel, sequenceModel } from './model.ts';
import { Sequence } from './sequence.ts';
import { type DeviceCosts, Simulation } from './simulation.ts';

/** What a search may do. */
export interface Ways {
  readonly mayRecompute: boolean;
  readonly mayCopy: boolean;
}

/** A sequence that was met. */
export interface Found {
  readonly peakBytes: number;
  readonly seconds: number;
  readonly extras: readonly Extra[];
  readonly ways: Ways;
  /** What found it. */
  readonly method: string;
}

/** Decisions of one size of segments, and the peak that they leave. */
interface Checkpointing {
  readonly decisions: Decisions;
  readonly peakBytes: number;
}

/** Programs of more steps than this are searched with fewer members of the portfolio. */
const LARGE_PROGRAM = 12_000;
/** Of programs of more steps than this, only so many checkpointings are tried on each side of a target. */
const MANY_STEPS = 1000;
const NEAREST = 2;
/** Steps of a walk down to the least bytes: each leaves so much of what there was. */
const STEPS_DOWN = [0.93, 0.985];
const LARGE_STEPS_DOWN = [0.8, 0.95];
/** Where the walk ends, so often annealing tries to take it further, by so much work per step of the program. */
const REPAIRS = 3;
const REPAIR_WORK = 200;
/** Of who has no patience: so many steps of a program beyond that end in all, and so many tries of each. */
const BRIEF_STEPS = 400;
const BRIEF_REPAIRS = 1;
/** Work per step of a search for a target that nothing else meets. */
const PRESS_WORK = 2000;

/**
 * The search for one program with some of its persistent values on the host. It remembers every sequence that it meets, whatever the
 * target was: so an answer is never worse than another one that keeps the target too.
 */
export class ProgramSearch {
  readonly model: SequenceModel;
  private readonly costs: DeviceCosts;
  /** What the largest step alone takes: nothing is below it. */
  private readonly floorBytes: number;
  private readonly plain: Found;
  private readonly known: Found[] = [];
  private readonly tried = new Set<string>();
  private readonly pressed = new Set<string>();
  private readonly least = new Map<string, Found>();
  private checkpoints: readonly Checkpointing[] | null = null;

  constructor(program: ValueProgram, onHost: (value: number) => boolean, costs: DeviceCosts) {
    this.model = sequenceModel(program, onHost);
    this.costs = costs;
    const values = program.values.map((value, v) => ({ ...value, bytes: this.model.bytes[v] }));
    this.floorBytes = largestStep({ ...program, values }, true).bytes;
    const { sequence, simulation } = this.start();
    const none = { mayRecompute: false, mayCopy: false };
    this.plain = this.found(sequence, simulation, none, 'plain');
    this.known.push(this.plain);
  }

  /** The fastest sequence that was met within `roomBytes`; null where none is known. */
  best(ways: Ways, roomBytes: number): Found | null {
    let best: Found | null = null;
    for (const found of this.known) {
      if (found.peakBytes > roomBytes || !isWithin(found.ways, ways)) continue;
      if (
        !best ||
        found.seconds < best.seconds ||
        (found.seconds === best.seconds && found.peakBytes < best.peakBytes)
      )
        best = found;
    }
    return best;
  }

  /** The fastest sequence within `roomBytes` that the portfolio finds, or null. */
  portfolio(ways: Ways, roomBytes: number): Found | null {
    if (this.plain.peakBytes <= roomBytes) return this.plain;
    if (roomBytes < this.floorBytes) return null;
    const key = keyAt(ways, roomBytes);
    if (!this.tried.has(key)) {
      this.tried.add(key);
      this.tryAll(ways, roomBytes);
    }
    return this.best(ways, roomBytes);
  }

  /** As `portfolio`, and where that finds nothing by ever more work. */
  reach(ways: Ways, roomBytes: number): Found | null {
    const found = this.portfolio(ways, roomBytes);
    if (found || roomBytes < this.floorBytes) return found;
    this.fewest(ways);
    const least = this.best(ways, roomBytes);
    const key = keyAt(ways, roomBytes);
    if (least || this.pressed.has(key)) return least;
    this.pressed.add(key);
    return this.press(ways, roomBytes, PRESS_WORK * this.model.stepCount);
  }

  /**
   * Looks for a sequence within `roomBytes` where nothing has found one, by so much work: from the plain steps, and from the least
   * bytes that were met.
   */
  press(ways: Ways, roomBytes: number, work: number, seed = 1): Found | null {
    const { sequence, simulation } = this.start();
    const least = this.fewest(ways);
    for (const from of seed % 2 === 1 ? [this.plain, least] : [least, this.plain]) {
      restore(sequence, from.extras);
      const options = { ...ways, costs: this.costs, targetBytes: roomBytes, work: work / 2, seed };
      if (!anneal(sequence, simulation, options)) continue;
      prune(sequence, simulation, roomBytes);
      this.remember(this.found(sequence, simulation, ways, 'annealing'));
      break;
    }
    return this.best(ways, roomBytes);
  }

  /**
   * The sequence with the fewest bytes that a walk down finds, whatever has been asked before: so each build names the same one, and
   * finds it again. `isBrief`: with less work, and nothing of it is remembered for other questions.
   */
  fewest(ways: Ways, isBrief = false): Found {
    const key = `${keyOf(ways)} ${isBrief}`;
    const before = this.least.get(key);
    if (before) return before;
    let least = this.plain;
    const met = (found: Found) => {
      if (!isBrief) this.remember(found);
      if (found.peakBytes < least.peakBytes) least = found;
    };
    if (ways.mayRecompute && ways.mayCopy) {
      met(this.fewest({ mayRecompute: true, mayCopy: false }, isBrief));
      met(this.fewest({ mayRecompute: false, mayCopy: true }, isBrief));
    }
    for (const found of this.walkDown(ways)) met(found);
    const { stepCount } = this.model;
    const isSearched = stepCount <= LARGE_PROGRAM && stepCount > 0;
    let left = !isSearched ? 0 : isBrief ? BRIEF_STEPS / stepCount : Number.POSITIVE_INFINITY;
    const repairs = isBrief ? BRIEF_REPAIRS : REPAIRS;
    for (; left >= 1; left--) {
      const found = this.lower(ways, least, repairs);
      if (!found) break;
      met(found);
    }
    this.least.set(key, least);
    return least;
  }

  /** What one sequence gives that is driven down from step to step. */
  private *walkDown(ways: Ways): Generator<Found> {
    const { sequence, simulation } = this.start();
    const isLarge = this.model.stepCount > LARGE_PROGRAM;
    for (const step of isLarge ? LARGE_STEPS_DOWN : STEPS_DOWN) {
      for (;;) {
        const kept = extrasOf(sequence);
        const targetBytes = Math.floor(sequence.peakBytes * step);
        // Steps that have nothing of their own in memory are at their end with no bytes.
        const isEnd = targetBytes < this.floorBytes || targetBytes === sequence.peakBytes;
        if (isEnd || !this.down(sequence, simulation, ways, 'bytes', targetBytes)) {
          restore(sequence, kept);
          break;
        }
        if (!isLarge) prune(sequence, simulation, targetBytes);
        yield this.found(sequence, simulation, ways, 'descent');
      }
    }
  }

  /** A sequence a step below another one, made from the plain steps or from that one; null where none is found. */
  private lower(ways: Ways, least: Found, repairs: number): Found | null {
    if (least.peakBytes <= this.floorBytes) return null;
    const targetBytes = Math.max(this.floorBytes, Math.floor(least.peakBytes * STEPS_DOWN[1]));
    const { sequence, simulation } = this.start();
    const result = (method: string) => {
      prune(sequence, simulation, targetBytes);
      return this.found(sequence, simulation, ways, method);
    };
    for (const weighing of ['cover', 'bytes'] as const) {
      restore(sequence, this.plain.extras);
      if (this.down(sequence, simulation, ways, weighing, targetBytes))
        return result(nameOf(ways, weighing));
    }
    const work = REPAIR_WORK * this.model.stepCount;
    for (let seed = 1; seed <= repairs; seed++) {
      restore(sequence, least.extras);
      const options = { ...ways, costs: this.costs, targetBytes, work, seed };
      if (anneal(sequence, simulation, options)) return result('annealing');
    }
    return null;
  }

  /** Improves a sequence within `roomBytes` by so much work. */
  improve(
    start: Found,
    ways: Ways,
    roomBytes: number,
    work: number,
    lowerBound = 0,
    seed = 1,
  ): Found {
    if (start === this.plain) return start;
    const { sequence, simulation } = this.start();
    restore(sequence, start.extras);
    const options = { ...ways, costs: this.costs, targetBytes: roomBytes };
    prune(sequence, simulation, roomBytes);
    const half = { ...options, work: work / 2, seed, lowerBound };
    improve(sequence, simulation, half);
    anneal(sequence, simulation, half);
    const found = this.found(
      sequence,
      simulation,
      ways,
      `${start.method.replace(/, improved$/, '')}, improved`,
    );
    this.remember(found);
    return found.seconds < start.seconds ? found : start;
  }

  /** The applied program of a sequence. */
  applied({ extras }: Found): AppliedProgram {
    const { sequence } = this.start();
    restore(sequence, extras);
    return appliedProgram(sequence);
  }

  /**
   * Starts from what decisions by other means make of the program, and goes down to the target by `ways`. `drops`: what the target
   * does not need goes, whoever decided it.
   */
  from(
    decisions: Decisions,
    ways: Ways,
    roomBytes: number,
    method: string,
    drops: boolean,
  ): Found | null {
    const onHost = (value: number) => this.model.hosted[value] === 1;
    const applied = applyDecisions(this.model.program, decisions, onHost);
    if (isInfeasible(applied)) return null;
    const sequence = sequenceOf(this.model, applied);
    const simulation = new Simulation(sequence, this.costs);
    if (!this.down(sequence, simulation, ways, 'bytes', roomBytes)) return null;
    if (drops) prune(sequence, simulation, roomBytes);
    return this.found(sequence, simulation, ways, method);
  }

  private tryAll(ways: Ways, roomBytes: number): void {
    const { mayRecompute, mayCopy } = ways;
    const isLarge = this.model.stepCount > LARGE_PROGRAM;
    const alone: Ways[] = [];
    if (mayRecompute) alone.push({ mayRecompute: true, mayCopy: false });
    if (mayCopy) alone.push({ mayRecompute: false, mayCopy: true });
    for (const some of mayRecompute && mayCopy ? [ways, ...alone] : alone) {
      this.tried.add(keyAt(some, roomBytes));
      for (const weighing of isLarge ? (['bytes'] as const) : (['bytes', 'cover'] as const)) {
        const { sequence, simulation } = this.start();
        if (!this.down(sequence, simulation, some, weighing, roomBytes)) continue;
        prune(sequence, simulation, roomBytes);
        this.remember(this.found(sequence, simulation, some, nameOf(some, weighing)));
      }
    }
    if (!mayRecompute) return;
    const only = { mayRecompute: true, mayCopy: false };
    const { program } = this.model;
    if (!isLarge)
      for (const strategy of ['speed', 'memory'] as const) {
        const found = this.from(
          recomputeSegments(program, strategy),
          only,
          roomBytes,
          strategy,
          true,
        );
        if (found) this.remember(found);
      }
    for (const { decisions } of this.checkpointsNear(roomBytes)) {
      const found = this.from(decisions, only, roomBytes, 'checkpoints', true);
      if (found) this.remember(found);
    }
  }

  /** Checkpointings of which something may be made that takes `roomBytes`: those that take about as much as they are. */
  private checkpointsNear(roomBytes: number): readonly Checkpointing[] {
    const { program, stepCount, hosted } = this.model;
    this.checkpoints ??= checkpointDecisions(program).flatMap((decisions): Checkpointing[] => {
      if (stepCount <= MANY_STEPS) return [{ decisions, peakBytes: 0 }];
      const applied = applyDecisions(program, decisions, (value) => hosted[value] === 1);
      if (isInfeasible(applied)) return [];
      return [{ decisions, peakBytes: sequenceOf(this.model, applied).peakBytes }];
    });
    if (stepCount <= MANY_STEPS) return this.checkpoints;
    const byBytes = [...this.checkpoints].sort((a, b) => a.peakBytes - b.peakBytes);
    const over = byBytes.findIndex(({ peakBytes }) => peakBytes > roomBytes);
    const middle = over < 0 ? byBytes.length : over;
    return byBytes.slice(Math.max(0, middle - NEAREST), middle + NEAREST);
  }

  private start(): { sequence: Sequence; simulation: Simulation } {
    const sequence = new Sequence(this.model);
    return { sequence, simulation: new Simulation(sequence, this.costs) };
  }

  private down(
    sequence: Sequence,
    simulation: Simulation,
    ways: Ways,
    weighing: Weighing,
    targetBytes: number,
  ): boolean {
    return descend(sequence, simulation, { ...ways, weighing, targetBytes, costs: this.costs });
  }

  private found(sequence: Sequence, simulation: Simulation, ways: Ways, method: string): Found {
    const extras = extrasOf(sequence);
    return {
      peakBytes: sequence.peakBytes,
      seconds: simulation.exactSeconds,
      extras,
      ways,
      method,
    };
  }

  /** What another one beats in everything is forgotten. */
  private remember(found: Found): void {
    const beats = (a: Found, b: Found) =>
      a.peakBytes <= b.peakBytes && a.seconds <= b.seconds && isWithin(a.ways, b.ways);
    if (this.known.some((known) => beats(known, found))) return;
    for (let i = this.known.length - 1; i > 0; i--)
      if (beats(found, this.known[i])) this.known.splice(i, 1);
    this.known.push(found);
  }
}

const isWithin = (some: Ways, all: Ways) =>
  (!some.mayRecompute || all.mayRecompute) && (!some.mayCopy || all.mayCopy);

const keyOf = ({ mayRecompute, mayCopy }: Ways) => `${mayRecompute} ${mayCopy}`;

const keyAt = (ways: Ways, roomBytes: number) => `${keyOf(ways)} ${roomBytes}`;

function nameOf({ mayRecompute, mayCopy }: Ways, weighing: Weighing): string {
  const what = mayRecompute && mayCopy ? 'descent' : mayRecompute ? 'recompute' : 'swap';
  return `${what} by ${weighing}`;
}
