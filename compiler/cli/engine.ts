import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';

/** V8's measure of how long a function runs before it is optimised; V8 11 takes 132 KiB. */
const BUDGET = 2_000_000;

/** Modules of Node that builds need later on. V8 takes the code that Node has of its own modules only as long as no flag is changed. */
const NEEDED = ['assert', 'crypto', 'fs/promises', 'perf_hooks', 'url', 'vm'];

/**
 * Has V8 optimise fewer functions. A build runs most of its code for a fraction of a second, in which V8 11 spends half of the
 * processor time on optimising what is hardly run afterwards: ResNet-152 takes twice as long with its setting as with this one. Later
 * versions have a compiler between the two for that (Maglev), and are left alone. It is for all threads of the process, and a thread that
 * starts afterwards takes 0.04 s longer: so each that compiles does this, once it runs.
 */
export function tuneEngine(): void {
  if (!process.versions.v8?.startsWith('11.') || process.versions['bun']) return;
  const require = createRequire(import.meta.url);
  for (const name of NEEDED) require(`node:${name}`);
  setFlagsFromString(`--interrupt-budget=${BUDGET}`);
}
