import { basename, join, resolve } from 'node:path';
import ts from 'typescript';
import { bareFileName } from '../../ir/file-name.ts';
import type { Plan } from '../../ir/plan.ts';
import { formatBytes } from '../bytes.ts';
import { compile } from '../compile.ts';
import { type Diagnostic, deduplicate, diagnostic } from '../diagnostics.ts';
import type { OptionValue } from '../frontend/option.ts';
import { loadModel } from '../load/index.ts';
import type { RecomputeStrategy, SwapPolicy } from '../memory/index.ts';
import { targetProblem } from '../profile/check.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import type { CompileResult } from '../result.ts';
import { type OutputFile, writeOutputs } from './emit.ts';
import { loaderFiles } from './loader-emit.ts';
import { obsoleteOutputs } from './obsolete.ts';
import { readProfileFile } from './profile-file.ts';
import {
  formatPlain,
  formatPretty,
  fromBtc,
  fromTypeScript,
  printDiagnostics,
  type ReportedDiagnostic,
} from './report.ts';
import { catchStrayErrors, type StrayErrors } from './stray-errors.ts';
import { style } from './style.ts';
import type { TargetName } from './targets.ts';
import { unguarded } from './terminal.ts';
import { watchFiles } from './watch.ts';

export interface BuildCommandOptions {
  readonly outDir: string;
  readonly target: readonly TargetName[];
  readonly budget?: number;
  readonly set?: Readonly<Record<string, OptionValue>>;
  readonly noEmit?: boolean;
  readonly watch?: boolean;
  readonly pretty?: boolean;
  readonly project?: string;
  readonly printAfter?: string;
  readonly contractions?: 'time' | 'macs';
  readonly recompute?: RecomputeStrategy;
  readonly swap?: SwapPolicy;
  readonly hostBudget?: number;
  readonly spillBudget?: number;
  /** Files. */
  readonly profile?: readonly string[];
}

/** What came of one model file. */
interface BuiltFile {
  readonly base: string;
  readonly diagnostics: readonly ReportedDiagnostic[];
  readonly outputs: readonly OutputFile[];
  readonly summary: readonly string[];
  /** The files that the model is made of. */
  readonly sources: readonly string[];
  /** Those, and others that a change of would change the result. */
  readonly watched: readonly string[];
}

/** Exit codes of tsc: 0, 1 (errors, no outputs) and 2 (errors, some outputs). */
const SOME_FAILED = 2;

export async function buildCommand(
  files: readonly string[],
  options: BuildCommandOptions,
): Promise<number> {
  const stray = catchStrayErrors((problem) => {
    const format = pretty(options) ? formatPretty : formatPlain;
    process.stdout.write(`${format(fromBtc(problem))}\n`);
    // The outputs are written by now.
    process.exitCode ||= options.noEmit ? 1 : SOME_FAILED;
  });
  if (!options.watch) return (await buildAll(files, options, stray)).exitCode;
  await watchFiles(async () => (await buildAll(files, options, stray)).watched, pretty(options));
  return 0;
}

function pretty({ pretty: asked }: BuildCommandOptions): boolean {
  return asked ?? process.stdout.isTTY ?? false;
}

async function buildAll(
  files: readonly string[],
  options: BuildCommandOptions,
  stray: StrayErrors,
): Promise<{ exitCode: number; watched: readonly string[] }> {
  const print = (diagnostics: readonly ReportedDiagnostic[]) =>
    printDiagnostics(diagnostics, pretty(options), (text) => process.stdout.write(text));
  const clashes = findClashes(files, options.outDir);
  if (clashes.length > 0) {
    print(clashes.map(fromBtc));
    return { exitCode: 1, watched: files };
  }
  const profiles = await readProfiles(options);
  if ('diagnostics' in profiles) {
    print(profiles.diagnostics.map(fromBtc));
    return { exitCode: 1, watched: [...files, ...(options.profile ?? [])] };
  }
  const built: BuiltFile[] = [];
  // One after the other: the language keeps one source mapper.
  for (const file of files) built.push(await buildFile(file, options, profiles.byTarget, stray));
  const diagnostics = built.flatMap((file) => file.diagnostics);
  let succeeded = 0;
  for (const file of built) {
    if (file.outputs.length === 0) continue;
    const problem = options.noEmit ? null : await emit(file, options.outDir);
    if (problem) {
      diagnostics.push(fromBtc(problem));
    } else {
      for (const line of file.summary) console.log(line);
      succeeded++;
    }
  }
  print(diagnostics);
  const failed = diagnostics.some(({ category }) => category === 'error');
  return {
    exitCode: !failed ? 0 : succeeded > 0 ? SOME_FAILED : 1,
    watched: [...built.flatMap((file) => file.watched), ...(options.profile ?? [])],
  };
}

type Profiles = ReadonlyMap<TargetName, DeviceProfile>;

/** The profiles that are given, each of a target that is built. */
async function readProfiles({
  profile: files = [],
  target: targets,
}: BuildCommandOptions): Promise<
  { readonly byTarget: Profiles } | { readonly diagnostics: readonly Diagnostic[] }
> {
  const byTarget = new Map<TargetName, DeviceProfile>();
  const diagnostics: Diagnostic[] = [];
  for (const file of files) {
    const read = await readProfileFile(file);
    if ('diagnostics' in read) {
      diagnostics.push(...read.diagnostics);
      continue;
    }
    diagnostics.push(...targetProblem(read.profile, targets));
    byTarget.set(read.profile.target, read.profile);
  }
  return diagnostics.length > 0 ? { diagnostics } : { byTarget };
}

