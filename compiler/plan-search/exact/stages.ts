import type { ValueProgram } from '../program.ts';
import { Rows, type Term } from './rows.ts';

// Checkmate's integer program (Jain et al., "Checkmate: Breaking the Memory Wall with Optimal Tensor Rematerialization", MLSys 2020,
// section 4), frontier-advancing: stage t ends with step t, and may repeat earlier steps before it, each at most once, in their
// order. Added are values without or with several writers, steps with several results, and results in place of operands.

/** The variables of one program; -1 where there is none because it is 0. Stages outside of a block have none. */
export interface Stages {
  readonly rows: Rows;
  /** By stage and step: whether the step runs in the stage. */
  readonly runs: readonly Int32Array[];
  /** By stage and value: whether the value is resident when the stage starts. The last row is that after the last stage. */
  readonly resident: readonly Int32Array[];
}

export interface StageOptions {
  /** Limit on live bytes without persistent values. */
  readonly roomBytes: number;
  /** Seconds that repeated steps may take: steps that cost more are not repeated. */
  readonly spareSeconds: number;
  /** Only some stages, between what is resident when they start and what must be when they have ended. */
  readonly block?: Block;
}

/** The stages `first` … `end`, exclusive. */
export interface Block {
  readonly first: number;
  readonly end: number;
  /** By value: 1 where it is resident when the first stage starts, and behind the last one. */
  readonly before: Uint8Array;
  readonly behind: Uint8Array;
  /** Steps that may be repeated. */
  readonly repeats: ReadonlySet<number>;
}

/** Whether a value can be had again by one run of one step. */
export function isRecomputable({ steps, values }: ValueProgram, value: number): boolean {
  const { kind, writers, accumulated } = values[value];
  return (
    kind === 'temporary' && writers.length === 1 && !accumulated && steps[writers[0]].repeatable
  );
}

/** Whether the stages can say every plan that repeats a step at most once in each of them: values of several writers are only kept. */
export function isComplete(program: ValueProgram): boolean {
  const { steps, values } = program;
  return values.every(
    ({ kind, writers }, value) =>
      kind !== 'temporary' ||
      isRecomputable(program, value) ||
      writers.some((writer) => !steps[writer].repeatable),
  );
}

/** The integer program whose solutions are the plans within `roomBytes`, and whose cost is their seconds. */
export function stagesOf(program: ValueProgram, options: StageOptions): Stages {
  return new Builder(program, options).build();
}

class Builder {
  private readonly rows = new Rows();
  private readonly program: ValueProgram;
  private readonly options: StageOptions;
  private readonly runs: Int32Array[];
  private readonly resident: Int32Array[];
  private readonly recomputable: readonly boolean[];
  /** First step at which the values that are kept do not fit: nothing is gained by acting before it. */
  private readonly firstOver: number;
  private readonly readers: readonly (readonly number[])[];
  private readonly first: number;
  private readonly end: number;

  constructor(program: ValueProgram, options: StageOptions) {
    this.program = program;
    this.options = options;
    const { steps, values } = program;
    const { block } = options;
    [this.first, this.end] = block ? [block.first, block.end] : [0, steps.length];
    const isIn = (t: number) => t >= this.first && t <= this.end;
    this.runs = steps.map((_, t) =>
      new Int32Array(isIn(t) && t < this.end ? steps.length : 0).fill(-1),
    );
    this.resident = Array.from({ length: steps.length + 1 }, (_, t) =>
      new Int32Array(isIn(t) ? values.length : 0).fill(-1),
    );
    this.recomputable = values.map((_, value) => isRecomputable(program, value));
    this.readers = values.map(({ uses }, value) =>
      uses.filter((use) => steps[use].reads.includes(value)),
    );
    this.firstOver = block ? 0 : firstOver(program, options.roomBytes);
  }

