import { dirname } from 'node:path';
import type { Diagnostic } from '../diagnostics.ts';
import { diagnostic } from '../diagnostics.ts';

/** What an error of the system says, by its code. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EBUSY: 'another program uses it',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead round in a circle',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENAMETOOLONG: 'its name is too long',
  EIO: 'the device fails',
  ENOENT: 'it is not there',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'a part of its path is not a folder',
  EPERM: 'permission is denied',
  EROFS: 'the file system takes no changes',
  ETXTBSY: 'it is being run',
};

/** Why a file cannot be read or written, or a port be used, in words. */
export function fileReason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (Object.hasOwn(REASONS, code)) return REASONS[code];
  // `ECODE: what it means, call 'path'`
  return /^[A-Z][A-Z0-9_]+: (.*?), \w+(?: '|$)/.exec(message)?.[1] ?? message;
}

/** The message of whatever was thrown; of the system's errors what they mean, and of which file. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error.message;
  return path === undefined ? fileReason(error) : `'${path}': ${fileReason(error)}`;
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
