import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { style } from './style.ts';

const POLL_MS = 250;
/** Changes within this time are one: an editor's save is several. */
const DEBOUNCE_MS = 100;

/**
 * Builds, and rebuilds whenever one of the files that the last build named changes, vanishes or appears. Ends only with the process.
 * A build never overlaps another.
 */
export async function watchFiles(
  build: () => Promise<readonly string[]>,
  pretty: boolean,
): Promise<void> {
  announce('Starting compilation in watch mode...', pretty);
  for (;;) {
    const started = Date.now();
    const files = await build();
    announce('Watching for file changes.', pretty);
    await nextChange([...new Set(files)], started);
    announce('File change detected. Starting incremental compilation...', pretty);
  }
}

/** Waits until files differ from what they are now, or one was written since `started`: the build may have read it before. */
async function nextChange(files: readonly string[], started: number): Promise<void> {
  const known = files.map(stampOf);
  const now = Date.now();
  let changed = known.some(({ written }) => written > started && written <= now);
  while (!changed) {
    await sleep(POLL_MS);
    changed = differ(known, files.map(stampOf));
  }
  for (let before = files.map(stampOf); ; ) {
    await sleep(DEBOUNCE_MS);
    const after = files.map(stampOf);
    if (!differ(before, after)) return;
    before = after;
  }
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
  return before.some(
    ({ written, size }, k) => written !== after[k].written || size !== after[k].size,
  );
}

function announce(message: string, pretty: boolean): void {
  const time = new Date().toLocaleTimeString();
  process.stdout.write(pretty ? `[${style.gray(time)}] ${message}\n\n` : `${time} - ${message}\n`);
}
