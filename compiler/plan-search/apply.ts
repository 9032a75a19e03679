import { type Residency, SCHEDULE_ACTIONS } from './actions/index.ts';
import type { Decisions } from './decisions.ts';
import type { ValueProgram, ValueStep } from './program.ts';

// Decisions say which values are evicted between which uses. Applying them is one walk over the steps. A step that needs an evicted
// value gets it as late as possible, right before it runs: swapped in where the host holds it, otherwise rematerialised by the
// steps that wrote it and by those that wrote what these need. So every set of decisions is either a correct sequence or infeasible.

/** A value in device memory for a while. The first version of a value is its own tensor, the others are copies. */
export interface Version {
  readonly value: number;
  readonly by: 'original' | 'recompute' | 'swap';
}

export type Op =
  /** `step` of the program on the versions that stand in `reads` and `writes`, parallel to those of the step. */
  | {
      readonly kind: 'step';
      readonly step: number;
      /** It rematerialises a value: the step has run before. */
      readonly recomputed: boolean;
      readonly reads: readonly number[];
      readonly writes: readonly number[];
    }
  /** After the step before it, a version is copied to the value's place on the host. */
  | { readonly kind: 'out'; readonly version: number }
  /** Before the step behind it, the value's place on the host is copied to a new version. */
  | { readonly kind: 'in'; readonly version: number };

export interface AppliedProgram {
  readonly ops: readonly Op[];
  readonly versions: readonly Version[];
  /** Per value: the version that holds it at the end, or -1. */
  readonly last: Int32Array;
}

/** A value that can be neither rematerialised nor swapped in where it is needed, before step `step`. */
export interface Infeasibility {
  readonly value: number;
  readonly step: number;
}

/** `onHost` names the persistent values that are host-resident. */
export function applyDecisions(
  program: ValueProgram,
  decisions: Decisions,
  onHost: (value: number) => boolean,
): AppliedProgram | Infeasibility {
  const walk = new Walk(program, decisions, onHost);
  for (let step = 0; step < program.steps.length; step++) {
    const infeasible = walk.step(step);
    if (infeasible >= 0) return { value: infeasible, step };
  }
  return { ops: walk.ops, versions: walk.versions, last: walk.resident };
}

export function isInfeasible(result: AppliedProgram | Infeasibility): result is Infeasibility {
  return 'step' in result;
}

/** An evicted value to rematerialise or swap in, and the values that this needs. */
interface Acquisition {
  readonly value: number;
  /** Empty: it is swapped in. */
  readonly producers: readonly number[];
  readonly needs: readonly number[];
}

class Walk implements Residency {
  readonly ops: Op[] = [];
  readonly versions: Version[] = [];
  /** Per value: the version that is in device memory, or -1. */
  readonly resident: Int32Array;
  /** 1 where the host holds the value as it is now. */
  private readonly hosted: Uint8Array;
  /** Per value: which of its uses is the next one. */
  private readonly nextUse: Int32Array;
  /** How often each persistent value has been written so far. */
  private readonly writes: Int32Array;
  private readonly program: ValueProgram;
  private readonly decisions: Decisions;
  private readonly onHost: (value: number) => boolean;

  constructor(program: ValueProgram, decisions: Decisions, onHost: (value: number) => boolean) {
    const count = program.values.length;
    this.program = program;
    this.decisions = decisions;
    this.onHost = onHost;
    this.resident = new Int32Array(count).fill(-1);
    this.hosted = new Uint8Array(count);
    this.nextUse = new Int32Array(count);
    this.writes = new Int32Array(count);
    program.values.forEach(({ kind }, value) => {
      if (kind === 'persistent' && onHost(value)) this.hosted[value] = 1;
      else if (kind === 'persistent' || kind === 'input') this.create(value, 'original');
    });
  }

  private create(value: number, by: Version['by']): number {
    this.resident[value] = this.versions.push({ value, by }) - 1;
    return this.resident[value];
  }

  /** Emits step `s` and what must come before it. Returns a value that cannot be made resident, or -1. */
  step(s: number): number {
    const step = this.program.steps[s];
    const missing = step.reads.filter((value) => this.resident[value] < 0);
    // A persistent value is written over what is there.
    for (const value of step.writes)
      if (this.resident[value] < 0 && this.hosted[value] && !missing.includes(value))
        missing.push(value);
    if (missing.length > 0) {
      const infeasible = this.acquire(missing);
      if (infeasible >= 0) return infeasible;
    }
    this.emit(s, step, false, step.writes);
    for (const value of step.writes) {
      this.writes[value]++;
      this.hosted[value] = 0;
    }
    this.leave(step);
    return -1;
  }

  private emit(s: number, step: ValueStep, recomputed: boolean, fresh: readonly number[]): void {
    const reads = step.reads.map((value) => this.resident[value]);
    const writes = step.writes.map((value) => {
      if (this.resident[value] >= 0) return this.resident[value];
      if (fresh.includes(value)) return this.create(value, recomputed ? 'recompute' : 'original');
      // A result of a repeated step that nobody asked for.
      return this.versions.push({ value, by: 'recompute' }) - 1;
    });
    this.ops.push({ kind: 'step', step: s, recomputed, reads, writes });
  }

