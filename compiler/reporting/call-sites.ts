import { isPackageFrame, type SourceSpan } from '../../ir/source.ts';
import { type StackSite, sitesOfError, stackSites } from './stack.ts';
import { notedSpan } from './thrown.ts';

/** Turns a position in code as it runs into one in the user's source; null when the position is not the user's. */
export type SourceMapper = (file: string, line: number, column: number) => SourceSpan | null;

/** Folders of btc itself, whose frames are skipped; where all of it is one file without a folder, that file. */
const OWN = ['../', '../../ir/'].map(ownPlace);
/** Frames looked at where an enclosing call is known: functions of btc and of the user out to that. */
const FEW_FRAMES = 10;
/** The same where it is known of the call around that. */
const MORE_FRAMES = 24;
/** Frames looked at first: functions over functions of btc, out to the function that runs the user's. */
const SOME_FRAMES = 100;
/** The same in deep recursion. */
const ALL_FRAMES = 20_000;
/** The functions of btc that run the user's: what called those is none of the model. */
const OUTERMOST: readonly string[] = ['traceModel', 'withOptions'];

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
  known.clear();
}

/** Where btc was called, and the name of the function that was called where it has one. */
export interface Call {
  /** The innermost frame outside btc, and the calls that led there. */
  readonly span: SourceSpan | null;
  readonly callee: string | null;
  /** As `callee`; of a function that one of btc's layers called, where that has no such name. */
  readonly within: string | null;
}

/** What a frame says: a function of btc's, a place in the user's files, or neither. */
type Frame = { readonly own: string } | SourceSpan | null;

/** By file, and by line and column in it. */
const known = new Map<string, Map<number, Frame>>();

function frameAt(site: StackSite): Frame {
  const file = site.getFileName();
  if (!file) return null;
  // Lines and columns take V8 long to find, and of btc's own functions the names say it all.
  if (isOwn(file)) return ownFrame(site.getFunctionName() ?? '');
  const [line, column] = [site.getLineNumber() ?? 1, site.getColumnNumber() ?? 1];
  return frameOf(file, line, column, () => site.getFunctionName() ?? '');
}

const ownFiles = new Map<string, boolean>();

function isOwn(file: string): boolean {
  let own = ownFiles.get(file);
  if (own === undefined) {
    own = OWN.some((folder) => pathOf(file).startsWith(folder));
    ownFiles.set(file, own);
  }
  return own;
}

const ownFrames = new Map<string, Frame>();

/** The function of btc of that name, which may have the name of a class before it. */
function ownFrame(name: string): Frame {
  let frame = ownFrames.get(name);
  if (frame === undefined) {
    frame = { own: name.replace(/^.*\./, '') };
    ownFrames.set(name, frame);
  }
  return frame;
}

function frameOf(file: string, line: number, column: number, nameOf: () => string): Frame {
  if (file.startsWith('node:')) return null;
  let places = known.get(file);
  if (!places) {
    places = new Map();
    known.set(file, places);
  }
  const key = line * 2 ** 20 + column;
  let frame = places.get(key);
  if (frame === undefined) {
    frame = isOwn(file)
      ? ownFrame(nameOf())
      : mapper
        ? mapper(file, line, column)
        : { file: pathOf(file), line, column };
    places.set(key, frame);
  }
  return frame;
}

/** The user's expression that is being evaluated, and the calls that led there. */
export function currentSpan(): SourceSpan | null {
  return (single ?? currentCall()).span;
}

/** A part of the calls, innermost first: user frames, and what functions of btc say before the first of them. */
interface Part {
  readonly frames: readonly SourceSpan[];
  readonly callee: string | null;
  readonly within: string | null;
}

/** A call of {@link enclosed} that lasts. */
interface Enclosure {
  readonly outer: Enclosure | null;
  /** What is around it, once that is known. */
  around: Part | null;
}

let innermost: Enclosure | null = null;

/** Runs `fn`. What is around this call stays the same while it lasts, so stacks are looked at this far and no further. */
export function enclosed<T>(fn: () => T): T {
  const outer = innermost;
  innermost = { outer, around: null };
  try {
    return fn();
  } finally {
    innermost = outer;
  }
}

/** A call of the user's in which nothing but btc runs: all of it is at one expression. */
let single: Call | null = null;
/** Of what runs now, the outermost function that has a name in messages; null where none has one so far, undefined where nobody said. */
let partOfSingle: string | null | undefined;
let isEveryStackRead = false;

/** For tests: reads the stack at each call, as if nobody knew anything of it. */
export function readEveryStack(isRead: boolean): void {
  isEveryStackRead = isRead;
}

/** Runs `fn`, which calls no function of the user's that calls btc: where it was called is looked at once. */
export function inOneCall<T>(fn: () => T): T {
  if (single || isEveryStackRead) return fn();
  single = currentCall();
  try {
    return fn();
  } finally {
    single = null;
  }
}

/**
 * A function of btc as code of {@link inOneCall} calls it that no function of a name is around: the stack has nothing to tell of what it
 * does. `name` is the one of {@link nameFunctions}. One that has none calls such functions as its parts too, `isInner`: those count where
 * nothing but it is around.
 */
export function asPart<Given extends readonly unknown[], Result>(
  name: string | null,
  fn: (...given: Given) => Result,
  isInner = false,
): (...given: Given) => Result {
  return (...given) => {
    const outer = partOfSingle;
    const isKnown = isInner ? outer !== null : typeof outer === 'string';
    if (!single || isKnown) return fn(...given);
    partOfSingle = name;
    try {
      return fn(...given);
    } finally {
      partOfSingle = outer;
    }
  };
}

