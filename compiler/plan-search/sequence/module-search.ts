import type { AppliedProgram } from '../apply.ts';
import type { Decisions } from '../decisions.ts';
import { prefetch } from '../prefetch.ts';
import type { ValueProgram } from '../program.ts';
import { appliedSeconds } from '../seconds.ts';
import { transferTime } from '../transfer-costs.ts';
import { type Found, ProgramSearch, type Ways } from './program-search.ts';
import type { DeviceCosts } from './simulation.ts';

/** Programs that share persistent values. */
export interface ValueModule {
  readonly programs: readonly ValueProgram[];
  /** Per program and value: its number among the persistent values, or -1. */
  readonly persistentOf: readonly Int32Array[];
  /** Alignment included. */
  readonly persistentBytes: Float64Array;
}

/** What a search has chosen for all programs of a module. */
export interface ActionChoice {
  /** 1 for each persistent value that lives on the host. */
  readonly onHost: Uint8Array;
  /** Bytes of the persistent values on the device, plus peak live bytes. */
  readonly bytes: number;
  /** What the programs may take beside the persistent values on the device. */
  readonly roomBytes: number;
  /** Predicted seconds of one run of every program. */
  readonly seconds: number;
  /** By program: what found its sequence. */
  readonly methods: readonly string[];
  /** By program: its steps with what is repeated and copied. */
  applied(program: number): AppliedProgram;
  /** By program: predicted seconds of one run. */
  readonly programSeconds: readonly number[];
}

/** Parts of the persistent bytes that may live on the host, tried one after the other where the device has no room for all. */
const LEVELS = [0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1];
/** Levels in a row that may be slower than the one before them. */
const MOST_WORSE = 2;

/** Programs of at most so many steps are searched to the end for copies alone as well. */
const SMALL_PROGRAM = 256;

interface Level {
  readonly onHost: Uint8Array;
  readonly persistentBytes: number;
  readonly programs: readonly ProgramSearch[];
}

interface Candidate {
  readonly level: Level;
  readonly found: readonly Found[];
  /** By program: predicted seconds of one run, with copies from the host as early as the room allows. */
  readonly seconds: readonly number[];
}

/** The search over the programs of a module. It remembers what it meets at any target. */
export class ModuleSearch {
  private readonly module: ValueModule;
  private readonly costs: DeviceCosts;
  /** Persistent values in the order in which they move to the host: by seconds of their copies per byte. */
  private readonly order: readonly number[];
  private readonly levels = new Map<number, Level>();
  private readonly choices = new Map<string, ActionChoice>();
  private readonly numbers = new WeakMap<object, number>();
  private numberCount = 0;

  constructor(module: ValueModule, costs: DeviceCosts) {
    this.module = module;
    this.costs = costs;
    this.order = hostOrder(module, costs);
  }

  /** The fastest choice within a target that is found; where none is, the one with the fewest bytes. */
  choose(ways: Ways, targetBytes: number): ActionChoice {
    return this.choiceOf(this.candidate(ways, targetBytes), targetBytes);
  }

  /** As `choose`, and improved by so much work, in touches that change. */
  improve(ways: Ways, targetBytes: number, work: number): ActionChoice {
    const { level, found } = this.candidate(ways, targetBytes);
    const roomBytes = targetBytes - level.persistentBytes;
    const improved = found.map((start, p) =>
      start.peakBytes > roomBytes ? start : level.programs[p].improve(start, ways, roomBytes, work),
    );
    return this.choiceOf(this.candidateOf(level, improved, roomBytes), targetBytes);
  }

  /** The choice with the fewest bytes that is found; with less work where `isBrief`, the same whatever was asked before. */
  fewest(ways: Ways, isBrief = false): ActionChoice {
    return this.choiceOf(this.fewestOf(ways, isBrief), 0);
  }

  /** What decisions by other means give, and where they do not keep the target what `ways` add to them. */
  from(
    decisions: readonly Decisions[],
    ways: Ways,
    targetBytes: number,
    method: string,
  ): ActionChoice | null {
    const level = this.levelOf(0);
    const roomBytes = targetBytes - level.persistentBytes;
    const found: Found[] = [];
    for (let p = 0; p < decisions.length; p++) {
      const one =
        level.programs[p].from(decisions[p], ways, roomBytes, method, false) ??
        level.programs[p].from(decisions[p], ways, Number.POSITIVE_INFINITY, method, false);
      if (!one) return null;
      found.push(one);
    }
    return this.choiceOf(this.candidateOf(level, found, roomBytes), targetBytes);
  }

  private candidate(ways: Ways, targetBytes: number): Candidate {
    const best = this.fastest(targetBytes, ways, (program, room) => program.reach(ways, room));
    if (!best) return this.fewestOf(ways);
    if (!ways.mayRecompute || !ways.mayCopy) return best;
    // Copies alone may gain by another level, and what is slower may be faster once copies come early.
    const copies = { ...ways, mayRecompute: false };
    const other = this.fastest(targetBytes, copies, (program, room) =>
      program.model.stepCount <= SMALL_PROGRAM
        ? program.reach(copies, room)
        : program.portfolio(copies, room),
    );
    return other && secondsOf(other) < secondsOf(best) ? other : best;
  }

