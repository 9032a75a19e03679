import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../../node/alive.ts';

/** Process ids of other machines, which may share a folder with this one, say nothing here. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 6);
/** What another machine left is dead after this time. */
const FOREIGN_MS = 3_600_000;

let counter = 0;
/** Marks of this process that are in use. */
const own = new Set<string>();

/** `btc-<host>-<process>-<number>`: the part of a temporary name that says whose it is. It is in use until it is released. */
export function takeMark(): string {
  const mark = `btc-${HOST}-${process.pid}-${counter++}`;
  own.add(mark);
  return mark;
}

export function releaseMark(mark: string): void {
  own.delete(mark);
}

/** The beginning of all marks of this process. */
export const OWN_PREFIX = `btc-${HOST}-${process.pid}-`;

/** Host and process are those that `takeMark` writes; names without a host are of this machine. */
const MARK = /btc-(?:([0-9a-f]{6})-)?(\d+)-([\w-]+)/;

/**
 * Whether the process that marked a name has ended. Of a process with the id of this one, what this one does not know: ids come
 * again, in containers at once.
 */
export function isAbandoned(name: string, writtenMs: number): boolean {
  const match = MARK.exec(name);
  if (!match) return false;
  const [mark, host, process_] = match;
  if (host !== undefined && host !== HOST) return Date.now() - writtenMs > FOREIGN_MS;
  if (Number(process_) !== process.pid) return !isAlive(Number(process_));
  return ![...own].some((taken) => mark.startsWith(taken));
}

/** Names in the system's folder of temporary files that are btc's: of emitted models, and spilled values. */
const TEMPORARY = /^btc-(?:[0-9a-f]{6}-)?\d+-[\w-]+(?:\.spill)?$/;

/** Removes what dead processes left in the folder of temporary files; with `ofThis`, what this process has there. */
export function sweepTemporary(ofThis = false): void {
  for (const name of namesIn(tmpdir())) {
    if (!TEMPORARY.test(name)) continue;
    try {
      const path = join(tmpdir(), name);
      const { mtimeMs, uid } = lstatSync(path);
      if (process.getuid && uid !== process.getuid()) continue;
      if (ofThis ? name.startsWith(OWN_PREFIX) : isAbandoned(name, mtimeMs))
        rmSync(path, { recursive: true, force: true });
    } catch {
      // Somebody else sweeps too, or it may not be removed.
    }
  }
}

/** Names in a folder; none where it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
