import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorText, RuntimeError } from '../runtime/errors.ts';
import type { Restored, RestoreOptions } from '../runtime/restore.ts';
import type { Session } from '../runtime/session.ts';
import { writeFileAtomically } from './atomic-file.ts';

/** The file of a checkpoint: a path, or a URL with the scheme `file:`. */
export type FilePath = string | { readonly href: string };

/**
 * Saves a session's checkpoint as a whole or not at all: a process that is killed, a full disk or a power cut leaves the earlier file or
 * the new one. Calls may overlap; the last one wins. Errors: `file-failed`, and those of `saveCheckpoint`.
 */
export function saveCheckpointFile(
  session: Pick<Session, 'saveCheckpoint'>,
  file: FilePath,
): Promise<void> {
  return save(file, () => checked(session, 'saveCheckpoint').saveCheckpoint());
}

/** The same of what `saveParameters` gives: parameters and states alone. */
export function saveParametersFile(
  session: Pick<Session, 'saveParameters'>,
  file: FilePath,
): Promise<void> {
  return save(file, () => checked(session, 'saveParameters').saveParameters());
}

/** Loads a checkpoint from a file into a session. Errors: `file-failed`, and those of `loadCheckpoint`. */
export async function loadCheckpointFile(
  session: Pick<Session, 'loadCheckpoint'>,
  file: FilePath,
  options: RestoreOptions = {},
): Promise<Restored> {
  const path = pathOf(file);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw failed(`'${path}' cannot be read`, error);
  }
  return checked(session, 'loadCheckpoint').loadCheckpoint(bytes, options);
}

function checked<Given extends object>(session: Given, method: keyof Given & string): Given {
  if (typeof session?.[method] === 'function') return session;
  throw new RuntimeError('invalid-input', `a session, with '${method}', stands before the file`);
}

/** By path the last write that was asked for; it never rejects. */
const writes = new Map<string, Promise<void>>();

async function save(file: FilePath, bytesOf: () => Promise<Uint8Array>): Promise<void> {
  const path = pathOf(file);
  // At once, so that the session saves what it has at the call.
  const bytes = bytesOf();
  const write = Promise.allSettled([bytes, writes.get(path)]).then(async () =>
    writeFileAtomically(path, await bytes),
  );
  const settled = write.catch(() => {});
  writes.set(path, settled);
  void settled.then(() => {
    if (writes.get(path) === settled) writes.delete(path);
  });
  try {
    await write;
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw failed(`'${path}' cannot be written, and is what it was`, error);
  }
}

function pathOf(file: FilePath): string {
  try {
    if (typeof file === 'string' && file !== '') return file;
    if (file instanceof URL) return fileURLToPath(file.href);
  } catch (error) {
    throw failed(`'${String(file)}' is no file`, error);
  }
  throw new RuntimeError('invalid-input', 'a checkpoint file is given by its path or a file: URL');
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EACCES: 'there is no permission',
  EPERM: 'there is no permission',
  EROFS: 'the file system is read-only',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'the name is too long',
  EFBIG: 'the file is too large',
  ELOOP: 'its links lead round in a circle',
};

function failed(what: string, error: unknown): RuntimeError {
  const { code } = error as { code?: unknown };
  const reason = (typeof code === 'string' && REASONS[code]) || errorText(error);
  return new RuntimeError('file-failed', `${what}: ${reason}`, { cause: error });
}
