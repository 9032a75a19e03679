import { digestOf } from './cache-folder.ts';
import { DISK, type FileSystem, statOf } from './disk.ts';

/** All that was asked of the file system and answered, as plain data. */
export interface Answers {
  /** Milliseconds since 1970 when the first question was asked. */
  readonly since: number;
  /** Files that were read: how each stood there, and what was in it. */
  readonly read: readonly (readonly [path: string, stamp: string, digest: string])[];
  readonly files: readonly string[];
  readonly noFiles: readonly string[];
  readonly directories: readonly string[];
  readonly noDirectories: readonly string[];
  readonly realPaths: readonly (readonly [path: string, real: string])[];
  readonly lists: readonly (readonly [path: string, names: string])[];
}

/** File times are no finer than this everywhere. */
const COARSE_MS = 2_000;

/** A file system that keeps what it answers, and answers a question that comes again in the same way. */
export function recordAnswers(inner: FileSystem = DISK): {
  readonly system: FileSystem;
  readonly answers: () => Answers;
} {
  const since = Date.now();
  const bytes = new Map<string, Buffer | null>();
  const stamps = new Map<string, string>();
  const files = new Map<string, boolean>();
  const directories = new Map<string, boolean>();
  const realPaths = new Map<string, string>();
  const lists = new Map<string, string[]>();
  const system: FileSystem = {
    fileExists: once(files, inner.fileExists),
    directoryExists: once(directories, inner.directoryExists),
    readBytes: once(bytes, (path) => {
      stamps.set(path, stampOf(path));
      return inner.readBytes(path);
    }),
    realpath: once(realPaths, inner.realpath),
    getDirectories: once(lists, inner.getDirectories),
  };
  const answers = (): Answers => {
    const found = [...bytes].flatMap(([path, content]) => (content ? [{ path, content }] : []));
    const unread = [...bytes].filter(([, content]) => !content).map(([path]) => path);
    return {
      since,
      read: found.map(({ path, content }) => [path, stamps.get(path)!, digestOf(content)]),
      files: having(files, true).filter((path) => !bytes.get(path)),
      noFiles: [...new Set([...having(files, false), ...unread])],
      directories: having(directories, true),
      noDirectories: having(directories, false),
      realPaths: [...realPaths],
      lists: [...lists].map(([path, names]) => [path, names.join('/')]),
    };
  };
  return { system, answers };
}

/** Whether every question would be answered as before. */
export function stillHold(answers: Answers, system: FileSystem = DISK): boolean {
  return (
    answers.files.every(system.fileExists) &&
    !answers.noFiles.some(system.fileExists) &&
    answers.directories.every(system.directoryExists) &&
    !answers.noDirectories.some(system.directoryExists) &&
    answers.read.every(([path, stamp, digest]) => {
      if (isSettled(path, answers.since) && stampOf(path) === stamp) return true;
      const content = system.readBytes(path);
      return content !== null && digestOf(content) === digest;
    }) &&
    answers.realPaths.every(([path, real]) => system.realpath(path) === real) &&
    answers.lists.every(([path, names]) => system.getDirectories(path).join('/') === names)
  );
}

function once<T>(known: Map<string, T>, ask: (path: string) => T): (path: string) => T {
  return (path) => {
    if (!known.has(path)) known.set(path, ask(path));
    return known.get(path)!;
  };
}

const having = (map: ReadonlyMap<string, boolean>, wanted: boolean) =>
  [...map].filter(([, value]) => value === wanted).map(([path]) => path);

/** A file that was written when it was read, or just before, may have changed since and look as it did. */
function isSettled(path: string, since: number): boolean {
  const found = statOf(path);
  return found !== null && Math.max(found.mtimeMs, found.ctimeMs) < since - COARSE_MS;
}

/** How a file stands on the disk: another text where it was written since. Empty where there is none. */
export function stampOf(path: string): string {
  const found = statOf(path);
  return found ? `${found.size} ${found.mtimeMs} ${found.ctimeMs} ${found.ino}` : '';
}
