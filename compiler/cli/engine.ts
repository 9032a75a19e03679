import { setFlagsFromString } from 'node:v8';

/** V8's measure of how long a function runs before it is optimised; V8 11 takes 132 KiB. */
const BUDGET = 2_000_000;

/**
 * Has V8 optimise fewer functions. A build runs most of its code for a fraction of a second, in which V8 11 spends half of the
 * processor time on optimising what is then hardly run: ResNet-152 takes twice as long with its setting as with this one. Later
 * versions have a compiler between the two for that (Maglev), and are left alone. For threads that are started afterwards too.
 */
export function tuneEngine(): void {
  if (process.versions.v8?.startsWith('11.') && !process.versions['bun'])
    setFlagsFromString(`--interrupt-budget=${BUDGET}`);
}