/** As {@link currentSpan}, with the function of btc that this expression calls. */
export function currentCall(): Call {
  if (single?.within) return single;
  if (single && partOfSingle !== undefined) return { ...single, within: partOfSingle };
  const nearest = innermost?.around ? FEW_FRAMES : innermost?.outer?.around ? MORE_FRAMES : null;
  return (nearest && callIn(nearest)) ?? callIn(SOME_FRAMES) ?? callIn(ALL_FRAMES)!;
}

/** Null where the stack has more frames than were looked at. */
function callIn(most: number): Call | null {
  const sites = stackSites(most, currentCall);
  let frames: SourceSpan[] = [];
  let [callee, within]: (string | null)[] = [null, null];
  /** Enclosures that were passed, and what is inside of each. */
  const passed: { readonly enclosure: Enclosure; readonly inside: Part }[] = [];
  let next = innermost;
  let around: Part | null = null;
  for (const site of sites) {
    const frame = frameAt(site);
    if (!frame) continue;
    if (!('own' in frame)) frames.push(frame);
    else if (OUTERMOST.includes(frame.own)) {
      around = { frames, callee, within };
      break;
    } else if (next && frame.own === enclosed.name) {
      passed.push({ enclosure: next, inside: { frames, callee, within } });
      around = next.around;
      if (around) break;
      [frames, callee, within, next] = [[], null, null, next.outer];
    } else if (frames.length === 0) {
      callee = callees.has(frame.own) ? frame.own : null;
      within = callee ?? within;
    }
  }
  if (!around && sites.length === most && most < ALL_FRAMES) return null;
  const isKnown = around !== null;
  let all = around ?? { frames, callee, within };
  for (const { enclosure, inside } of passed.reverse()) {
    if (isKnown) enclosure.around = all;
    all = joined(inside, all);
  }
  const calls = [...all.frames];
  // Code at the top of a module: what loaded the module is none of the user's.
  while (!isKnown && calls.length > 0 && isPackageFrame(calls[calls.length - 1])) calls.pop();
  return { span: callsOf(calls), callee: all.callee, within: all.within };
}

function joined(inside: Part, around: Part): Part {
  if (inside.frames.length > 0) return { ...inside, frames: [...inside.frames, ...around.frames] };
  return { ...around, within: around.within ?? inside.within };
}

/** Per frame, null for none around it: what it has become as the inner one of calls. */
const chains = new WeakMap<SourceSpan, WeakMap<SourceSpan, SourceSpan>>();
const NOTHING_AROUND: SourceSpan = { file: '', line: 0, column: 0 };

/**
 * Frames, innermost first, as one span in its calls; equal ones are one object. A recursion is gone through once, so that its depth
 * makes no new chains.
 */
function callsOf(frames: readonly SourceSpan[]): SourceSpan | null {
  const path: SourceSpan[] = [];
  for (const frame of frames.toReversed()) {
    const before = path.indexOf(frame);
    if (before >= 0) path.length = before;
    path.push(frame);
  }
  return path.reduce<SourceSpan | null>((from, frame) => {
    const around = from ?? NOTHING_AROUND;
    let inner = chains.get(around);
    if (!inner) {
      inner = new WeakMap();
      chains.set(around, inner);
    }
    let chain = inner.get(frame);
    if (!chain) {
      const { file, line, column } = frame;
      chain = { file, line, column, ...(from ? { from } : {}) };
      inner.set(frame, chain);
    }
    return chain;
  }, null);
}

/** Bundlers take `new URL(…, import.meta.url)` for a file that is to come along: the address is a name of its own. */
function ownPlace(folder: string): string {
  const url = import.meta.url;
  try {
    return pathOf(new URL(folder, url).href);
  } catch {
    // A page made the file out of text: `blob:` has no folders.
    return url;
  }
}

function pathOf(file: string): string {
  try {
    // As addresses have it, where CommonJS has the system's own path.
    if (/^[a-z]:\\/i.test(file)) return `/${file.replaceAll('\\', '/')}`;
    return file.startsWith('file:') ? decodeURIComponent(new URL(file).pathname) : file;
  } catch {
    // No address after all: a line of a stack may be anybody's text.
    return file;
  }
}

/** The user's expression at which an exception was thrown, and the calls that led there. Without a stack: as it was noted, if it was. */
export function spanOfError(error: unknown): SourceSpan | null {
  const frames: SourceSpan[] = [];
  for (const site of sitesOfError(error)) {
    const frame = frameAt(site);
    if (frame && !('own' in frame)) frames.push(frame);
    else if (frame && OUTERMOST.includes(frame.own)) break;
  }
  while (frames.length > 0 && isPackageFrame(frames[frames.length - 1])) frames.pop();
  return callsOf(frames) ?? notedSpan(error);
}

/**
 * The function of btc that an exception came out of, by the name that the user called it by; null where code of the user's threw it, or
 * nobody knows.
 */
export function thrower(error: unknown): string | null {
  let called: string | null = null;
  for (const site of sitesOfError(error)) {
    const frame = frameAt(site);
    if (!frame) continue;
    if (!('own' in frame)) return called;
    if (OUTERMOST.includes(frame.own)) return null;
    if (called === null || callees.has(frame.own) || !callees.has(called)) called = frame.own;
  }
  return null;
}
