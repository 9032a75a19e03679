import { createHash } from 'node:crypto';
import { bareFileName } from '../../ir/file-name.ts';
import { append } from '../../ir/lists.ts';
import type { Plan, Target } from '../../ir/plan.ts';
import { TARGET_RULES } from '../../ir/targets.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Diagnostic, deduplicate } from '../diagnostics.ts';
import { checkCompilation, compile } from '../driver/compile.ts';
import type { Dispatches, Subgroups } from '../driver/dispatches.ts';
import type { CompileOptions, CompileResult, PlanResult } from '../driver/result.ts';
import { type Sweep, sweepBudgets } from '../driver/sweep.ts';
import { formatAmount, formatBytes, formatInteger } from '../format.ts';
import type { Model } from '../frontend/model.ts';
import type { OptionValue } from '../frontend/option.ts';
import type { Precision } from '../frontend/precision.ts';
import { type TracedModel, traceModel } from '../frontend/trace.ts';
import type { CheckedModel } from '../load/checked.ts';
import { type LoadedModel, loadModel } from '../load/index.ts';
import type {
  HalfActivations,
  MicroBatches,
  RecomputeStrategy,
  SwapPolicy,
  TileChoice,
} from '../plan-search/actions/choices.ts';
import type { DeviceLimits } from '../profile/device-limits.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { baseOf } from './base-name.ts';
import type { BuildJob, OnProgress } from './builder.ts';
import type { OutputFile } from './emit.ts';
import { noModel } from './file-kinds.ts';
import { formatGap } from './gap.ts';
import { type LoaderPlace, loaderFiles } from './loader-emit.ts';
import { loaderPlace } from './loader-place.ts';
import { fromBtc, type ReportedDiagnostic } from './report.ts';
import { roundingNotes } from './rounding-notes.ts';
import { withStrayErrors } from './stray-errors.ts';
import { style } from './style.ts';
import { formatTimings } from './timings.ts';

export interface BuildCommandOptions {
  readonly outDir: string;
  readonly target: readonly Target[];
  readonly budget?: number;
  readonly set?: Readonly<Record<string, OptionValue>>;
  readonly noEmit?: boolean;
  readonly watch?: boolean;
  /** With `watch`: a page shows each build. */
  readonly view?: boolean;
  /** Of that page; absent: one that is free. */
  readonly port?: number;
  readonly pretty?: boolean;
  readonly project?: string;
  readonly printAfter?: string;
  readonly timings?: boolean;
  readonly contractions?: 'time' | 'macs';
  readonly solve?: 'heuristic' | 'exact';
  /** Limit on the search within a budget. */
  readonly planSeconds?: number;
  readonly recompute?: RecomputeStrategy;
  readonly swap?: SwapPolicy;
  readonly microBatch?: MicroBatches;
  readonly microBatchNorm?: boolean;
  readonly half?: HalfActivations;
  readonly tiles?: TileChoice;
  readonly precision?: Precision;
  readonly dispatches?: Dispatches;
  readonly subgroups?: Subgroups;
  readonly subgroupMatrix?: boolean;
  readonly hostBudget?: number;
  readonly spillBudget?: number;
  /** Names or files. */
  readonly profile?: readonly string[];
  /** `default`, `adapter`, a name or a file. */
  readonly limits?: string;
}

/** What came of one model file: plain data. */
export interface BuiltFile {
  readonly base: string;
  readonly diagnostics: readonly ReportedDiagnostic[];
  readonly outputs: readonly OutputFile[];
  readonly summary: readonly string[];
  /** The files that the model is made of. */
  readonly sources: readonly string[];
  /** Those, and others that a change of would change the result. */
  readonly watched: readonly string[];
  /** What a sweep found; null where it was built. */
  readonly sweep?: Sweep | null;
}

/** The profiles that are given, by the target that they are of. */
export type Profiles = ReadonlyMap<Target, DeviceProfile>;

/** Who hears of a build before it ends. */
export interface BuildListeners {
  /** The files that the model is made of, before it is evaluated. */
  readonly onChecked: (watched: readonly string[]) => void;
  readonly onProgress: OnProgress;
}

const hasErrors = (diagnostics: readonly { readonly category: string }[]) =>
  diagnostics.some(({ category }) => category === 'error');

