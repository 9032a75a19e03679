import type { AppliedProgram } from '../apply.ts';
import type { ValueProgram } from '../program.ts';
import {
  appliedOf,
  type Exact,
  type ExactOptions,
  improvement,
  minimise,
  residencies,
  type Solver,
  secondsOf,
  startOf,
} from './solve.ts';
import { isRecomputable, type Stages, stagesOf } from './stages.ts';

/** Stages of a block at first, and at least. */
const MOST_STAGES = 48;
const LEAST_STAGES = 6;
/** Variables of the integer program of a block. */
const MOST_VARIABLES = 12_000;
/** Steps that a chain of recomputations goes back. */
const DEPTH = 6;
/** Part of the time that one block may take. */
const SHARE = 1 / 4;

/**
 * As `solveExactly`, for programs of any size: block by block of stages, each between what the plan has when it starts and what the
 * rest of the plan needs behind it, until no block gains anything or the time is over. Every block starts where the last one ended, and
 * blocks overlap by half. What it proves is only about blocks, so the bound stays what it was.
 */
export function solveByBlocks(
  solver: Solver,
  program: ValueProgram,
  options: ExactOptions,
): Exact & { readonly blocks: number } {
  const { roomBytes, limitSeconds, leastSeconds } = options;
  const deadline = performance.now() + 1000 * limitSeconds;
  const left = () => (deadline - performance.now()) / 1000;
  const count = program.steps.length;
  let best = { applied: options.incumbent, seconds: secondsOf(program, options.incumbent) };
  let blocks = 0;
  for (let gained = true; gained && left() > 0; ) {
    gained = false;
    for (let first = 0; first < count && left() > 0; ) {
      const made = blockOf(program, best.applied, first, roomBytes);
      if (!made) {
        first += LEAST_STAGES;
        continue;
      }
      blocks++;
      const start = startOf(program, made.stages, best.applied);
      const limit = Math.min(left(), SHARE * limitSeconds);
      const unit = Math.max(...made.stages.rows.cost) || 1;
      const { values } = minimise(solver, made.stages.rows, start, { unit, limitSeconds: limit });
      const found = values && appliedOf(program, made.stages, values, best.applied);
      const better = found && improvement(program, found, best.seconds * (1 - 1e-9), roomBytes);
      if (better) {
        best = better;
        gained = true;
      }
      first += Math.max(1, (made.end - first) >> 1);
    }
  }
  const proved = best.seconds <= leastSeconds * (1 + 1e-9);
  return { ...best, leastSeconds: Math.min(leastSeconds, best.seconds), proved, blocks };
}

/** The largest block from a stage on that is small enough; null where the plan repeats nothing in the smallest one. */
function blockOf(
  program: ValueProgram,
  applied: AppliedProgram,
  first: number,
  roomBytes: number,
): { readonly stages: Stages; readonly end: number } | null {
  const isThere = residencies(program, applied);
  for (let length = MOST_STAGES; ; length = length >> 1) {
    const end = Math.min(program.steps.length, first + length);
    const repeated = repeatedIn(applied, first, end);
    if (repeated.length === 0) return null;
    const spareSeconds = repeated.reduce((sum, step) => sum + program.steps[step].seconds, 0);
    const block = { first, end, before: isThere[first], behind: isThere[end] };
    const repeats = usefulIn(program, first, end, repeated);
    const stages = stagesOf(program, {
      roomBytes,
      spareSeconds,
      block: { ...block, repeats },
    });
    if (stages.rows.cost.length <= MOST_VARIABLES || length <= LEAST_STAGES) return { stages, end };
  }
}

/** The steps that a plan repeats in the stages `first` … `end`, exclusive. */
function repeatedIn({ ops }: AppliedProgram, first: number, end: number): number[] {
  const repeated: number[] = [];
  let stage = 0;
  for (const op of ops) {
    if (op.kind !== 'step') continue;
    if (op.recomputed && stage >= first && stage < end) repeated.push(op.step);
    if (!op.recomputed) stage++;
  }
  return repeated;
}

/** Steps worth repeating in a block: those that the plan repeats, and makers of what its steps read, a few steps back. */
function usefulIn(
  { steps, values }: ValueProgram,
  first: number,
  end: number,
  repeated: readonly number[],
): Set<number> {
  const useful = new Set(repeated);
  let wanted = new Set<number>();
  for (let step = first; step < end; step++) for (const read of steps[step].reads) wanted.add(read);
  for (const step of repeated) for (const read of steps[step].reads) wanted.add(read);
  for (let depth = 0; depth < DEPTH; depth++) {
    const next = new Set<number>();
    for (const value of wanted) {
      const maker = values[value].writers[0];
      if (!isRecomputable({ steps, values } as ValueProgram, value) || maker >= end) continue;
      if (useful.has(maker) && depth > 0) continue;
      useful.add(maker);
      for (const read of steps[maker].reads) next.add(read);
    }
    wanted = next;
  }
  return useful;
}
