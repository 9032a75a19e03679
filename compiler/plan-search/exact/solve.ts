import type { Highs } from 'highs';
import type { AppliedProgram, Op, Version } from '../apply.ts';
import { liveCurve } from '../curve.ts';
import type { ValueProgram } from '../program.ts';
import type { Rows } from './rows.ts';
import { isComplete, isRecomputable, type Stages, stagesOf } from './stages.ts';

/** Programs whose integer program has more variables than this are left to the search. */
export const MOST_VARIABLES = 60_000;
/** Programs of more steps have more in any case. */
const MOST_STEPS = 1_000;

export interface ExactOptions {
  /** Limit on live bytes without persistent values. */
  readonly roomBytes: number;
  /** A plan that keeps it, by recompute alone. */
  readonly incumbent: AppliedProgram;
  /** A bound that is known. */
  readonly leastSeconds: number;
  readonly limitSeconds: number;
}

export interface Exact {
  /** At most as dear as the incumbent. */
  readonly applied: AppliedProgram;
  /** Seconds of all steps of `applied`. */
  readonly seconds: number;
  /** No plan that repeats each step at most once between two steps of the order takes less. */
  readonly leastSeconds: number;
  /** `applied` is the best of those. */
  readonly proved: boolean;
}

/** HiGHS as it was loaded: its types stay here, so that the package's declarations do not need it. */
export interface Solver {
  readonly highs: unknown;
}

/** The integer program is too large, or the solver is not installed. */
export class NoExact extends Error {}

/**
 * The cheapest recomputations of a program within `roomBytes`, by HiGHS, which starts from the incumbent. Within the limit of
 * time it is proved; otherwise the result has a gap.
 *
 * @throws NoExact where the program is too large
 */
export function solveExactly(solver: Solver, program: ValueProgram, options: ExactOptions): Exact {
  const { incumbent, roomBytes } = options;
  const knownSeconds = secondsOf(program, incumbent);
  const known = { applied: incumbent, seconds: knownSeconds };
  const once = program.steps.reduce((sum, { seconds }) => sum + seconds, 0);
  if (knownSeconds <= once) return { ...known, leastSeconds: once, proved: true };
  if (program.steps.length > MOST_STEPS)
    throw new NoExact(
      `the integer program of ${program.steps.length} steps is too large; up to ${MOST_STEPS} are solved`,
    );
  const stages = stagesOf(program, { roomBytes, spareSeconds: knownSeconds - once });
  const { rows } = stages;
  if (rows.cost.length > MOST_VARIABLES)
    throw new NoExact(
      `the integer program has ${rows.cost.length} variables; up to ${MOST_VARIABLES} are solved`,
    );
  // Costs of the same size whatever the program's are.
  const unit = once / 1000;
  rows.atMost(
    -options.leastSeconds / unit,
    rows.cost.flatMap((cost, i) => (cost > 0 ? [[i, -cost / unit] as const] : [])),
  );
  const start = startOf(program, stages, incumbent);
  const solved = minimise(solver, rows, start, { unit, limitSeconds: options.limitSeconds });
  const isProof = isComplete(program);
  const bound = isProof && Number.isFinite(solved.bound) ? solved.bound : 0;
  const leastSeconds = Math.max(options.leastSeconds, bound);
  const proved = isProof && solved.isOptimal;
  const found = solved.values ? appliedOf(program, stages, solved.values, incumbent) : null;
  const better = found && improvement(program, found, known.seconds, roomBytes);
  if (!better) return { ...known, leastSeconds: Math.min(leastSeconds, knownSeconds), proved };
  return { ...better, leastSeconds: Math.min(leastSeconds, better.seconds), proved };
}

/** A plan with its seconds where it keeps the room and takes fewer; null elsewhere. */
export function improvement(
  program: ValueProgram,
  applied: AppliedProgram,
  knownSeconds: number,
  roomBytes: number,
): { readonly applied: AppliedProgram; readonly seconds: number } | null {
  const seconds = secondsOf(program, applied);
  const isBetter = seconds < knownSeconds;
  return isBetter && liveCurve(program, applied, () => false).peak <= roomBytes
    ? { applied, seconds }
    : null;
}