/** Checks and evaluates one model file, and plans it for one budget after the other, for the first of the targets. */
export async function sweepFile(
  { file, options, profiles, limits, checked, sweepPoints }: BuildJob,
  on: BuildListeners,
): Promise<BuiltFile> {
  const { result, found } = await withStrayErrors(async () => {
    const loaded = await loadFile(file, options, checked, on.onChecked);
    if (!loaded.model) return { loaded, swept: null };
    const [target] = options.target;
    const planned = compileOptions(target, options, profiles, limits, on);
    // A model with a mistake is not swept: one plan finds its other mistakes.
    const swept = hasErrors([...loaded.typescript, ...loaded.diagnostics])
      ? { ...(await checkCompilation(loaded.model, planned, traceModel)), sweep: null }
      : await sweepBudgets(loaded.model, planned, sweepPoints);
    return { loaded, swept };
  });
  const { loaded, swept } = result;
  const diagnostics = [
    ...loaded.typescript,
    ...deduplicate([...loaded.diagnostics, ...(swept?.diagnostics ?? []), ...found]).map(fromBtc),
  ];
  const failed = hasErrors(diagnostics);
  return {
    ...{ base: baseOf(file), diagnostics, outputs: [], summary: [] },
    sources: loaded.files,
    watched: [...loaded.files, ...loaded.awaited],
    sweep: failed ? null : (swept?.sweep ?? null),
  };
}

/** Checks, evaluates and compiles one model file. The language keeps one source mapper: one file at a time. */
export async function buildFile(job: BuildJob, on: BuildListeners): Promise<BuiltFile> {
  const { file, options } = job;
  const started = performance.now();
  const { result, found } = await withStrayErrors(() => compileFile(job, on));
  const { loaded, results, problems } = result;
  const diagnostics = [
    ...loaded.typescript,
    ...deduplicate([...loaded.diagnostics, ...problems, ...found]).map(fromBtc),
  ];
  const failed = hasErrors(diagnostics);
  const base = baseOf(file);
  return {
    base,
    diagnostics,
    outputs:
      failed || options.noEmit
        ? []
        : outputsOf(base, results as Results<CompileResult>, await loaderPlace(options.outDir)),
    summary: failed ? [] : summaryOf(file, base, options, results, performance.now() - started),
    sources: loaded.files,
    watched: [...loaded.files, ...loaded.awaited],
  };
}

type Results<Result> = ReadonlyMap<Target, Result>;

async function compileFile(
  { file, options, profiles, limits, checked }: BuildJob,
  on: BuildListeners,
) {
  const loaded = await loadFile(file, options, checked, on.onChecked);
  const problems: Diagnostic[] = [];
  // One trace for all targets: what a model draws at random or counts is the same for all of them.
  let traced: TracedModel | null = null;
  const traceOnce = (model: Model) => {
    traced ??= traceModel(model);
    return traced;
  };
  // What is asked to be shown of code needs code.
  const emits = !options.noEmit || options.printAfter !== undefined || options.timings === true;
  const results = new Map<Target, PlanResult | CompileResult>();
  for (const target of loaded.model ? new Set(options.target) : []) {
    const result = await (emits ? compile : checkCompilation)(
      loaded.model!,
      compileOptions(target, options, profiles, limits, on),
      traceOnce,
    );
    append(problems, result.diagnostics);
    results.set(target, result);
  }
  return { loaded, results, problems };
}

export async function loadFile(
  file: string,
  { set = {}, project }: BuildCommandOptions,
  checked: CheckedModel | undefined,
  onChecked: (watched: readonly string[]) => void,
): Promise<LoadedModel> {
  const loaded = await loadModel(file, {
    ...{ onChecked, set },
    ...(project ? { project } : {}),
    ...(checked ? { checked } : {}),
  });
  const other = loaded.diagnostics.some(({ code }) => code === 'BTC6006')
    ? await noModel(file)
    : null;
  return other ? { ...loaded, diagnostics: [other] } : loaded;
}

