import { writeSync } from 'node:fs';
import { diagnostic } from '../diagnostics.ts';
import { end } from './ending.ts';
import { fileReason } from './file-reason.ts';
import { formatPlain, fromBtc } from './report.ts';

/** What a shell sees of a process that a closed pipe ended: 128 and the number of SIGPIPE. */
const CLOSED_PIPE = 141;

/** A reader that has gone ends the process without a word; a disk that is full, in one sentence. */
export function watchStreams(): void {
  process.stdout.on('error', (error) => stop(error, 'standard output'));
  process.stderr.on('error', (error) => stop(error, 'standard error'));
}

function stop(error: NodeJS.ErrnoException, file: string): void {
  const { code } = error;
  if (code === 'EPIPE' || code === 'EOF') {
    end({ exitCode: CLOSED_PIPE });
    return;
  }
  const reason = fileReason(error);
  try {
    writeSync(2, `${formatPlain(fromBtc(diagnostic(6010, null, { file, reason })))}\n`);
  } catch {
    // Nobody can be told.
  }
  end({ exitCode: 1 });
}
