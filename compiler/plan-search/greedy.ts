import { append } from '../../ir/lists.ts';
import { SCHEDULE_ACTIONS } from './actions/index.ts';
import { type AppliedProgram, applyDecisions, isInfeasible } from './apply.ts';
import { type Candidate, candidatesAt, residencyCandidates } from './candidates.ts';
import { type Decisions, KEEP, type Method, noDecisions, SWAP } from './decisions.ts';
import type { ValueProgram } from './program.ts';
import { type Timeline, type TransferCosts, timeline } from './timeline.ts';

// A greedy choice of the values to evict, and of the action for each, from the highest peak down. At the peak step every idle
// value is a candidate. Candidates are ranked by predicted seconds per byte at the steps that are over the target. Capuchin (ASPLOS
// 2020) and DTR (ICLR 2021) use such ratios at run time. Here all of the future is known: copies of a swapped value hide behind the
// computation up to its next use, and a recompute closure is priced as a whole. In the end, evictions that the target does not need
// are undone.

/** Programs that share persistent values. */
export interface ValueModule {
  readonly programs: readonly ValueProgram[];
  /** Per program and value: its number among the persistent values, or -1. */
  readonly persistentOf: readonly Int32Array[];
  /** Alignment included. */
  readonly persistentBytes: Float64Array;
}

export interface ActionChoice {
  readonly decisions: readonly Decisions[];
  /** By program: what stands for its decisions where an integer program has found better ones. */
  readonly solved?: readonly (AppliedProgram | null)[];
  /** 1 for each persistent value that is host-resident. */
  readonly onHost: Uint8Array;
  /** Bytes of the persistent values on the device, plus peak live bytes. */
  readonly bytes: number;
}

export interface AutoOptions {
  /** Limit on the bytes of persistent values on the device plus peak live bytes. */
  readonly targetBytes: number;
  /** The actions, by name, that the search may choose. */
  readonly automatic: Readonly<Record<string, boolean>>;
  readonly costs: TransferCosts;
  /** Where to start from; by default nothing is evicted. */
  readonly start?: readonly Decisions[];
}

/** Limit on the work that undoes needless evictions, in steps walked. */
const PRUNING_STEPS = 2_000_000;

/** The choice that keeps the target at little cost; where none is found, the one with the fewest bytes that was met. */
export function chooseActions(module: ValueModule, options: AutoOptions): ActionChoice {
  const search = new Search(module, options);
  search.run();
  search.prune();
  return search.best();
}

class Search {
  private readonly module: ValueModule;
  private readonly options: AutoOptions;
  private readonly decisions: Decisions[];
  private readonly onHost: Uint8Array;
  private readonly timelines: Timeline[];
  /** Per program 1 for each gap that cannot be decided otherwise. */
  private readonly forbidden: Uint8Array[];
  private smallest: ActionChoice;

  constructor(module: ValueModule, options: AutoOptions) {
    this.module = module;
    this.options = options;
    const { start } = options;
    this.decisions = module.programs.map((program, p) =>
      start ? copyOf(start[p]) : noDecisions(program),
    );
    this.onHost = new Uint8Array(module.persistentBytes.length);
    this.forbidden = this.decisions.map(({ method }) => new Uint8Array(method.length));
    this.timelines = module.programs.map((_, p) => {
      const walked = this.walk(p);
      if (!walked) throw new Error('internal error: the first decisions cannot be applied');
      return walked;
    });
    this.smallest = this.snapshot();
  }

  best(): ActionChoice {
    return this.smallest;
  }

  run(): void {
    const { targetBytes } = this.options;
    for (;;) {
      const p = this.worst();
      const excess = this.bytesOf(p) - targetBytes;
      if (excess <= 0 || !this.improve(p, excess)) return;
      if (this.bytesOf(this.worst()) < this.smallest.bytes) this.smallest = this.snapshot();
    }
  }

  private persistentBytes(): number {
    const { persistentBytes } = this.module;
    return persistentBytes.reduce((sum, bytes, i) => (this.onHost[i] ? sum : sum + bytes), 0);
  }

  private bytesOf(p: number): number {
    return this.persistentBytes() + this.timelines[p].curve.peak;
  }

  private worst(): number {
    let worst = 0;
    this.timelines.forEach(({ curve }, p) => {
      if (curve.peak > this.timelines[worst].curve.peak) worst = p;
    });
    return worst;
  }

  private snapshot(): ActionChoice {
    return {
      decisions: this.decisions.map(copyOf),
      onHost: this.onHost.slice(),
      bytes: this.bytesOf(this.worst()),
    };
  }

  private isOnHost(p: number): (value: number) => boolean {
    const ids = this.module.persistentOf[p];
    return (value) => ids[value] >= 0 && this.onHost[ids[value]] === 1;
  }

  private walk(p: number): Timeline | null {
    const program = this.module.programs[p];
    const onHost = this.isOnHost(p);
    const result = applyDecisions(program, this.decisions[p], onHost);
    return isInfeasible(result) ? null : timeline(program, result, onHost, this.options.costs);
  }

