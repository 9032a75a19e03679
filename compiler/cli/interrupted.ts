import { writeFileAtOnce } from '../../node/atomic-file.ts';
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
