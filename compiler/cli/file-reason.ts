import { dirname } from 'node:path';
import type { Diagnostic } from '../diagnostics.ts';
import { diagnostic } from '../diagnostics.ts';

/** What an error of the file system says, by its code. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead round in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'a part of its path is not a folder',
  EPERM: 'permission is denied',
  EROFS: 'the file system takes no changes',
};

/** Why a file cannot be read or written, in words. */
export function fileReason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return Object.hasOwn(REASONS, code) ? REASONS[code] : message;
}

/** BTC6003 for a file that is not there, BTC5002 for one that cannot be read. */
export function unreadable(file: string, error: unknown): Diagnostic {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? diagnostic(6003, null, { file })
    : diagnostic(5002, null, { file, reason: fileReason(error) });
}

/** BTC5003 */
export function unwritable(file: string, error: unknown): Diagnostic {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const reason = isMissing ? `there is no folder '${dirname(file)}'` : fileReason(error);
  return diagnostic(5003, null, { file, reason });
}
