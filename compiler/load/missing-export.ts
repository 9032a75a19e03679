import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import type { SourceMapper } from '../reporting/call-sites.ts';
import { displayPath } from './positions.ts';

/** As V8 says it. */
const MESSAGE = /^The requested module '(.*)' does not provide an export named '(.*)'$/;
/** What Node puts above the stack: the importing file and line, and below its text the sign of the name. */
const HEAD = /^(file:.*):(\d+)\n.*\n( *)\^/;

/** Whether an import names what its module does not export. */
export const isMissingExport = (error: unknown): error is SyntaxError =>
  error instanceof SyntaxError && MESSAGE.test(error.message);

/** BTC5204, at the name that is imported. */
export async function missingExport(
  error: SyntaxError,
  placeOf: SourceMapper,
  nameOf: (module: string) => string,
): Promise<Diagnostic> {
  const [, requested, given] = MESSAGE.exec(error.message)!;
  const head = HEAD.exec(error.stack ?? '');
  const place = head && placeOf(head[1], Number(head[2]), head[3].length + 1);
  const url = head ? new URL(requested, head[1]).href : requested;
  // Nothing has run yet that the import would not have run.
  const among = await import(url).then(Object.keys, () => []);
  const module = displayPath(nameOf(url));
  return diagnostic(5204, place, { module, name: given }, { choice: { given, among } });
}
