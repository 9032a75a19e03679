import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { makeFolder } from '../../node/make-folder.ts';
import { releaseMark, takeMark } from './leftovers.ts';

/** What builds leave for later builds. All of it can be made again; nothing fails for want of it. */
export interface CacheFolder {
  /** Null where there is nothing of that name that can be trusted. */
  read(name: string): Buffer | null;
  write(name: string, content: string | Uint8Array): void;
}

/** Turns the cache off, or says where it is. */
export const CACHE_VARIABLE = 'BTC_CACHE';

/** What a cache is that was turned off. */
export const NO_CACHE: CacheFolder = { read: () => null, write: () => {} };
/** Entries that nobody wrote again for so long are removed. */
const LIFE_MS = 30 * 24 * 3_600_000;

/**
 * The user's cache: `$BTC_CACHE`, none where that is `off`, by default `btc` in the system's folder for the user's caches. Built
 * from sources there is none but by that name: sources change without a version.
 */
export function userCache(): CacheFolder {
  const given = process.env[CACHE_VARIABLE];
  if (given === 'off') return NO_CACHE;
  if (given) return cacheIn(given);
  const folder = import.meta.url.endsWith('.ts') ? null : systemFolder();
  return folder === null ? NO_CACHE : cacheIn(join(folder, 'btc'));
}

/** Null where the user has no folder at all. */
function systemFolder(): string | null {
  const { XDG_CACHE_HOME: given, LOCALAPPDATA: local } = process.env;
  if (process.platform === 'win32' && local) return local;
  if (given && isAbsolute(given)) return given;
  try {
    const home = homedir();
    // HOME may be set, and empty.
    if (!isAbsolute(home)) return null;
    return join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  } catch {
    // No variable says where it is, and the system does not know the user, as in some containers.
    return null;
  }
}

/** A cache in a folder, which is made where it is not there. What others could have written is not read: it holds code. */
export function cacheIn(folder: string): CacheFolder {
  return {
    read(name) {
      try {
        return isOwn(folder) ? readFileSync(join(folder, name)) : null;
      } catch {
        return null;
      }
    },
    write(name, content) {
      const mark = takeMark();
      const written = join(folder, `${name}.${mark}`);
      try {
        makeFolder(folder, 0o700);
        if (!isOwn(folder)) return;
        writeFileSync(written, content, { mode: 0o600 });
        renameSync(written, join(folder, name));
        removeOld(folder);
      } catch {
        // A full or read-only disk, a file in its place: the next build does the work again.
        remove(written);
      } finally {
        releaseMark(mark);
      }
    },
  };
}

/** Whether a folder is this user's, and nobody else may write there. */
function isOwn(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return !process.getuid || (uid === process.getuid() && (mode & 0o022) === 0);
}

function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = statSync(path);
    if (Date.now() - mtimeMs > LIFE_MS) remove(path);
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is not there, nor is its folder.
  }
}

export const digestOf = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');
