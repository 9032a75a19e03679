import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { NO_CACHE, userCache } from './cache-folder.ts';
import { type KeptCode, runKept } from './kept-code.ts';

// The compiler is shipped as chunks of CommonJS, for V8 keeps no code of ES modules in the Node of today. They are modules of Node's as
// all others: whoever requires one that ran here gets this instance, and so do the models that import the language.

/** What chunks import by: scripts have no `import()` of their own. */
const IMPORTER = './import-module.cjs';

/** Systems that run Node's programs without being Node have their own ways with code. */
const IS_OTHER = ['bun', 'deno'].some((name) => process.versions[name] !== undefined);

/** What code is run for. */
export type CodeUse = 'check' | 'build';

/** An entry of the compiler's own code. */
export interface OwnCode<Code> {
  readonly code: Code | Promise<Code>;
  /** Keeps what V8 has compiled for later processes. */
  readonly keep: () => void;
}

/**
 * Runs an entry of the compiler, with code that is kept where it is known what for.
 *
 * @param fromSource where the compiler runs from its sources
 */
export function ownCode<Code>(
  name: string,
  fromSource: () => Promise<Code>,
  use: CodeUse | null = null,
): OwnCode<Code> {
  if (import.meta.url.endsWith('.ts')) return { code: fromSource(), keep: () => {} };
  const require = createRequire(import.meta.url);
  const entry = require.resolve(`../chunks/${name}.cjs`);
  const cache = userCache();
  if (use === null || cache === NO_CACHE || IS_OTHER)
    return { code: require(entry) as Code, keep: () => {} };
  const ran: KeptCode[] = [];
  const load = (file: string): unknown => {
    const known = require.cache[file];
    if (known) return known.exports;
    const own = createRequire(file);
    const requireFrom = (asked: string) =>
      asked.startsWith('.') && asked !== IMPORTER
        ? load(resolve(dirname(file), asked))
        : own(asked);
    const kept = runKept(file, {
      ...{ cache, use, require: Object.assign(requireFrom, own) },
      onMade: (module) => {
        require.cache[file] = module;
      },
    });
    ran.push(kept);
    return kept.exports;
  };
  const code = load(entry) as Code;
  const keep = () => {
    for (const one of ran) one.keep();
  };
  return { code, keep };
}