  /** After a step: evicts what is decided, and what is not used any more. */
  private leave(step: ValueStep): void {
    const touched = step.writes.concat(step.reads.filter((value) => !step.writes.includes(value)));
    for (const value of touched) {
      const { uses, kind } = this.program.values[value];
      const next = ++this.nextUse[value];
      if (next < uses.length) {
        const method = this.decisions.method[this.decisions.gapOffsets[value] + next];
        SCHEDULE_ACTIONS[method].apply(this, value);
      } else if (kind === 'persistent' && this.onHost(value)) {
        this.sendOut(value);
        this.evict(value);
      } else if (kind === 'temporary' || kind === 'input') this.evict(value);
    }
  }

  evict(value: number): void {
    this.resident[value] = -1;
  }

  sendOut(value: number): void {
    if (this.hosted[value]) return;
    this.hosted[value] = 1;
    this.ops.push({ kind: 'out', version: this.resident[value] });
  }

  /** Makes `targets` resident, operands first. Without recursion: recompute closures are as deep as the network. */
  private acquire(targets: readonly number[]): number {
    const { order, infeasible } = this.plan(targets);
    if (infeasible >= 0) return infeasible;
    const remaining = new Map<number, number>();
    for (const { needs } of order)
      for (const value of needs) remaining.set(value, (remaining.get(value) ?? 0) + 1);
    const wanted = new Set(targets);
    const acquired = new Set<number>();
    for (const { value, producers, needs } of order) {
      if (this.resident[value] >= 0) continue;
      acquired.add(value);
      if (producers.length === 0) {
        this.ops.push({ kind: 'in', version: this.create(value, 'swap') });
      }
      for (const producer of producers) {
        // Other results of the step are rematerialised with it where they are asked for too.
        const step = this.program.steps[producer];
        const fresh = step.writes.filter((other) => other === value || this.asked(other, order));
        this.emit(producer, step, true, fresh);
        for (const other of fresh) acquired.add(other);
      }
      for (const need of needs) {
        const left = remaining.get(need)! - 1;
        remaining.set(need, left);
        if (left === 0 && acquired.has(need) && !wanted.has(need) && !this.held(need))
          this.resident[need] = -1;
      }
    }
    return -1;
  }

  private asked(value: number, order: readonly Acquisition[]): boolean {
    return (
      this.program.values[value].writers.length === 1 &&
      order.some((acquisition) => acquisition.value === value)
    );
  }

  /** Whether a value that became resident before its next use is held until then. */
  private held(value: number): boolean {
    const { uses } = this.program.values[value];
    const next = this.nextUse[value];
    if (next >= uses.length) return false;
    return this.decisions.release[this.decisions.gapOffsets[value] + next] === 0;
  }

  /** What must be acquired for `targets`, each after what it needs; or a value that cannot be. */
  private plan(targets: readonly number[]): { order: Acquisition[]; infeasible: number } {
    const order: Acquisition[] = [];
    const state = new Map<number, 'open' | 'done'>();
    const stack: { acquisition: Acquisition; next: number }[] = [];
    const enter = (value: number): boolean => {
      const acquisition = this.way(value);
      if (!acquisition) return false;
      state.set(value, 'open');
      stack.push({ acquisition, next: 0 });
      return true;
    };
    for (const target of targets) {
      if (state.has(target)) continue;
      if (!enter(target)) return { order, infeasible: target };
      while (stack.length > 0) {
        const top = stack[stack.length - 1];
        if (top.next === top.acquisition.needs.length) {
          state.set(top.acquisition.value, 'done');
          order.push(top.acquisition);
          stack.pop();
          continue;
        }
        const need = top.acquisition.needs[top.next++];
        if (this.resident[need] >= 0 || state.get(need) === 'done') continue;
        if (state.get(need) === 'open' || !enter(need)) return { order, infeasible: need };
      }
    }
    return { order, infeasible: -1 };
  }

  /** How a value can be made resident; null when it cannot. */
  private way(value: number): Acquisition | null {
    if (this.hosted[value]) return { value, producers: [], needs: [] };
    const { writers, kind } = this.program.values[value];
    if (kind !== 'temporary' || writers.length === 0) return null;
    const needs = new Set<number>();
    for (const producer of writers) {
      const step = this.program.steps[producer];
      if (!step.repeatable) return null;
      for (const read of step.reads) {
        if (read === value) continue;
        if (!this.unchanged(read, producer)) return null;
        needs.add(read);
      }
    }
    return { value, producers: writers, needs: [...needs] };
  }

  /** Whether `value` is now what step `reader` read. */
  private unchanged(value: number, reader: number): boolean {
    const { writers, kind, accumulated } = this.program.values[value];
    let before = 0;
    while (before < writers.length && writers[before] < reader) before++;
    if (kind === 'persistent') return before === this.writes[value];
    // Parts of a value that are written once each are what they were; an accumulated value is not.
    return before === writers.length || !accumulated;
  }
}
