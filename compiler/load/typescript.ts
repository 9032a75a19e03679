import { createRequire } from 'node:module';
import type ts from 'typescript';
import { userCache } from './cache-folder.ts';
import { type KeptCode, runKept } from './kept-code.ts';
import { TYPESCRIPT_FILE } from './typescript-file.ts';

const own = createRequire(TYPESCRIPT_FILE);
let kept: KeptCode | null = null;

function load(): typeof ts {
  kept = runKept(TYPESCRIPT_FILE, { cache: userCache(), require: own });
  return kept.exports as typeof ts;
}

/**
 * The TypeScript compiler, with the code of its nine megabytes that is kept. It is not imported: Node would parse them twice more, to
 * find that they are CommonJS and which names they export. Where this process has required it already, it is that one.
 */
export const typescript: typeof ts = own.cache[TYPESCRIPT_FILE]?.exports ?? load();

/** Keeps the code of what TypeScript has done so far for later processes, where none is kept. */
export const keepCode = (): void => kept?.keep();
