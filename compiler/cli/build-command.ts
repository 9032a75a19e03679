import { join, resolve } from 'node:path';
import { append } from '../../ir/lists.ts';
import type { Target } from '../../ir/plan.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { sweepTemporary } from '../load/leftovers.ts';
import type { CodeUse } from '../load/own-code.ts';
import type { DeviceProfile } from '../profile/profile.ts';
import { PROFILE_NAMES } from '../profile/shipped.ts';
import { baseOf } from './base-name.ts';
import type { BuildCommandOptions, BuiltFile, Profiles } from './build.ts';
import { buildShown } from './build-progress.ts';
import { type Builder, type BuildJob, startBuilder } from './builder.ts';
import { type Checker, startChecker } from './checker.ts';
import { writeOutputs } from './emit.ts';
import { reasonOf } from './file-reason.ts';
import { idleBuildOptions } from './idle-options.ts';
import { saidWhenInterrupted } from './interrupted.ts';
import { recoverFolder } from './journal.ts';
import { obsoleteOutputs } from './obsolete.ts';
import { folderProblem } from './output-problem.ts';
import { fromBtc, printDiagnostics, type ReportedDiagnostic } from './report.ts';
import { style } from './style.ts';
import { type Round, watchFiles } from './watch.ts';

/** What `--profile` and `--limits` take that is no file. */
const NAMES: ReadonlySet<string> = new Set(['default', 'adapter', ...PROFILE_NAMES]);

/** Exit codes of tsc: 0, 1 (errors, no outputs) and 2 (errors, some outputs). */
const SOME_FAILED = 2;

export async function buildCommand(
  files: readonly string[],
  options: BuildCommandOptions,
): Promise<number> {
  const problem = viewProblem(options);
  if (problem) {
    printAll(options, [fromBtc(problem)]);
    return 1;
  }
  const isRepeated = options.watch === true || files.length > 1;
  const threads: Threads = { checker: isRepeated ? startChecker() : null, spare: null };
  if (!options.watch) {
    const { exitCode } = await buildAll(files, options, threads);
    await threads.checker?.end();
    return exitCode;
  }
  const live = options.view
    ? await (await import('./live-page.ts')).startLivePage(options.port ?? 0)
    : null;
  if (live && 'code' in live) {
    printAll(options, [fromBtc(live)]);
    await threads.checker?.end();
    return 1;
  }
  if (live) console.log(`page: ${style.bold(live.url)}`);
  await watchFiles(async (round) => {
    live?.begin();
    const { watched, built, diagnostics } = await buildAll(files, options, threads, round);
    if (!round.overtaken.aborted) await live?.show(built, diagnostics);
    // It loads the compiler before the next change.
    threads.spare ??= startBuilder(useOf(options));
    return watched;
  }, pretty(options));
  return 0;
}

/** What outlives the build of one model. */
interface Threads {
  /** Null where there is one build: its own thread checks types. */
  readonly checker: Checker | null;
  /** A thread for the next model. */
  spare: Builder | null;
}

function pretty({ pretty: asked }: BuildCommandOptions): boolean {
  return asked ?? process.stdout.isTTY ?? false;
}

function printAll(options: BuildCommandOptions, diagnostics: readonly ReportedDiagnostic[]): void {
  printDiagnostics(diagnostics, pretty(options), (text) => process.stdout.write(text));
}

/** A page shows builds as they come, and what they write. */
function viewProblem({ view, watch, noEmit, port }: BuildCommandOptions): Diagnostic | null {
  if (view && !watch) return diagnostic(6018, null, { option: '--watch', usage: '' });
  if (view && noEmit) return diagnostic(6016, null, { option: '--view', other: '--noEmit' });
  if (port !== undefined && !view) return diagnostic(6018, null, { option: '--view', usage: '' });
  return null;
}

/** What came of all models. */
interface Built {
  readonly exitCode: number;
  readonly watched: readonly string[];
  readonly built: readonly BuiltFile[];
  readonly diagnostics: readonly ReportedDiagnostic[];
}

