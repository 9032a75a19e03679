import type { SourceSpan } from '../../ir/source.ts';

/** Turns a position in code as it runs into one in the user's source; null when the position is not the user's. */
export type SourceMapper = (file: string, line: number, column: number) => SourceSpan | null;

/** Files of btc itself, whose frames are skipped. */
const OWN = pathOf(new URL('../', import.meta.url).href);
/** Frames looked at: functions over functions of btc, down to the user's call. */
const MAX_FRAMES = 40;

let mapper: SourceMapper | null = null;
/** Names of the functions that messages may blame. */
const callees = new Set<string>();

/** Lets messages name the function that the user called, where it is one of these. */
export function nameFunctions(functions: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(functions))
    if (typeof value === 'function') callees.add(name);
}

/** Sets how positions map back to sources, for code that was emitted from TypeScript; null takes positions as they are. */
export function setSourceMapper(next: SourceMapper | null): void {
  mapper = next;
}

/** Where btc was called, and the name of the function that was called where it has one. */
export interface Call {
  readonly span: SourceSpan | null;
  readonly callee: string | null;
}

/** The user's expression that is being evaluated: the innermost frame outside btc. */
export function currentSpan(): SourceSpan | null {
  return currentCall().span;
}

/** As {@link currentSpan}, with the function of btc that this expression calls. */
export function currentCall(): Call {
  const { prepareStackTrace, stackTraceLimit } = Error;
  let sites: readonly NodeJS.CallSite[] = [];
  Error.stackTraceLimit = MAX_FRAMES;
  Error.prepareStackTrace = (_, frames) => {
    sites = frames;
    return '';
  };
  // Reading `stack` runs prepareStackTrace.
  void new Error().stack;
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
  let callee: string | null = null;
  for (const site of sites) {
    const file = site.getFileName();
    if (!file || file.startsWith('node:')) continue;
    if (pathOf(file).startsWith(OWN)) {
      const name = (site.getFunctionName() ?? '').replace(/^.*\./, '');
      callee = callees.has(name) ? name : null;
      continue;
    }
    const line = site.getLineNumber() ?? 1;
    const column = site.getColumnNumber() ?? 1;
    const span = mapper ? mapper(file, line, column) : { file: pathOf(file), line, column };
    if (span) return { span, callee };
  }
  return { span: null, callee: null };
}

function pathOf(file: string): string {
  try {
    return file.startsWith('file:') ? decodeURIComponent(new URL(file).pathname) : file;
  } catch {
    // No address after all: a line of a stack may be anybody's text.
    return file;
  }
}

/** The user's expression at which an exception was thrown. */
export function spanOfError(error: unknown): SourceSpan | null {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const [, file, line, column] of stack.matchAll(
    /^\s*at (?:.*? \()?(?:async )?((?:file:\/\/)?\/.*|[A-Za-z]:.*):(\d+):(\d+)\)?$/gm,
  )) {
    if (pathOf(file).startsWith(OWN)) continue;
    const span = mapper
      ? mapper(file, Number(line), Number(column))
      : { file: pathOf(file), line: Number(line), column: Number(column) };
    if (span) return span;
  }
  return null;
}
