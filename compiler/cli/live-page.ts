import { readFile } from 'node:fs/promises';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { displayPath } from '../load/positions.ts';
import type { BuiltFile } from './build.ts';
import { fileReason } from './file-reason.ts';
import { startLiveServer } from './live-server.ts';
import { formatPlain, inOrder, type ReportedDiagnostic } from './report.ts';
import { livePage } from './view-page.ts';

/** The page of `btc build --watch --view`. */
export interface LivePage {
  readonly url: string;
  /** A build has begun. */
  begin(): void;
  /** What came of it: new plans are shown; without any, the last ones stay, with what is wrong beside them. */
  show(built: readonly BuiltFile[], diagnostics: readonly ReportedDiagnostic[]): Promise<void>;
}

const PLAN_END = '.plan.json';

/** Serves a page that shows builds as they come; BTC6065 where that cannot be. */
export async function startLivePage(port: number): Promise<LivePage | Diagnostic> {
  const page = await livePage();
  try {
    const { url, tell } = await startLiveServer(page, port);
    return {
      url,
      begin: () => tell('building…'),
      show: async (built, diagnostics) => tell(textOf(diagnostics), await inputOf(built)),
    };
  } catch (error) {
    return diagnostic(6065, null, { port, reason: portReason(error) });
  }
}

function portReason(error: unknown): string {
  const isKept = (error as NodeJS.ErrnoException).code === 'EACCES';
  return isKept ? 'the system keeps it, as most keep those below 1024' : fileReason(error);
}

/** What a terminal would show, without colours; null for nothing. */
function textOf(diagnostics: readonly ReportedDiagnostic[]): string | null {
  return diagnostics.length === 0
    ? null
    : inOrder(diagnostics)
        .map((one) => formatPlain(one))
        .join('\n');
}

/** The plans of all models for all targets, as the JSON of a `ViewInput`; undefined where none was made. */
async function inputOf(built: readonly BuiltFile[]): Promise<string | undefined> {
  const plans: string[] = [];
  for (const { outputs, sources } of built) {
    const own = outputs.filter(({ path }) => path.endsWith(PLAN_END));
    if (own.length === 0) continue;
    const texts = await readSources(sources);
    for (const { path, content } of own) {
      const rest = JSON.stringify({ label: path.slice(0, -PLAN_END.length), sources: texts });
      // Plans are JSON already, and large ones are not parsed to be written again.
      const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
      plans.push(`${rest.slice(0, -1)},"plan":${text}}`);
    }
  }
  return plans.length === 0 ? undefined : `{"plans":[${plans.join(',')}]}`;
}

/** Texts of the model's own files, by the names that plans have for them; what has vanished meanwhile is left out. */
async function readSources(files: readonly string[]): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) texts[displayPath(file)] = text;
  }
  return texts;
}