/** What the options of the command line mean for one target. */
function compileOptions(
  target: Target,
  options: BuildCommandOptions,
  profiles: Profiles,
  limits: DeviceLimits | null,
  { onProgress }: BuildListeners,
): CompileOptions {
  const profile = profiles.get(target);
  return {
    target,
    onProgress: (progress) => onProgress(target, progress),
    ...(profile ? { profile } : {}),
    ...(limits && TARGET_RULES[target].hasLimits ? { limits } : {}),
    ...(options.planSeconds === undefined ? {} : { planSeconds: options.planSeconds }),
    ...(options.budget === undefined ? {} : { budgetBytes: options.budget }),
    ...(options.recompute ? { recompute: options.recompute } : {}),
    ...(options.swap ? { swap: options.swap } : {}),
    ...(options.microBatch === undefined ? {} : { microBatch: options.microBatch }),
    ...(options.half ? { half: options.half } : {}),
    ...(options.tiles ? { tiles: options.tiles } : {}),
    ...(options.precision ? { precision: options.precision } : {}),
    ...(options.dispatches ? { dispatches: options.dispatches } : {}),
    ...(options.subgroups ? { subgroups: options.subgroups } : {}),
    ...(options.subgroupMatrix ? { subgroupMatrix: true } : {}),
    ...(options.microBatchNorm ? { microBatchNorm: true } : {}),
    ...(options.hostBudget === undefined ? {} : { hostBudgetBytes: options.hostBudget }),
    ...(options.spillBudget === undefined ? {} : { spillBudgetBytes: options.spillBudget }),
    ...(options.contractions ? { contractions: options.contractions } : {}),
    ...(options.solve ? { solve: options.solve } : {}),
    ...(options.printAfter
      ? { printAfter: (pass, text) => pass === options.printAfter && process.stdout.write(text) }
      : {}),
  };
}

function outputsOf(
  base: string,
  results: Results<CompileResult>,
  place: LoaderPlace,
): OutputFile[] {
  const files: OutputFile[] = [];
  const digests: { [Name in Target]?: string } = {};
  const plans = [...results].map(([target, { plan, module }]) => ({ target, plan: plan!, module }));
  for (const { target, plan, module } of plans) {
    const named = plan.module
      ? { ...plan, module: { ...plan.module, file: bareFileName(`${base}.wasm`) } }
      : plan;
    const json = JSON.stringify(named);
    digests[target] = createHash('sha256').update(json).digest('hex');
    files.push({ path: `${base}.${target}.plan.json`, content: `${json}\n` });
    if (module) files.push({ path: `${base}.wasm`, content: module });
  }
  const [first] = results.values();
  files.push({ path: `${base}.safetensors`, content: first.parameters! });
  files.push(...loaderFiles(base, plans[0].plan, [...results.keys()], place, digests));
  return files;
}

/** What was done to keep a budget: nothing to say where nothing was. */
function actionsTaken({ memory, programs }: Plan): string {
  const all = Object.values(programs);
  const recomputed = all.reduce(
    (sum, { steps }) => sum + steps.filter((step) => step.recomputed).length,
    0,
  );
  const transfers = all.reduce((sum, program) => sum + (program.transfers?.length ?? 0), 0);
  const parts = [
    ...(recomputed > 0 ? [`${recomputed} of them recomputed`] : []),
    ...(transfers > 0
      ? [`${formatAmount(transfers, 'transfer')}, ${formatBytes(memory.hostBytes)} on the host`]
      : []),
    ...(memory.spillBytes > 0 ? [`${formatBytes(memory.spillBytes)} in a spill file`] : []),
  ];
  return parts.map((part) => `, ${part}`).join('');
}

/** By program, how far its time is above what no plan within the budget can go below. */
function gaps({ programs }: Plan): string {
  const shown = Object.entries(programs).flatMap(([name, { bound }]) =>
    bound ? [`${name} ${formatGap(bound)}`] : [],
  );
  return shown.length > 0 ? `, time above its lower bound: ${shown.join(', ')}` : '';
}

function summaryOf(
  file: string,
  base: string,
  options: BuildCommandOptions,
  results: Results<PlanResult | CompileResult>,
  milliseconds: number,
): string[] {
  const [plan] = [...results.values()].map((result) => result.plan!);
  const parameters = plan.tensors
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const place = options.noEmit ? 'checked' : `${options.outDir}/${base}.*`;
  const lines = [
    `${style.bold(file)} → ${place}  ${style.dim(`${formatInteger(parameters)} parameters, ${Math.round(milliseconds)} ms`)}`,
  ];
  for (const [target, result] of results) {
    const { memory, kernels, programs } = result.plan!;
    const steps = Object.entries(programs).map(
      ([name, program]) => `${name} ${program.steps.length}`,
    );
    const budget = memory.budgetBytes === null ? '' : ` of ${formatBytes(memory.budgetBytes)}`;
    const proof = memory.budgetBytes === null ? '' : gaps(result.plan!);
    lines.push(
      `  ${target.padEnd(6)} ${formatBytes(memory.deviceBytes)}${budget} on the device, ${formatAmount(kernels.length, 'kernel')}, steps: ${steps.join(', ')}${actionsTaken(result.plan!)}${proof}`,
    );
    lines.push(...roundingNotes(result.plan!).map((note) => `         ${note}`));
    if (options.timings && result.plan) lines.push(formatTimings(result.timings));
  }
  return lines;
}