/** Name that the outputs of a model file start with. */
function baseOf(file: string): string {
  return basename(file).replace(/\.[cm]?[jt]sx?$/, '');
}

/** BTC5004 for each base name that different files have. */
function findClashes(files: readonly string[], outDir: string): Diagnostic[] {
  const byOutput = new Map<string, string[]>();
  for (const file of new Map(files.map((path) => [resolve(path), path])).values()) {
    const base = ts.sys.useCaseSensitiveFileNames ? baseOf(file) : baseOf(file).toLowerCase();
    byOutput.set(base, [...(byOutput.get(base) ?? []), file]);
  }
  return [...byOutput.values()]
    .filter(({ length }) => length > 1)
    .map((same) =>
      diagnostic(5004, null, {
        output: join(outDir, `${baseOf(same[0])}.js`),
        files: same.map((file) => `'${file}'`).join(' and '),
      }),
    );
}

/** Puts the outputs of one model in their places; says what is in the way, if anything. */
async function emit(
  { base, outputs, sources }: BuiltFile,
  folder: string,
): Promise<Diagnostic | null> {
  const refuse = (file: string, reason: string) => diagnostic(5003, null, { file, reason });
  const paths = outputs.map(({ path }) => path);
  const own = new Set(sources.map((source) => resolve(source)));
  const overwritten = paths.find((path) => own.has(resolve(folder, path)));
  if (overwritten !== undefined)
    return refuse(join(folder, overwritten), 'it is a source file of the model');
  try {
    await writeOutputs(folder, outputs, await obsoleteOutputs(folder, base, paths));
    return null;
  } catch (error) {
    return refuse(folder, error instanceof Error ? error.message : String(error));
  }
}

async function buildFile(
  file: string,
  options: BuildCommandOptions,
  profiles: Profiles,
  stray: StrayErrors,
): Promise<BuiltFile> {
  const started = performance.now();
  const { result, found } = await stray.during(() =>
    unguarded(() => compileFile(file, options, profiles)),
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
    outputs: failed ? [] : outputsOf(base, results),
    summary: failed ? [] : summaryOf(file, base, options, results, performance.now() - started),
    sources: loaded.files,
    watched: [...loaded.files, ...loaded.awaited],
  };
}

async function compileFile(file: string, options: BuildCommandOptions, profiles: Profiles) {
  const loaded = await loadModel(file, {
    set: options.set ?? {},
    ...(options.project ? { project: options.project } : {}),
  });
  const problems: Diagnostic[] = [];
  const results = new Map<TargetName, CompileResult>();
  for (const target of loaded.model ? new Set(options.target) : []) {
    const profile = profiles.get(target);
    const result = await compile(loaded.model!, {
      target,
      ...(profile ? { profile } : {}),
      ...(options.budget === undefined ? {} : { budgetBytes: options.budget }),
      ...(options.recompute ? { recompute: options.recompute } : {}),
      ...(options.swap ? { swap: options.swap } : {}),
      ...(options.hostBudget === undefined ? {} : { hostBudgetBytes: options.hostBudget }),
      ...(options.spillBudget === undefined ? {} : { spillBudgetBytes: options.spillBudget }),
      ...(options.contractions ? { contractions: options.contractions } : {}),
      ...(options.printAfter
        ? { printAfter: (pass, text) => pass === options.printAfter && process.stdout.write(text) }
        : {}),
    });
    problems.push(...result.diagnostics);
    results.set(target, result);
  }
  return { loaded, results, problems };
}

function outputsOf(base: string, results: ReadonlyMap<TargetName, CompileResult>): OutputFile[] {
  const files: OutputFile[] = [];
  const plans = [...results].map(([target, { plan, module }]) => ({ target, plan: plan!, module }));
  for (const { target, plan, module } of plans) {
    const named = plan.module
      ? { ...plan, module: { ...plan.module, file: bareFileName(`${base}.wasm`) } }
      : plan;
    files.push({ path: `${base}.${target}.plan.json`, content: `${JSON.stringify(named)}\n` });
    if (module) files.push({ path: `${base}.wasm`, content: module });
  }
  const [first] = results.values();
  files.push({ path: `${base}.safetensors`, content: first.parameters! });
  files.push(
    ...loaderFiles(base, plans[0].plan, {
      webgpu: results.has('webgpu'),
      wasm: results.has('wasm'),
    }),
  );
  return files;
}

/** What was done to keep a budget: nothing to say where nothing was. */
function leversPulled({ memory, programs }: Plan): string {
  const all = Object.values(programs);
  const again = all.reduce((sum, { steps }) => sum + steps.filter((step) => step.again).length, 0);
  const transfers = all.reduce((sum, program) => sum + (program.transfers?.length ?? 0), 0);
  const parts = [
    ...(again > 0 ? [`${again} of them again`] : []),
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
  results: ReadonlyMap<TargetName, CompileResult>,
  milliseconds: number,
): string[] {
  const [plan] = [...results.values()].map((result) => result.plan!);
  const parameters = plan.tensors
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { bytes }) => sum + bytes / 4, 0);
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
      `  ${target.padEnd(6)} ${formatBytes(memory.deviceBytes)}${budget} on the device, ${kernels.length} kernels, steps: ${steps.join(', ')}${leversPulled(result.plan!)}`,
    );
  }
  return lines;
}
