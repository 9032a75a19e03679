import { readFile } from 'node:fs/promises';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { displayPath } from '../load/positions.ts';
import type { BuiltFile } from './build.ts';
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
    return diagnostic(6065, null, { port, reason: (error as Error).message });
  }
}

/** What a terminal would show, without colours; null for nothing. */
function textOf(diagnostics: readonly ReportedDiagnostic[]): string | null {
  return diagnostics.length === 0
    ? null
    : inOrder(diagnostics)
        .map((one) => formatPlain(one))
        .join('\n');
}

/** The plans of the first target of each model, as the JSON of a `ViewInput`; undefined where none was made. */
async function inputOf(built: readonly BuiltFile[]): Promise<string | undefined> {
  const plans: string[] = [];
  for (const { base, outputs, sources } of built) {
    const plan = outputs.find(({ path }) => path.endsWith('.plan.json'));
    if (!plan) continue;
    // Plans are JSON already, and large ones are not parsed to be written again.
    const rest = JSON.stringify({ label: base, sources: await readSources(sources) });
    const text =
      typeof plan.content === 'string' ? plan.content : new TextDecoder().decode(plan.content);
    plans.push(`${rest.slice(0, -1)},"plan":${text}}`);
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
