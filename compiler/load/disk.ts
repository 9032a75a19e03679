import { readdirSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';

/** What type checking asks of the file system. */
export interface FileSystem {
  fileExists(path: string): boolean;
  directoryExists(path: string): boolean;
  /** Null where it cannot be read. */
  readBytes(path: string): Buffer | null;
  realpath(path: string): string;
  /** Names of the folders in a folder, in order. */
  getDirectories(path: string): string[];
}

/** The disk, as TypeScript's own host sees it. */
export const DISK: FileSystem = {
  fileExists: (path) => statOf(path)?.isFile() ?? false,
  directoryExists: (path) => statOf(path)?.isDirectory() ?? false,
  readBytes(path) {
    try {
      return readFileSync(path);
    } catch {
      return null;
    }
  },
  realpath(path) {
    try {
      return realpathSync.native(path);
    } catch {
      return path;
    }
  },
  getDirectories(path) {
    try {
      return readdirSync(path || '.', { withFileTypes: true })
        .filter((entry) =>
          (entry.isSymbolicLink() ? statOf(join(path, entry.name)) : entry)?.isDirectory(),
        )
        .map(({ name }) => name)
        .sort();
    } catch {
      return [];
    }
  },
};

/** Null where there is nothing, or nothing to be seen. */
export function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

/** The text of a file as TypeScript reads it: UTF-8, or UTF-16 by its mark; without the mark. */
export function decodedText(bytes: Buffer): string {
  const [first, second, third] = bytes;
  if (first === 0xfe && second === 0xff)
    return Buffer.from(bytes.subarray(0, bytes.length & ~1))
      .swap16()
      .toString('utf16le', 2);
  if (first === 0xff && second === 0xfe) return bytes.toString('utf16le', 2);
  return bytes.toString('utf8', first === 0xef && second === 0xbb && third === 0xbf ? 3 : 0);
}