  build(): Stages {
    const { steps, values } = this.program;
    const { first, end } = this;
    const { spareSeconds: spare, block } = this.options;
    for (let t = first; t < end; t++) {
      for (let s = 0; s < t; s++)
        if (t >= this.firstOver && (block?.repeats.has(s) ?? true) && this.canRepeat(s, t, spare))
          this.runs[t][s] = this.rows.binary(steps[s].seconds);
      this.runs[t][t] = this.rows.binary(steps[t].seconds, 1);
    }
    for (let t = first; t <= end; t++)
      for (let value = 0; value < values.length; value++) {
        const fixed = this.fixedResidency(value, t);
        if (fixed !== 0) this.resident[t][value] = this.rows.binary(0, fixed);
      }
    for (let t = first; t < end; t++) this.stage(t);
    return { rows: this.rows, runs: this.runs, resident: this.resident };
  }

  private canRepeat(s: number, t: number, spare: number): boolean {
    const { steps, values } = this.program;
    const { repeatable, seconds, reads, writes } = steps[s];
    if (!repeatable || seconds > spare * (1 + 1e-9)) return false;
    if (!writes.some((value) => this.recomputable[value])) return false;
    return reads.every((value) => {
      const { kind, writers, accumulated } = values[value];
      if (kind === 'persistent') return writers.every((writer) => writer < s || writer >= t);
      return !accumulated || writers[writers.length - 1] < s;
    });
  }

  /** Whether a value is surely there when stage `t` starts, surely not, or null. */
  private fixedResidency(value: number, t: number): 0 | 1 | null {
    const { kind, uses, writers } = this.program.values[value];
    if (kind === 'persistent') return 0;
    const { block } = this.options;
    if (block && t === block.first) return block.before[value] ? 1 : 0;
    if (block && t === block.end) return block.behind[value] ? 1 : 0;
    const first = kind === 'input' ? -1 : (writers[0] ?? Number.POSITIVE_INFINITY);
    if (t <= first) return 0;
    if (kind === 'output') return 1;
    const end = this.program.steps.length;
    if (t === end) return 0;
    const lastUse = uses.length === 0 ? -1 : uses[uses.length - 1];
    const needed = t <= lastUse;
    if (needed && (!this.recomputable[value] || t < this.firstOver)) return 1;
    return null;
  }

  private readonly sum = (variable: number, coefficient: number): Term[] =>
    variable < 0 ? [] : [[variable, coefficient]];

  private stage(t: number): void {
    const { rows, program, runs, resident } = this;
    const { values } = program;
    const { roomBytes } = this.options;
    const scale = 1 / roomBytes;
    values.forEach(({ writers, kind }, value) => {
      const next = resident[t + 1][value];
      if (next < 0 || kind === 'persistent') return;
      // What is kept was there or has been made in the stage.
      const made = writers.flatMap((writer) => (writer <= t ? this.sum(runs[t][writer], -1) : []));
      const isMade = this.recomputable[value] ? made : writers.includes(t) ? made : [];
      rows.atMost(0, [[next, 1], ...this.sum(resident[t][value], -1), ...isMade]);
    });
    let live: Term[] = values.flatMap(({ bytes }, value) =>
      this.sum(resident[t][value], bytes * scale),
    );
    for (let k = 0; k <= t; k++) {
      const run = runs[t][k];
      if (run < 0) continue;
      live = this.step(t, k, run, live, scale);
    }
  }

  /** Rows of one run: its operands are there, it fits; returns the live bytes behind it. */
  private step(t: number, k: number, run: number, live: Term[], scale: number): Term[] {
    const { rows, runs, resident } = this;
    const { values, steps } = this.program;
    const { reads, writes, pairs } = steps[k];
    const counts = (value: number) => values[value].kind !== 'persistent';
    for (const value of reads) {
      if (!counts(value)) continue;
      const { writers } = values[value];
      if (!this.recomputable[value]) {
        if (!writes.includes(value) || k < t)
          if (!(writers.includes(t) && k === t))
            rows.atMost(0, [[run, 1], ...this.sum(resident[t][value], -1)]);
        continue;
      }
      rows.atMost(0, [
        [run, 1],
        ...this.sum(resident[t][value], -1),
        ...this.sum(runs[t][writers[0]], -1),
      ]);
    }
    const during: Term[] = [...live];
    const behind: Term[] = [];
    for (const value of writes) {
      if (!counts(value)) continue;
      const { bytes } = values[value];
      const there = resident[t][value];
      // A later writer of a value adds to what is there.
      if (k === t && there >= 0) continue;
      during.push([run, bytes * scale]);
      if (k === t) continue;
      // What a repeated step makes and nobody asked for is gone behind it.
      if (!this.recomputable[value]) behind.push([run, -bytes * scale]);
      else if (there >= 0 && writes.length > 1)
        behind.push([this.both(run, there), -bytes * scale]);
      else if (there >= 0)
        rows.atMost(1, [
          [run, 1],
          [there, 1],
        ]);
    }
    const freed = new Map<number, number>();
    for (const value of new Set([...reads, ...writes])) {
      if (!counts(value)) continue;
      const free = this.freed(t, k, run, value);
      if (free < 0) continue;
      freed.set(value, free);
      behind.push([free, -values[value].bytes * scale]);
    }
    const shared = this.shared(t, run, pairs, freed, scale);
    rows.atMost(1, [...during, ...shared]);
    const left = rows.continuous(Number.POSITIVE_INFINITY);
    rows.equal(0, [[left, -1], ...during, ...behind]);
    return [[left, 1]];
  }

