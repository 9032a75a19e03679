/** A call on the stack, as V8 tells it: lines and columns count from 1. What is not asked for costs nothing. */
export interface StackSite {
  /** A path or an address; null where the engine knows none. */
  getFileName(): string | null | undefined;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
  getFunctionName(): string | null;
}

type PrepareStackTrace = (error: Error, frames: readonly NodeJS.CallSite[]) => unknown;

/** What V8 adds to `Error`; other engines have some of it, or nothing. */
interface V8Error {
  stackTraceLimit?: number;
  prepareStackTrace?: PrepareStackTrace;
  captureStackTrace?: (holder: object, from: unknown) => void;
}

/**
 * The innermost calls, `most` of them, outside of the function `from`. V8 gives them as they are. Elsewhere they are read off the text
 * that engines write, which also holds `from` and what that called.
 */
export function stackSites(most: number, from: unknown): readonly StackSite[] {
  const engine = Error as unknown as V8Error;
  const { prepareStackTrace, stackTraceLimit } = engine;
  let sites = null as readonly StackSite[] | null;
  const holder: { stack?: string } = {};
  engine.stackTraceLimit = most;
  engine.prepareStackTrace = (_, frames) => {
    sites = frames;
    return '';
  };
  try {
    if (engine.captureStackTrace) engine.captureStackTrace(holder, from);
    else holder.stack = new Error().stack ?? '';
    // In V8, reading `stack` runs prepareStackTrace.
    const text = holder.stack ?? '';
    return sites ?? sitesIn(text).slice(0, most);
  } finally {
    engine.prepareStackTrace = prepareStackTrace;
    engine.stackTraceLimit = stackTraceLimit;
  }
}

/** The calls that led to an exception, innermost first; none where it says none. */
export function sitesOfError(error: unknown): readonly StackSite[] {
  return error instanceof Error ? sitesIn(error.stack ?? '') : [];
}

/** `at traceModel (file:///…/trace.js:3:14)`, `at /…/model.ts:3:14`, `at blob:null/1234:3:14`: V8. */
const V8_LINE =
  /^ *at (?:(?:async )?(?:new )?(.*?)(?: \[as [^\]]*\])? \()?((?:[a-z][\w+.-]+:|\/|[A-Za-z]:)[^\n]*?):(\d+):(\d+)\)?$/gm;
/** `traceModel@https://…/trace.js:3:14`: SpiderMonkey and JavaScriptCore. */
const OTHER_LINE = /^(?:async\*)?([^\n@]*)@((?:[a-z][\w+.-]+:|\/)[^\n]*?):(\d+):(\d+)$/gm;

/** The calls that the text of a stack tells of, in the form of any engine. */
export function sitesIn(stack: string): StackSite[] {
  const lines = [...stack.matchAll(V8_LINE)];
  return (lines.length > 0 ? lines : [...stack.matchAll(OTHER_LINE)]).map(
    ([, name = '', file, line, column]) => ({
      getFileName: () => file,
      getLineNumber: () => Number(line),
      getColumnNumber: () => Number(column),
      getFunctionName: () => name,
    }),
  );
}
