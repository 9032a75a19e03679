import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { style } from './style.ts';

const POLL_MS = 250;
/** Changes within this time are one: an editor's save is several. */
const DEBOUNCE_MS = 100;

/** What a build in watch mode is told, and tells. */
export interface Round {
  /** Aborted when a file changes before the build is done, which then has no use: it shall end soon. */
  readonly overtaken: AbortSignal;
  /** Names files that the build is made of, before it is done. */
  watch(files: readonly string[]): void;
}

/**
 * Builds, and rebuilds whenever one of the files that the last build named changes, vanishes or appears: also while a build is under
 * way, as that of a model that never ends. Ends only with the process. A build never overlaps another.
 */
export async function watchFiles(
  build: (round: Round) => Promise<readonly string[]>,
  pretty: boolean,
): Promise<void> {
  announce('Starting compilation in watch mode...', pretty);
  for (let files: readonly string[] = []; ; ) {
    const watched = watchedFiles(Date.now());
    watched.add(files);
    const overtaken = new AbortController();
    const changed = watched.change().then(() => overtaken.abort());
    const named = await build({ overtaken: overtaken.signal, watch: watched.add });
    if (!overtaken.signal.aborted) {
      files = named;
      watched.add(files);
      announce('Watching for file changes.', pretty);
    }
    await changed;
    announce('File change detected. Starting incremental compilation...', pretty);
  }
}

interface WatchedFiles {
  add(files: readonly string[]): void;
  /** Settles when one of the files has changed, and none changes any more. */
  change(): Promise<void>;
}

/** Files from what they are when they are added; what was written since `started` has changed, as a build may have read it before. */
function watchedFiles(started: number): WatchedFiles {
  const known = new Map<string, Stamp>();
  let isLate = false;
  const stamps = () => [...known.keys()].map(stampOf);
  return {
    add: (files) => {
      for (const file of files) {
        if (known.has(file)) continue;
        const stamp = stampOf(file);
        known.set(file, stamp);
        isLate ||= stamp.written > started && stamp.written <= Date.now();
      }
    },
    change: async () => {
      while (!isLate && !differ([...known.values()], stamps())) await sleep(POLL_MS);
      for (let before = stamps(); ; ) {
        await sleep(DEBOUNCE_MS);
        const after = stamps();
        if (!differ(before, after)) return;
        before = after;
      }
    },
  };
}

interface Stamp {
  /** Milliseconds of the last change; 0 where there is no file. */
  readonly written: number;
  readonly size: number;
}

// Polling works where notifications do not: for paths that do not exist yet, and on network drives.
function stampOf(file: string): Stamp {
  try {
    const found = statSync(file);
    if (found.isFile()) return { written: found.mtimeMs, size: found.size };
  } catch {
    // Not there, or not to be seen.
  }
  return { written: 0, size: 0 };
}

function differ(before: readonly Stamp[], after: readonly Stamp[]): boolean {
  // Files that were added meanwhile are behind the others.
  return before.some(
    ({ written, size }, k) => written !== after[k].written || size !== after[k].size,
  );
}

function announce(message: string, pretty: boolean): void {
  const time = new Date().toLocaleTimeString();
  process.stdout.write(pretty ? `[${style.gray(time)}] ${message}\n\n` : `${time} - ${message}\n`);
}
