import { isAscii } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import Module from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { type CacheFolder, digestOf, NO_CACHE } from './cache-folder.ts';

// V8 compiles the functions that are called, each when it is called first. For a build that runs for a second, this takes a quarter of it.
// What V8 has compiled of a file is kept for the next process, by V8's own means (`cachedData`). V8 checks it for its version, its
// flags and the length of the file; all else is checked here.

/** A CommonJS file that ran. */
export interface KeptCode {
  readonly exports: unknown;
  /** Keeps the code of what it has done so far, where none is kept. Nothing fails for want of it. */
  keep(): void;
}

export interface KeptCodeOptions {
  readonly cache: CacheFolder;
  readonly require: NodeJS.Require;
  /** Code for one use is less than all, and takes less time to read; each has an entry of its own. */
  readonly use?: string;
  /** Told of the module before it runs: those that it requires may require it. */
  readonly onMade?: (module: NodeJS.Module) => void;
}

/** Runs a file as Node would, with the code of it that an earlier process has kept. */
export function runKept(
  file: string,
  { cache, require, use = '', onMade }: KeptCodeOptions,
): KeptCode {
  const name = nameOfCode(file, use);
  const cachedData = unsealed(cache.read(name));
  const script = new Script(Module.wrap(textOf(file)), {
    filename: file,
    ...(cachedData ? { cachedData } : {}),
  });
  let isKept = cache === NO_CACHE || (cachedData !== null && !script.cachedDataRejected);
  const module = Object.assign(new Module(file), { filename: file });
  onMade?.(module);
  script.runInThisContext()(module.exports, require, module, file, dirname(file));
  module.loaded = true;
  return {
    exports: module.exports,
    keep() {
      if (!isKept) cache.write(name, sealed(script.createCachedData()));
      isKept = true;
    },
  };
}

/** The file as it is installed, for the V8 that runs. */
function nameOfCode(file: string, use: string): string {
  const { size, mtimeMs, ctimeMs, ino } = statSync(file);
  const key = [file, size, mtimeMs, ctimeMs, ino, process.versions.v8, process.arch, use];
  return `code-${digestOf(key.join()).slice(0, 32)}.bin`;
}

/** Latin-1 takes V8 a byte a character, and Node half the time. */
function textOf(file: string): string {
  const bytes = readFileSync(file);
  return isAscii(bytes) ? bytes.toString('latin1') : bytes.toString();
}

const DIGEST_BYTES = 32;

const sumOf = (data: Uint8Array) => createHash('sha256').update(data).digest();

/** With its digest in front. V8 takes what it is given, and may crash on what a disk has damaged. */
const sealed = (data: Uint8Array) => Buffer.concat([sumOf(data), data]);

function unsealed(bytes: Buffer | null): Buffer | null {
  if (!bytes || bytes.length <= DIGEST_BYTES) return null;
  const data = bytes.subarray(DIGEST_BYTES);
  return sumOf(data).equals(bytes.subarray(0, DIGEST_BYTES)) ? data : null;
}