  /** The fastest over the levels, with what `reach` finds for each program; null where none keeps the target. */
  private fastest(
    targetBytes: number,
    ways: Ways,
    reach: (program: ProgramSearch, roomBytes: number) => Found | null,
  ): Candidate | null {
    let best: Candidate | null = null;
    let worse = 0;
    for (const part of ways.mayCopy ? LEVELS : [0]) {
      const level = this.levelOf(part);
      const roomBytes = targetBytes - level.persistentBytes;
      const found: Found[] = [];
      for (const program of level.programs) {
        const one = roomBytes >= 0 ? reach(program, roomBytes) : null;
        if (!one) break;
        found.push(one);
      }
      if (found.length < level.programs.length) continue;
      const candidate = this.candidateOf(level, found, roomBytes);
      // More on the host costs more, but where it spares other actions.
      if (!best || secondsOf(candidate) < secondsOf(best)) {
        best = candidate;
        worse = 0;
      } else if (++worse === MOST_WORSE) break;
    }
    return best;
  }

  private fewestOf(ways: Ways, isBrief = false): Candidate {
    let best: Candidate | null = null;
    for (const part of ways.mayCopy ? [0, 1] : [0]) {
      const level = this.levelOf(part);
      const found = level.programs.map((program) => program.fewest(ways, isBrief));
      const candidate = { level, found, seconds: [] };
      if (!best || bytesOf(candidate) < bytesOf(best)) best = candidate;
    }
    const { level, found } = best!;
    const roomBytes = found.reduce((most, { peakBytes }) => Math.max(most, peakBytes), 0);
    if (isBrief) return this.candidateOf(level, found, roomBytes);
    // What need not be small for the largest is as fast as it can be.
    const fast = found.map((one, p) => level.programs[p].reach(ways, roomBytes) ?? one);
    return this.candidateOf(level, fast, roomBytes);
  }

  private candidateOf(level: Level, found: readonly Found[], roomBytes: number): Candidate {
    const { programs } = this.module;
    const seconds = found.map((one, p) => {
      const { model } = level.programs[p];
      const applied = level.programs[p].applied(one);
      if (applied.ops.every(({ kind }) => kind === 'step')) return one.seconds;
      const onHost = (value: number) => model.hosted[value] === 1;
      const early = prefetch(programs[p], applied, onHost, this.costs, roomBytes);
      return Math.min(one.seconds, appliedSeconds(programs[p], early, this.costs));
    });
    return { level, found, seconds };
  }

  private levelOf(part: number): Level {
    const known = this.levels.get(part);
    if (known) return known;
    const { programs, persistentOf, persistentBytes } = this.module;
    const total = persistentBytes.reduce((sum, bytes) => sum + bytes, 0);
    const onHost = new Uint8Array(persistentBytes.length);
    let moved = 0;
    for (const id of this.order) {
      if (moved >= part * total) break;
      onHost[id] = 1;
      moved += persistentBytes[id];
    }
    const level = {
      onHost,
      persistentBytes: total - moved,
      programs: programs.map((program, p) => {
        const isOnHost = (value: number) =>
          persistentOf[p][value] >= 0 && onHost[persistentOf[p][value]] === 1;
        return new ProgramSearch(program, isOnHost, this.costs);
      }),
    };
    this.levels.set(part, level);
    return level;
  }

  /** The same object for the same candidate and room: what is made of it is made once. */
  private choiceOf(candidate: Candidate, targetBytes: number): ActionChoice {
    const { level, found, seconds } = candidate;
    const roomBytes = Math.max(targetBytes, bytesOf(candidate)) - level.persistentBytes;
    const numbers = [level, ...found].map((one) => this.numberOf(one));
    const key = [roomBytes, ...numbers, ...seconds].join(' ');
    const known = this.choices.get(key);
    if (known) return known;
    const choice: ActionChoice = {
      onHost: level.onHost,
      bytes: bytesOf(candidate),
      roomBytes,
      seconds: secondsOf(candidate),
      methods: found.map(({ method }) => method),
      programSeconds: seconds,
      applied: (p) => level.programs[p].applied(found[p]),
    };
    this.choices.set(key, choice);
    return choice;
  }

  private numberOf(one: object): number {
    const number = this.numbers.get(one) ?? this.numberCount++;
    this.numbers.set(one, number);
    return number;
  }
}

const secondsOf = ({ seconds }: Candidate) => seconds.reduce((sum, one) => sum + one, 0);

const bytesOf = ({ level, found }: Pick<Candidate, 'level' | 'found'>) =>
  level.persistentBytes + found.reduce((most, { peakBytes }) => Math.max(most, peakBytes), 0);

/** By seconds that living on the host takes per byte, and then the larger first. */
function hostOrder(
  { programs, persistentOf, persistentBytes }: ValueModule,
  costs: DeviceCosts,
): number[] {
  const seconds = new Float64Array(persistentBytes.length);
  programs.forEach(({ values }, p) => {
    values.forEach(({ writers, uses }, value) => {
      const id = persistentOf[p][value];
      if (id < 0 || uses.length === 0) return;
      seconds[id] += transferTime(costs, 'in', persistentBytes[id]);
      if (writers.length > 0) seconds[id] += transferTime(costs, 'out', persistentBytes[id]);
      // A value with uses far apart is in memory between them, or comes in more than once.
      const apart = uses[uses.length - 1] - uses[0];
      seconds[id] +=
        (apart / Math.max(1, programs[p].steps.length)) *
        transferTime(costs, 'in', persistentBytes[id]);
    });
  });
  return Array.from(persistentBytes.keys())
    .filter((id) => persistentBytes[id] > 0)
    .sort(
      (a, b) =>
        seconds[a] / persistentBytes[a] - seconds[b] / persistentBytes[b] ||
        persistentBytes[b] - persistentBytes[a] ||
        a - b,
    );
}