interface Solution {
  readonly values: ArrayLike<number> | null;
  /** What no solution goes below, in seconds. */
  readonly bound: number;
  readonly isOptimal: boolean;
}

/** Solves rows by HiGHS, from a start where there is one. `unit`: the seconds of one unit of its costs. */
export function minimise(
  solver: Solver,
  rows: Rows,
  start: Start | null,
  { unit, limitSeconds }: { readonly unit: number; readonly limitSeconds: number },
): Solution {
  const highs = solver.highs as Highs;
  const { constants } = highs;
  const model = highs.createModel({
    numCols: rows.cost.length,
    numRows: rows.rowLower.length,
    sense: constants.objectiveSense.minimize,
    colCost: rows.cost.map((cost) => cost / unit),
    colLower: rows.lower,
    colUpper: rows.upper,
    rowLower: rows.rowLower,
    rowUpper: rows.rowUpper,
    matrix: {
      format: 'csr',
      numRows: rows.rowLower.length,
      numCols: rows.cost.length,
      starts: Int32Array.from(rows.starts),
      indices: Int32Array.from(rows.indices),
      values: rows.values,
    },
    integrality: Int32Array.from(rows.isInteger),
  });
  try {
    model.options.set({
      output_flag: process.env['BTC_HIGHS_LOG'] === '1',
      time_limit: limitSeconds,
      mip_rel_gap: 1e-6,
    });
    if (start) model.setSolution(start);
    model.run();
    const values = model.getSolution().colValue;
    return {
      values: values.length > 0 ? Float64Array.from(values) : null,
      bound: Number(model.info.get('mip_dual_bound')) * unit,
      isOptimal: model.getModelStatus() === constants.modelStatus.optimal,
    };
  } finally {
    model.dispose();
  }
}

/** The package is optional: bundlers must not look for it, and who never asks for it need not have it. */
const PACKAGE: string = 'highs';

let loaded: Promise<Solver> | null = null;

/**
 * HiGHS, a solver of integer programs in WebAssembly (npm `highs`), loaded here and nowhere else.
 *
 * @throws NoExact where it is not installed
 */
export async function loadSolver(): Promise<Solver> {
  try {
    const { default: load } = await import(/* @vite-ignore */ /* webpackIgnore: true */ PACKAGE);
    loaded ??= (load() as Promise<Highs>).then((highs) => ({ highs }));
    return await loaded;
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new NoExact("the package 'highs' is not installed: npm install highs");
  }
}

/** Seconds of all steps of an applied program. */
export function secondsOf({ steps }: ValueProgram, { ops }: AppliedProgram): number {
  return ops.reduce((sum, op) => (op.kind === 'step' ? sum + steps[op.step].seconds : sum), 0);
}

/**
 * What a solution of the integer program stands for; stages outside of its block are those of the incumbent. Runs whose results nobody
 * reads are left out.
 */
export function appliedOf(
  program: ValueProgram,
  { runs }: Stages,
  solution: ArrayLike<number>,
  incumbent: AppliedProgram,
): AppliedProgram {
  const known = program.steps.map((): number[] => []);
  let at = 0;
  for (const op of incumbent.ops)
    if (op.kind === 'step') known[op.recomputed ? at : at++].push(op.step);
  const order = runs.flatMap((stage, t) =>
    stage.length === 0
      ? known[t]
      : [...[...stage.keys()].filter((s) => s < t && stage[s] >= 0 && solution[stage[s]] > 0.5), t],
  );
  let again = 0;
  const isRepeated = order.map((step) => {
    if (step !== again) return true;
    again++;
    return false;
  });
  // Backwards: which values are still to be read as they are made here.
  const wanted = new Uint8Array(program.values.length);
  const kept = order.map(() => true);
  for (let i = order.length - 1; i >= 0; i--) {
    const { reads, writes } = program.steps[order[i]];
    if (isRepeated[i]) kept[i] = writes.some((value) => wanted[value]);
    if (!kept[i]) continue;
    for (const value of writes) if (isRecomputable(program, value)) wanted[value] = 0;
    for (const value of reads) wanted[value] = 1;
  }
  return sequence(
    program,
    order.flatMap((step, i) => (kept[i] ? [{ step, recomputed: isRepeated[i] }] : [])),
  );
}