  /** Evicts at the peak step of program `p` until it is `excess` bytes lower, or as much as possible; false where nothing is. */
  private improve(p: number, excess: number): boolean {
    const { targetBytes, automatic, costs } = this.options;
    const persistentBytes = this.persistentBytes();
    const view = {
      timeline: this.timelines[p],
      decisions: this.decisions[p],
      forbidden: this.forbidden[p],
      onHost: this.isOnHost(p),
      costs,
      allowed: (method: Method) => automatic[SCHEDULE_ACTIONS[method].name] === true,
      // What rematerialises a value must not make another peak as high as this one.
      roomBytes: Math.max(targetBytes - persistentBytes, this.timelines[p].curve.peak - 1),
      targetBytes: targetBytes - persistentBytes,
    };
    const candidates = candidatesAt(view);
    if (view.allowed(SWAP)) {
      const ids = this.module.persistentOf[p];
      const bytes = this.module.persistentBytes;
      append(candidates, residencyCandidates(view, ids, bytes, this.onHost));
    }
    candidates.sort((a, b) => a.score - b.score || b.bytes - a.bytes || a.gap - b.gap);
    const chosen = chooseUntil(candidates, excess);
    // All at once, or the first that can be.
    if (chosen.length > 1 && this.apply(p, chosen)) return true;
    for (const candidate of candidates) {
      if (this.apply(p, [candidate])) return true;
      if (candidate.gap >= 0) this.forbidden[p][candidate.gap] = 1;
    }
    return false;
  }

  /** Takes decisions where they can be applied; else leaves everything as it was. */
  private apply(p: number, candidates: readonly Candidate[]): boolean {
    const before = { decisions: copyOf(this.decisions[p]), onHost: this.onHost.slice() };
    const { method, release } = this.decisions[p];
    for (const { gap, method: chosen, moved } of candidates) {
      if (moved >= 0) this.onHost[moved] = 1;
      if (gap < 0) continue;
      if (method[gap] === KEEP) method[gap] = chosen;
      else release[gap] = 1;
    }
    const moves = candidates.some(({ moved }) => moved >= 0);
    const walked = this.timelines.map((timeline, q) =>
      q === p || moves ? this.walk(q) : timeline,
    );
    if (walked.every((timeline) => timeline !== null)) {
      walked.forEach((timeline, q) => {
        this.timelines[q] = timeline;
      });
      return true;
    }
    this.decisions[p] = before.decisions;
    this.onHost.set(before.onHost);
    return false;
  }

  /** Undoes the evictions that the target does not need, those that cost most first. */
  prune(): void {
    if (this.smallest.bytes > this.options.targetBytes) return;
    this.module.programs.forEach((program, p) => {
      const { method, release } = this.decisions[p];
      let walked = 0;
      const gaps = Array.from(method.keys()).filter((gap) => method[gap] !== KEEP);
      const start = this.options.start?.[p].method;
      const seconds = gapSeconds(program, this.decisions[p], this.options.costs);
      gaps.sort((a, b) => seconds[b] - seconds[a] || a - b);
      for (const gap of gaps) {
        // What a strategy has decided before stays.
        if (start && start[gap] !== KEEP) continue;
        walked += this.timelines[p].curve.live.length;
        if (walked > PRUNING_STEPS) break;
        const before = [method[gap], release[gap]];
        method[gap] = KEEP;
        release[gap] = 0;
        const kept = this.walk(p);
        if (kept && this.persistentBytes() + kept.curve.peak <= this.options.targetBytes) {
          this.timelines[p] = kept;
        } else {
          [method[gap], release[gap]] = before;
        }
      }
    });
    this.smallest = this.snapshot();
  }
}

function copyOf({ gapOffsets, method, release }: Decisions): Decisions {
  return { gapOffsets, method: method.slice(), release: release.slice() };
}

/** The first candidates that free `excess` bytes together, without those that are not needed for it. */
function chooseUntil(candidates: readonly Candidate[], excess: number): Candidate[] {
  const chosen: Candidate[] = [];
  let freed = 0;
  for (const candidate of candidates) {
    if (freed >= excess) break;
    chosen.push(candidate);
    freed += candidate.bytes;
  }
  if (freed < excess) return chosen;
  return chosen
    .toSorted((a, b) => b.seconds - a.seconds)
    .filter((candidate) => {
      if (freed - candidate.bytes < excess) return true;
      freed -= candidate.bytes;
      return false;
    });
}

/** Rough cost of each gap that is not kept: of the steps that write its value, or of its copies. */
function gapSeconds(
  { values, steps }: ValueProgram,
  { gapOffsets }: Decisions,
  costs: TransferCosts,
): Float64Array {
  const seconds = new Float64Array(gapOffsets[values.length]);
  values.forEach(({ writers, bytes }, value) => {
    const recomputed = writers.reduce((sum, writer) => sum + steps[writer].seconds, 0);
    const copied = 2 * costs.transferSeconds + (2 * bytes) / costs.hostToDeviceBytesPerSecond;
    seconds.fill(Math.max(recomputed, copied), gapOffsets[value], gapOffsets[value + 1]);
  });
  return seconds;
}
