import type { Plan, PlanBound, PlanPrediction } from '../../ir/plan.ts';
import type { Diagnostic } from '../diagnostics.ts';
import type { Model } from '../frontend/model.ts';
import { type TracedModel, traceModel } from '../frontend/trace.ts';
import { compile, type Shared } from './compile.ts';
import type { CompileOptions } from './result.ts';

/** What a budget gives. Sizes are bytes, times seconds of one run of the program that takes longest. */
export interface SweepPoint {
  /** Null for none. */
  readonly budgetBytes: number | null;
  /** Null where no plan within the budget was found. */
  readonly plan: SweptPlan | null;
}

/** What a plan takes, and by which actions it keeps its budget. */
export interface SweptPlan {
  readonly deviceBytes: number;
  readonly hostBytes: number;
  readonly predicted: PlanPrediction;
  /** Of the predicted seconds. */
  readonly bound: PlanBound | null;
  readonly recomputedSteps: number;
  /** Of all values that are made again. */
  readonly recomputedBytes: number;
  readonly transfers: number;
  /** Copied to the host and back, together. */
  readonly swappedBytes: number;
}

export interface Sweep {
  readonly name: string;
  readonly target: string;
  /** The profile that times are predicted by. */
  readonly profile: string | null;
  readonly program: string;
  /** From the smallest feasible budget to none. */
  readonly points: readonly SweepPoint[];
}

export interface SweepResult {
  /** Null where the model has a mistake, or fits no device at all. */
  readonly sweep: Sweep | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** By default. */
export const SWEEP_POINTS = 12;

/**
 * Compiles a model for budgets from the smallest feasible one to none, each larger than the one before by the same factor. The passes
 * up to the order of steps run once, and what the search has met for one budget it knows for all others.
 */
export async function sweepBudgets(
  model: Model,
  options: CompileOptions,
  count = SWEEP_POINTS,
): Promise<SweepResult> {
  let traced: TracedModel | null = null;
  const traceOnce = (source: Model) => {
    traced ??= traceModel(source);
    return traced;
  };
  const shared: Shared = { driver: null, smallest: null };
  const { budgetBytes: _, ...unbounded } = options;
  const at = (budgetBytes: number) =>
    compile(model, { ...unbounded, budgetBytes }, traceOnce, shared);
  const { plan: free, diagnostics } = await compile(model, unbounded, traceOnce, shared);
  if (!free) return { sweep: null, diagnostics };
  const program = longestProgram(free);
  const most = free.memory.deviceBytes;
  const searched: Shared = { ...shared, smallest: null, least: {} };
  await compile(model, { ...unbounded, budgetBytes: 1 }, traceOnce, searched);
  const least = Math.min(most, searched.smallest ?? most);
  const points: SweepPoint[] = [];
  for (const budgetBytes of budgetsBetween(least, most, count - 1)) {
    const { plan } = await at(budgetBytes);
    points.push({ budgetBytes, plan: plan && swept(plan, program) });
  }
  points.push({ budgetBytes: null, plan: swept(free, program) });
  const { name, target, profile = null } = free;
  return { sweep: { name, target, profile, program, points }, diagnostics };
}

/** The budgets of a model, in bytes of device memory. */
export interface BudgetRange {
  /** The smallest that was found to be feasible. */
  readonly leastBytes: number;
  /** What a plan without a budget takes. */
  readonly mostBytes: number;
  /** Whether the search for the least is over. */
  readonly isFinal: boolean;
}

/** Tries in a row that may gain nothing: who waits for a range does not wait for the last byte. */
const RANGE_IDLE = 1;

/**
 * Between which budgets there is something to choose. A search for the smallest feasible one, with less patience than a build has whose
 * budget is not kept, so that a smaller one may exist: every one that is told builds.
 *
 * @param shared with a driver where the model was compiled before, with the same options but for the budget
 * @param onRange told what is known, the first time before anything was searched and then with each smaller plan
 * @returns null where there is no plan without a budget
 */
export async function budgetRange(
  model: Model,
  { budgetBytes: _, ...options }: CompileOptions,
  { traceOf, shared }: { readonly traceOf: typeof traceModel; readonly shared: Shared },
  onRange: (range: BudgetRange) => void,
): Promise<BudgetRange | null> {
  const { plan } = await compile(model, options, traceOf, shared);
  if (!plan) return null;
  const mostBytes = plan.memory.deviceBytes;
  let leastBytes = mostBytes;
  const told = (isFinal: boolean) => {
    const range = { leastBytes, mostBytes, isFinal };
    onRange(range);
    return range;
  };
  told(false);
  const onSmaller = (deviceBytes: number) => {
    if (deviceBytes >= leastBytes) return;
    leastBytes = deviceBytes;
    told(false);
  };
  const least = { mostIdle: RANGE_IDLE, isBrief: true, onSmaller };
  const searched: Shared = { driver: shared.driver, smallest: null, least };
  await compile(model, { ...options, budgetBytes: 1 }, traceOf, searched);
  return told(true);
}

/** At most `count` budgets from `least` on, below `most`, each by the same factor above the last. */
export function budgetsBetween(least: number, most: number, count: number): number[] {
  if (least >= most || count < 1) return [];
  const factor = (most / least) ** (1 / count);
  const budgets = Array.from({ length: count }, (_, i) => Math.floor(least * factor ** i));
  return [...new Set(budgets)].filter((bytes) => bytes < most);
}

function longestProgram({ programs }: Plan): string {
  const names = Object.keys(programs);
  const seconds = (name: string) => programs[name].predicted?.seconds ?? 0;
  return names.reduce((a, b) => (seconds(b) > seconds(a) ? b : a));
}

function swept(plan: Plan, name: string): SweptPlan {
  const { memory, tensors } = plan;
  const { predicted, bound = null, steps, transfers = [] } = plan.programs[name];
  const copied = (by: 'recompute' | 'swap') =>
    tensors.filter(({ copyOf, program }) => copyOf?.by === by && program === name);
  const sum = (list: readonly { readonly bytes: number }[]) =>
    list.reduce((total, { bytes }) => total + bytes, 0);
  return {
    deviceBytes: memory.deviceBytes,
    hostBytes: memory.hostBytes,
    predicted: predicted!,
    bound,
    recomputedSteps: steps.filter(({ recomputed }) => recomputed).length,
    recomputedBytes: sum(copied('recompute')),
    transfers: transfers.length,
    swappedBytes: sum(transfers.map(({ tensor }) => tensors[tensor])),
  };
}
