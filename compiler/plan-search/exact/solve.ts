import type { Highs } from 'highs';
import type { AppliedProgram, Op, Version } from '../apply.ts';
import { liveCurve } from '../curve.ts';
import type { ValueProgram } from '../program.ts';
import { isComplete, isRecomputable, type Stages, stagesOf } from './stages.ts';

/** Programs whose integer program has more variables than this are left to the search. */
export const MOST_VARIABLES = 60_000;

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
  const stages = stagesOf(program, { roomBytes, knownSeconds });
  const { rows } = stages;
  if (rows.cost.length > MOST_VARIABLES)
    throw new NoExact(
      `the integer program has ${rows.cost.length} variables; up to ${MOST_VARIABLES} are solved`,
    );
  const once = program.steps.reduce((sum, { seconds }) => sum + seconds, 0);
  if (knownSeconds <= once) return { ...known, leastSeconds: once, proved: true };
  // Costs of the same size whatever the program's are.
  const unit = once / 1000;
  rows.atMost(
    -options.leastSeconds / unit,
    rows.cost.flatMap((cost, i) => (cost > 0 ? [[i, -cost / unit] as const] : [])),
  );
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
      time_limit: options.limitSeconds,
      mip_rel_gap: 1e-6,
    });
    const start = startOf(program, stages, incumbent);
    if (start) model.setSolution(start);
    model.run();
    const status = model.getModelStatus();
    const bound = Number(model.info.get('mip_dual_bound')) * unit;
    const isProof = isComplete(program);
    const solved = isProof && Number.isFinite(bound) ? bound : 0;
    const leastSeconds = Math.max(options.leastSeconds, solved);
    const proved = isProof && status === constants.modelStatus.optimal;
    const values = model.getSolution().colValue;
    const found = values.length > 0 ? appliedOf(program, stages, values) : null;
    if (!found) return { ...known, leastSeconds, proved };
    const seconds = secondsOf(program, found);
    const peak = liveCurve(program, found, () => false).peak;
    if (peak > roomBytes || seconds >= knownSeconds)
      return { ...known, leastSeconds: Math.min(leastSeconds, knownSeconds), proved };
    return { applied: found, seconds, leastSeconds: Math.min(leastSeconds, seconds), proved };
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

/** What a solution of the integer program stands for. Runs whose results nobody reads are left out. */
function appliedOf(
  program: ValueProgram,
  { runs }: Stages,
  solution: ArrayLike<number>,
): AppliedProgram {
  const order = runs.flatMap((stage, t) => [
    ...[...stage.keys()].filter((s) => s < t && stage[s] >= 0 && solution[stage[s]] > 0.5),
    t,
  ]);
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

/** Runs and residencies of an applied program as a solution to start from; null where the stages cannot say it. */
function startOf(
  program: ValueProgram,
  { rows, runs, resident }: Stages,
  { ops, versions }: AppliedProgram,
): { readonly indices: number[]; readonly values: number[] } | null {
  const count = program.steps.length;
  const stageOf = new Int32Array(ops.length);
  let stage = 0;
  const ran = runs.map(() => new Set<number>());
  for (let i = 0; i < ops.length; i++) {
    const op = ops[i];
    if (op.kind !== 'step') return null;
    stageOf[i] = stage;
    if (op.recomputed && (runs[stage][op.step] < 0 || ran[stage].has(op.step))) return null;
    ran[stage].add(op.step);
    if (!op.recomputed) stage++;
  }
  const from = versions.map(() => -1);
  const until = versions.map(() => -1);
  ops.forEach((op, i) => {
    if (op.kind !== 'step') return;
    for (const version of [...op.reads, ...op.writes]) {
      if (from[version] < 0) from[version] = stageOf[i];
      until[version] = stageOf[i];
    }
  });
  const isThere = resident.map(() => new Uint8Array(program.values.length));
  versions.forEach(({ value, by }, version) => {
    const { kind } = program.values[value];
    if (kind === 'input' && by === 'original') from[version] = -1;
    if (kind === 'output') until[version] = count;
    for (let t = from[version] + 1; t <= until[version]; t++) isThere[t][value] = 1;
  });
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
