import { basename, dirname } from 'node:path';
import type { Plan } from '../../ir/plan.ts';
import type { SessionTrace } from '../../ir/trace.ts';
import { showProblem } from '../../view/data/viewed.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { formatBytes } from '../format.ts';
import { readChromeTrace } from '../inspect/read-chrome-trace.ts';
import { writeOutputs } from './emit.ts';
import { readJsonFile } from './file-kinds.ts';
import { unwritable } from './file-reason.ts';
import { outputProblem } from './output-problem.ts';
import { foreignProblem } from './own-files.ts';
import { readPlanFile } from './plan-file.ts';
import { formatPlain, fromBtc } from './report.ts';
import { MISSING, type SourceTexts, sourceTexts } from './source-texts.ts';
import { style } from './style.ts';
import { viewPage } from './view-page.ts';

export interface ViewCommandOptions {
  readonly output?: string;
  readonly trace?: string;
  /** False: without the text of the model. */
  readonly source?: boolean;
}

type Failed = { readonly diagnostic: Diagnostic };

/** Writes a page that shows plans, the first before the others. Exit code: 0, or 1 where nothing was written. */
export async function viewCommand(
  files: readonly string[],
  options: ViewCommandOptions,
): Promise<number> {
  const made = await makePage(files, options);
  if ('diagnostic' in made) {
    console.error(formatPlain(fromBtc(made.diagnostic)));
    return 1;
  }
  const size = formatBytes(Buffer.byteLength(made.page));
  console.log(`${style.bold(files.join(', '))} → ${made.output}  ${style.dim(size)}`);
  for (const line of sourceNotes(made.sources)) console.log(line);
  return 0;
}

interface Page {
  readonly output: string;
  readonly page: string;
  /** Of each plan. */
  readonly sources: readonly SourceTexts[];
}

async function makePage(
  files: readonly string[],
  { output = pageName(files[0]), trace, source = true }: ViewCommandOptions,
): Promise<Page | Failed> {
  const unfit = await outputProblem([...files, trace], { '--output': output }, 'made');
  if (unfit) return { diagnostic: unfit };
  const plans: { readonly plan: Plan; readonly label: string }[] = [];
  for (const file of files) {
    const read = await readPlanFile(file, (value) => {
      const reason = showProblem(value);
      return reason === null ? null : diagnostic(6061, null, { file, reason });
    });
    if ('diagnostic' in read) return read;
    plans.push({ plan: read.plan, label: basename(file).replace(/\.plan\.json$|\.json$/, '') });
  }
  const traced = trace === undefined ? null : await readTrace(trace, plans[0].plan);
  if (traced && 'diagnostic' in traced) return traced;
  const problem = await foreignProblem([['page', output]]);
  if (problem) return { diagnostic: problem };
  const sources = plans.map(({ plan }, k) => (source ? sourceTexts(plan, files[k]) : NO_SOURCES));
  const page = await viewPage({
    plans: plans.map((shown, k) => ({
      ...shown,
      ...(traced && k === 0 ? { trace: traced } : {}),
      sources: sources[k].texts,
    })),
  });
  try {
    await writeOutputs(dirname(output), [{ path: basename(output), content: page }]);
  } catch (error) {
    return { diagnostic: unwritable(output, error) };
  }
  return { output, page, sources };
}

const NO_SOURCES: SourceTexts = { texts: {}, missing: new Map() };

/** Which texts are in the page, so that nobody passes one on that he does not know of, and which are not. */
function sourceNotes(sources: readonly SourceTexts[]): string[] {
  const names = [...new Set(sources.flatMap(({ texts }) => Object.keys(texts)))];
  const missing = [...new Map(sources.flatMap((each) => [...each.missing]))].filter(
    ([name]) => !names.includes(name),
  );
  const without = Object.entries(MISSING).flatMap(([why, said]) => {
    const those = missing.flatMap(([name, one]) => (one === why ? [name] : []));
    return those.length > 0 ? [`  without the text of ${those.join(', ')}: ${said}`] : [];
  });
  return [
    ...(names.length > 0
      ? [`  with the text of ${names.join(', ')} (--no-source leaves it out)`]
      : []),
    ...without,
  ];
}

/** `out/model.webgpu.html` of `out/model.webgpu.plan.json`, beside it. */
function pageName(file: string): string {
  return `${file.replace(/(\.plan)?\.json$/, '')}.html`;
}

async function readTrace(
  file: string,
  plan: Plan,
): Promise<{ readonly trace: SessionTrace; readonly device: string } | Failed> {
  const read = await readJsonFile(file, 'trace');
  if ('diagnostic' in read) return read;
  const found = readChromeTrace(read.value, plan);
  return 'reason' in found
    ? { diagnostic: diagnostic(6030, null, { file, reason: found.reason }) }
    : found;
}