async function buildAll(
  files: readonly string[],
  options: BuildCommandOptions,
  threads: Threads,
  round?: Round,
): Promise<Built> {
  sweepTemporary();
  const named = [...(options.profile ?? []), ...(options.limits ? [options.limits] : [])];
  const watched = [...files, ...named.filter((given) => !NAMES.has(given))];
  round?.watch(watched);
  const unfit = options.noEmit ? null : await folderProblem(options.outDir);
  const clashes = [...(unfit ? [unfit] : []), ...findClashes(files, options.outDir)];
  const profiles = await readProfiles(options);
  const limits = await readLimits(options);
  const refused =
    clashes.length > 0
      ? clashes
      : [...profiles.diagnostics, ...('diagnostics' in limits ? limits.diagnostics : [])];
  if (refused.length > 0) {
    const diagnostics = refused.map(fromBtc);
    printAll(options, diagnostics);
    return { exitCode: 1, watched, built: [], diagnostics };
  }
  if (!options.noEmit) await recoverFolder(options.outDir).catch(() => {});
  const found = 'limits' in limits ? limits.limits : null;
  const job = { options, profiles: profiles.byTarget, limits: found };
  const build = () => buildFiles(files, job, threads, round);
  // Whoever ends a watch means to.
  const built = await (round ? build() : saidWhenInterrupted(build));
  if (round?.overtaken.aborted) return { exitCode: 1, watched, built: [], diagnostics: [] };
  const diagnostics = [
    ...idleBuildOptions(options, found).map(fromBtc),
    ...built.flatMap((file) => file.diagnostics),
  ];
  let succeeded = 0;
  for (const file of built) {
    if (file.summary.length === 0) continue;
    const problem = options.noEmit ? null : await emit(file, options.outDir);
    if (problem) {
      diagnostics.push(fromBtc(problem));
    } else {
      for (const line of file.summary) console.log(line);
      succeeded++;
    }
  }
  printAll(options, diagnostics);
  const failed = diagnostics.some(({ category }) => category === 'error');
  return {
    exitCode: !failed ? 0 : succeeded > 0 ? SOME_FAILED : 1,
    watched: [...watched, ...built.flatMap((file) => file.watched)],
    ...{ built, diagnostics },
  };
}

/** One after the other, each in a thread of its own: what one model does to its globals or leaves running is no other's. */
async function buildFiles(
  files: readonly string[],
  job: Omit<BuildJob, 'file'>,
  threads: Threads,
  round?: Round,
): Promise<BuiltFile[]> {
  const built: BuiltFile[] = [];
  const use = useOf(job.options);
  for (const [k, file] of files.entries()) {
    const builder = threads.spare ?? startBuilder(use);
    // It loads the compiler while this one works.
    threads.spare = k + 1 < files.length ? startBuilder(use) : null;
    const found = await threads.checker?.check(file, job.options.project);
    const checked = found ? { checked: found.model } : {};
    const hooks = round ? { overtaken: round.overtaken, onWatched: round.watch } : {};
    built.push(await buildShown(builder, { file, ...job, ...checked }, hooks));
    if (round?.overtaken.aborted) break;
  }
  return built;
}

/** A check runs less code than a build does. */
const useOf = ({ noEmit }: BuildCommandOptions): CodeUse => (noEmit ? 'check' : 'build');

/** The profiles that are given, each of a target that is built. */
export async function readProfiles({
  profile: files = [],
  target: targets,
}: Pick<BuildCommandOptions, 'profile' | 'target'>): Promise<{
  readonly byTarget: Profiles;
  readonly diagnostics: readonly Diagnostic[];
}> {
  const byTarget = new Map<Target, DeviceProfile>();
  const diagnostics: Diagnostic[] = [];
  for (const file of files) {
    const { findProfile } = await import('./profile-file.ts');
    const { targetProblem } = await import('../profile/check.ts');
    const read = await findProfile(file);
    if ('diagnostics' in read) {
      append(diagnostics, read.diagnostics);
      continue;
    }
    append(diagnostics, targetProblem(read.profile, targets));
    byTarget.set(read.profile.target, read.profile);
  }
  return { byTarget, diagnostics };
}

/** The limits that `--limits` names. */
export async function readLimits({ limits, target }: BuildCommandOptions) {
  if (limits === undefined) return { limits: null };
  const { findLimits } = await import('./limits-option.ts');
  return findLimits(limits, target);
}

/** BTC5004 for each base name that different files have. */
function findClashes(files: readonly string[], outDir: string): Diagnostic[] {
  const caseSensitive = !['win32', 'darwin'].includes(process.platform);
  const byOutput = new Map<string, string[]>();
  for (const file of new Map(files.map((path) => [resolve(path), path])).values()) {
    const base = caseSensitive ? baseOf(file) : baseOf(file).toLowerCase();
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
    return refuse(folder, reasonOf(error));
  }
}
