import type { CompileProgress } from '../driver/progress.ts';
import { formatBytes, formatSeconds } from '../format.ts';
import { baseOf } from './base-name.ts';
import type { BuiltFile } from './build.ts';
import type { Builder, BuildHooks, BuildJob } from './builder.ts';
import { statusLine } from './progress.ts';

/** Builds that take less say nothing on the way. */
const QUIET_MS = 1000;

/** A build with a line on the terminal that says what it is at, and since when it runs. */
export async function buildShown(
  builder: Builder,
  job: BuildJob,
  hooks: Omit<BuildHooks, 'onProgress'> = {},
): Promise<BuiltFile> {
  const line = statusLine(true, QUIET_MS);
  const started = performance.now();
  const said = (what: string) => () =>
    `${baseOf(job.file)}, ${Math.round((performance.now() - started) / 1e3)} s: ${what}`;
  line.show(said('types'));
  try {
    return await builder.build(job, {
      ...hooks,
      onProgress: (target, progress) => line.show(said(`${target}, ${progressText(progress)}`)),
    });
  } finally {
    line.clear();
  }
}

export function progressText(progress: CompileProgress): string {
  if (progress.kind === 'pass') return progress.pass;
  if (progress.kind === 'initial') return 'initial values';
  const { budgetBytes, deviceBytes, seconds } = progress;
  if (deviceBytes > budgetBytes)
    return `searching: ${formatBytes(deviceBytes)}, over the budget of ${formatBytes(budgetBytes)}`;
  return `searching: ${formatSeconds(seconds)} a run within ${formatBytes(budgetBytes)}`;
}