  /** 1 only where both are. */
  private both(a: number, b: number): number {
    const both = this.rows.continuous(1);
    this.rows.atMost(0, [
      [both, 1],
      [a, -1],
    ]);
    this.rows.atMost(0, [
      [both, 1],
      [b, -1],
    ]);
    return both;
  }

  /** 1 only where step `k` of stage `t` is the last that needs `value`. */
  private freed(t: number, k: number, run: number, value: number): number {
    const { rows, runs, resident, program } = this;
    const { writers } = program.values[value];
    const next = resident[t + 1][value];
    if (next >= 0 && rows.lower[next] === 1) return -1;
    // Later writers of a value that several steps write need it too.
    if (!this.recomputable[value] && writers.some((writer) => writer > t)) return -1;
    if (!this.recomputable[value] && k < t && program.steps[k].writes.includes(value)) return -1;
    const free = rows.continuous(1);
    rows.atMost(0, [
      [free, 1],
      [run, -1],
    ]);
    if (next >= 0)
      rows.atMost(1, [
        [free, 1],
        [next, 1],
      ]);
    for (const reader of this.readers[value])
      if (reader > k && reader <= t && runs[t][reader] >= 0)
        rows.atMost(1, [
          [free, 1],
          [runs[t][reader], 1],
        ]);
    return free;
  }

  /** What results in place of operands that die take less. */
  private shared(
    t: number,
    run: number,
    pairs: readonly { readonly from: number; readonly to: number }[],
    freed: ReadonlyMap<number, number>,
    scale: number,
  ): Term[] {
    const { rows, resident, program } = this;
    const byEnd = new Map<string, Term[]>();
    const terms = pairs.flatMap(({ from, to }): Term[] => {
      const free = freed.get(from);
      if (free === undefined || program.values[to].kind === 'persistent') return [];
      const share = rows.continuous(1);
      rows.atMost(0, [
        [share, 1],
        [free, -1],
      ]);
      rows.atMost(0, [
        [share, 1],
        [run, -1],
      ]);
      if (resident[t][to] >= 0)
        rows.atMost(1, [
          [share, 1],
          [resident[t][to], 1],
        ]);
      for (const end of [`from ${from}`, `to ${to}`])
        byEnd.set(end, [...(byEnd.get(end) ?? []), [share, 1]]);
      return [[share, -program.values[to].bytes * scale]];
    });
    for (const group of byEnd.values()) if (group.length > 1) rows.atMost(1, group);
    return terms;
  }
}

/** The first step at which the program does not fit as it is; the number of steps where it fits. */
function firstOver({ steps, values }: ValueProgram, roomBytes: number): number {
  const change = new Float64Array(steps.length + 2);
  const end = steps.length - 1;
  for (const { kind, uses, bytes } of values) {
    if (kind === 'persistent' || (uses.length === 0 && kind !== 'input')) continue;
    const first = kind === 'input' ? 0 : uses[0];
    const last = kind === 'output' ? end : (uses.at(-1) ?? 0);
    change[first] += bytes;
    change[last + 1] -= bytes;
  }
  let live = 0;
  for (let s = 0; s < steps.length; s++) {
    live += change[s];
    if (live > roomBytes) return s;
  }
  return steps.length;
}
