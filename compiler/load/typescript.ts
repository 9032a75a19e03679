import { isAscii } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import type ts from 'typescript';
import { digestOf, NO_CACHE, userCache } from './cache-folder.ts';
import { TYPESCRIPT_FILE } from './typescript-file.ts';

// The TypeScript compiler is nine megabytes of JavaScript. V8 compiles the functions that are called, each when it is called first,
// and that takes as long as checking a small model. What it has compiled is kept for the next process, by V8's own means
// (`cachedData`), which V8 checks for its version and flags.

const cache = userCache();
const own = createRequire(TYPESCRIPT_FILE);

/** The file as it is installed, for the V8 that runs: what V8 does not check itself is the source's text, but for its length. */
function nameOfCode(): string {
  const { size, mtimeMs, ctimeMs, ino } = statSync(TYPESCRIPT_FILE);
  const key = [TYPESCRIPT_FILE, size, mtimeMs, ctimeMs, ino, process.versions.v8, process.arch];
  return `typescript-${digestOf(key.join()).slice(0, 32)}.bin`;
}

let script: Script | null = null;
let isKept = false;

function load(): typeof ts {
  const name = nameOfCode();
  const cachedData = cache.read(name);
  const bytes = readFileSync(TYPESCRIPT_FILE);
  // Latin-1 takes V8 a byte a character, and Node half the time.
  const text = isAscii(bytes) ? bytes.toString('latin1') : bytes.toString();
  script = new Script(Module.wrap(text), {
    filename: TYPESCRIPT_FILE,
    ...(cachedData ? { cachedData } : {}),
  });
  isKept = cachedData !== null && !script.cachedDataRejected;
  const module = { exports: {} as typeof ts };
  script.runInThisContext()(module.exports, own, module, TYPESCRIPT_FILE, dirname(TYPESCRIPT_FILE));
  return module.exports;
}

/**
 * The TypeScript compiler. It is not imported: Node would parse its nine megabytes twice more, to find that they are CommonJS and
 * which names they export. Where this process has required it already, it is that one.
 */
export const typescript: typeof ts = own.cache[TYPESCRIPT_FILE]?.exports ?? load();

/** Keeps the code of what TypeScript has done so far for later processes, where none is kept. */
export function keepCode(): void {
  if (isKept || !script || cache === NO_CACHE) return;
  cache.write(nameOfCode(), script.createCachedData());
  isKept = true;
}