/** The applied program that runs `order`, in which each step reads what was made last. */
function sequence(
  program: ValueProgram,
  order: readonly { readonly step: number; readonly recomputed: boolean }[],
): AppliedProgram {
  const { values, steps } = program;
  const versions: Version[] = [];
  const last = new Int32Array(values.length).fill(-1);
  const make = (value: number, by: Version['by']) => {
    last[value] = versions.push({ value, by }) - 1;
    return last[value];
  };
  values.forEach(({ kind }, value) => {
    if (kind === 'input' || kind === 'persistent') make(value, 'original');
  });
  const ops = order.map(({ step, recomputed }): Op => {
    const reads = steps[step].reads.map((value) => last[value]);
    const writes = steps[step].writes.map((value) => {
      if (recomputed) {
        if (isRecomputable(program, value)) return make(value, 'recompute');
        return versions.push({ value, by: 'recompute' }) - 1;
      }
      return last[value] >= 0 ? last[value] : make(value, 'original');
    });
    return { kind: 'step', step, recomputed, reads, writes };
  });
  return { ops, versions, last };
}

/** By stage, and behind the last one: 1 for each value that an applied program without copies has when the stage starts. */
export function residencies(
  program: ValueProgram,
  { ops, versions }: AppliedProgram,
): Uint8Array[] {
  const count = program.steps.length;
  const from = versions.map(() => -1);
  const until = versions.map(() => -1);
  let stage = 0;
  for (const op of ops) {
    if (op.kind !== 'step') continue;
    for (const version of [...op.reads, ...op.writes]) {
      if (from[version] < 0) from[version] = stage;
      until[version] = stage;
    }
    if (!op.recomputed) stage++;
  }
  const isThere = Array.from({ length: count + 1 }, () => new Uint8Array(program.values.length));
  versions.forEach(({ value, by }, version) => {
    const { kind } = program.values[value];
    if (kind === 'input' && by === 'original') from[version] = -1;
    if (kind === 'output') until[version] = count;
    for (let t = from[version] + 1; t <= until[version]; t++) isThere[t][value] = 1;
  });
  return isThere;
}

/** Where a solver starts. */
export interface Start {
  readonly indices: number[];
  readonly values: number[];
}

/** Runs and residencies of an applied program as a solution to start from; null where the stages cannot say it. */
export function startOf(
  program: ValueProgram,
  { rows, runs, resident }: Stages,
  applied: AppliedProgram,
): Start | null {
  let stage = 0;
  const ran = runs.map(() => new Set<number>());
  for (const op of applied.ops) {
    if (op.kind !== 'step') return null;
    const isIn = runs[stage].length > 0;
    if (isIn && op.recomputed && (runs[stage][op.step] < 0 || ran[stage].has(op.step))) return null;
    ran[stage].add(op.step);
    if (!op.recomputed) stage++;
  }
  const isThere = residencies(program, applied);
  const indices: number[] = [];
  const values: number[] = [];
  const set = (variable: number, value: number) => {
    if (variable < 0) return;
    indices.push(variable);
    // What is surely resident is so even where the plan evicts it before anything is gained by it.
    values.push(Math.max(rows.lower[variable], Math.min(rows.upper[variable], value)));
  };
  runs.forEach((row, t) => {
    row.forEach((variable, s) => {
      set(variable, ran[t].has(s) ? 1 : 0);
    });
  });
  resident.forEach((row, t) => {
    row.forEach((variable, value) => {
      set(variable, isThere[t][value]);
    });
  });
  return { indices, values };
}
