import { createHash } from 'node:crypto';
import { bareFileName } from '../../ir/file-name.ts';
import { append } from '../../ir/lists.ts';
import type { Plan, Target } from '../../ir/plan.ts';
import { elementCount } from '../../ir/tensor.ts';
import { type Diagnostic, deduplicate } from '../diagnostics.ts';
import { compile } from '../driver/compile.ts';
import type { CompileResult } from '../driver/result.ts';
import { formatBytes } from '../format.ts';
import type { Model } from '../frontend/model.ts';
import type { OptionValue } from '../frontend/option.ts';
import { type TracedModel, traceModel } from '../frontend/trace.ts';
import { loadModel } from '../load/index.ts';
import type { MicroBatches, RecomputeStrategy, SwapPolicy } from '../plan-search/index.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { baseOf } from './base-name.ts';
import type { BuildJob } from './builder.ts';
import type { OutputFile } from './emit.ts';
import { type LoaderPlace, loaderFiles } from './loader-emit.ts';
import { loaderPlace } from './loader-place.ts';
import { fromBtc, type ReportedDiagnostic } from './report.ts';
import { fromTypeScript } from './report-typescript.ts';
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
  readonly pretty?: boolean;
  readonly project?: string;
  readonly printAfter?: string;
  readonly timings?: boolean;
  readonly contractions?: 'time' | 'macs';
  readonly recompute?: RecomputeStrategy;
  readonly swap?: SwapPolicy;
  readonly microBatch?: MicroBatches;
  readonly microBatchNorm?: boolean;
  readonly hostBudget?: number;
  readonly spillBudget?: number;
  /** Files. */
  readonly profile?: readonly string[];
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
}

/** The profiles that are given, by the target that they are of. */
export type Profiles = ReadonlyMap<Target, DeviceProfile>;

/** Checks, evaluates and compiles one model file. The language keeps one source mapper: one file at a time. */
export async function buildFile(
  { file, options, profiles }: BuildJob,
  onChecked: (watched: readonly string[]) => void,
): Promise<BuiltFile> {
  const started = performance.now();
  const { result, found } = await withStrayErrors(() =>
    compileFile(file, options, profiles, onChecked),
  );
  const { loaded, results, problems } = result;
  const diagnostics = [
    ...loaded.typescript.map(fromTypeScript),
    ...deduplicate([...loaded.diagnostics, ...problems, ...found]).map(fromBtc),
  ];
  const failed = diagnostics.some(({ category }) => category === 'error');
  const base = baseOf(file);
  return {
    base,
    diagnostics,
    outputs: failed ? [] : outputsOf(base, results, await loaderPlace(options.outDir)),
    summary: failed ? [] : summaryOf(file, base, options, results, performance.now() - started),
    sources: loaded.files,
    watched: [...loaded.files, ...loaded.awaited],
  };
}

async function compileFile(
  file: string,
  options: BuildCommandOptions,
  profiles: Profiles,
  onChecked: (watched: readonly string[]) => void,
) {
  const loaded = await loadModel(file, {
    onChecked,
    set: options.set ?? {},
    ...(options.project ? { project: options.project } : {}),
  });
  const problems: Diagnostic[] = [];
  // One trace for all targets: what a model draws at random or counts is the same for all of them.
  let traced: TracedModel | null = null;
  const traceOnce = (model: Model) => {
    traced ??= traceModel(model);
    return traced;
  };
  const results = new Map<Target, CompileResult>();
  for (const target of loaded.model ? new Set(options.target) : []) {
    const profile = profiles.get(target);
    const result = await compile(
      loaded.model!,
      {
        target,
        ...(profile ? { profile } : {}),
        ...(options.budget === undefined ? {} : { budgetBytes: options.budget }),
        ...(options.recompute ? { recompute: options.recompute } : {}),
        ...(options.swap ? { swap: options.swap } : {}),
        ...(options.microBatch === undefined ? {} : { microBatch: options.microBatch }),
        ...(options.microBatchNorm ? { microBatchNorm: true } : {}),
        ...(options.hostBudget === undefined ? {} : { hostBudgetBytes: options.hostBudget }),
        ...(options.spillBudget === undefined ? {} : { spillBudgetBytes: options.spillBudget }),
        ...(options.contractions ? { contractions: options.contractions } : {}),
        ...(options.printAfter
          ? {
              printAfter: (pass, text) => pass === options.printAfter && process.stdout.write(text),
            }
          : {}),
      },
      traceOnce,
    );
    append(problems, result.diagnostics);
    results.set(target, result);
  }
  return { loaded, results, problems };
}

function outputsOf(
  base: string,
  results: ReadonlyMap<Target, CompileResult>,
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
      ? [`${transfers} transfers, ${formatBytes(memory.hostBytes)} on the host`]
      : []),
    ...(memory.spillBytes > 0 ? [`${formatBytes(memory.spillBytes)} in a spill file`] : []),
  ];
  return parts.map((part) => `, ${part}`).join('');
}

function summaryOf(
  file: string,
  base: string,
  options: BuildCommandOptions,
  results: ReadonlyMap<Target, CompileResult>,
  milliseconds: number,
): string[] {
  const [plan] = [...results.values()].map((result) => result.plan!);
  const parameters = plan.tensors
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const place = options.noEmit ? 'checked' : `${options.outDir}/${base}.*`;
  const lines = [
    `${style.bold(file)} → ${place}  ${style.dim(`${parameters.toLocaleString('en')} parameters, ${Math.round(milliseconds)} ms`)}`,
  ];
  for (const [target, result] of results) {
    const { memory, kernels, programs } = result.plan!;
    const steps = Object.entries(programs).map(
      ([name, program]) => `${name} ${program.steps.length}`,
    );
    const budget = memory.budgetBytes === null ? '' : ` of ${formatBytes(memory.budgetBytes)}`;
    lines.push(
      `  ${target.padEnd(6)} ${formatBytes(memory.deviceBytes)}${budget} on the device, ${kernels.length} kernels, steps: ${steps.join(', ')}${actionsTaken(result.plan!)}`,
    );
    lines.push(...roundingNotes(result.plan!).map((note) => `         ${note}`));
    if (options.timings && result.plan) lines.push(formatTimings(result.timings));
  }
  return lines;
}
