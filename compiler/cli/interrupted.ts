import { writeFileAtOnce } from '../../node/atomic-file.ts';
import { type Ending, withCleanup } from './ending.ts';
import { unwritable } from './file-reason.ts';
import { formatPlain, fromBtc } from './report.ts';

/** Leaves what was found so far when a signal ends a command: what has taken minutes is not lost. `found` says what that is. */
export function keepFound(file: string, text: string, found: string): void {
  try {
    writeFileAtOnce(file, text);
    process.stderr.write(`interrupted: ${found} → ${file}\n`);
  } catch (error) {
    process.stderr.write(`${formatPlain(fromBtc(unwritable(file, error)))}\n`);
  }
}

/** What a signal leaves of a command that writes at its end. A reader who has gone is told nothing. */
export function sayInterrupted(ending: Ending, left: string): void {
  if ('signal' in ending) process.stderr.write(`interrupted: ${left}\n`);
}

/** Runs `task`, which writes nothing, and says so where a signal ends it. */
export const saidWhenInterrupted = <T>(task: () => Promise<T>): Promise<T> =>
  withCleanup((ending) => sayInterrupted(ending, 'nothing was written'), task);
