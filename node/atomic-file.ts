import { constants, existsSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import {
  access,
  type FileHandle,
  lstat,
  open,
  readlink,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { sweepLeftovers, temporaryName } from './leftovers.ts';

/** As many links as Linux follows. */
const MOST_LINKS = 40;

/**
 * Writes a file as a whole or not at all: whenever the process or the machine stops, the file has all of the earlier bytes or all of the
 * new ones. A link keeps leading where it does, and a file keeps its mode and owner. What is no file (a device, a pipe) is written to
 * directly. Leftovers of dead processes in the folder are removed.
 *
 * @throws the error of the file system, after which the earlier file is as it was
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const { target, found } = await writablePlace(path);
  if (found && !found.isFile()) return writeFile(target, content);
  const folder = dirname(target);
  await sweepLeftovers(folder);
  const temporary = join(folder, temporaryName());
  try {
    const file = await open(temporary, 'wx', 0o666);
    try {
      if (found) await keepAttributes(file, found);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/**
 * {@link writeFileAtomically} without waiting, for a process that ends: a new or a plain file, by the rights of a new one.
 *
 * @throws the error of the file system, after which the earlier file is as it was
 */
export function writeFileAtOnce(path: string, content: string): void {
  const target = existsSync(path) ? realpathSync(path) : path;
  const temporary = join(dirname(resolve(target)), temporaryName());
  try {
    writeFileSync(temporary, content, { flag: 'wx' });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Whether {@link writeFileAtomically} could write now, for what is written after long work.
 *
 * @throws the error of the file system where it could not
 */
export async function checkWritable(path: string): Promise<void> {
  await writablePlace(path);
}

/** What a path leads to, and what is there now, null where nothing is. */
async function writablePlace(path: string) {
  const target = await finalPath(path);
  const found = await stat(target).catch(ifMissing);
  if (found?.isDirectory())
    throw Object.assign(new Error(`'${path}' is a folder`), { code: 'EISDIR' });
  // Replacing takes rights on the folder alone; one who may not write to the file does not mean to.
  if (found) await access(target, constants.W_OK);
  if (!found || found.isFile()) await checkFolder(dirname(target));
  return { target, found };
}

async function checkFolder(folder: string): Promise<void> {
  if (!(await stat(folder).catch(ifMissing)))
    throw Object.assign(new Error(`there is no folder '${folder}'`), { code: 'ENOENT' });
  await access(folder, constants.W_OK);
}

/** Where links lead, the last one perhaps to a file that is not there yet. */
async function finalPath(path: string): Promise<string> {
  let at = resolve(path);
  for (let links = 0; links < MOST_LINKS; links++) {
    const found = await lstat(at).catch(ifMissing);
    if (!found?.isSymbolicLink()) return at;
    at = resolve(dirname(at), await readlink(at));
  }
  throw Object.assign(new Error(`'${path}' leads round in a circle`), { code: 'ELOOP' });
}

async function keepAttributes(
  file: FileHandle,
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
): Promise<void> {
  // Only root gives files away; a mode is set after the owner, whose change takes bits of it.
  const own = await file.stat();
  if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid).catch(() => {});
  await file.chmod(mode & 0o7777);
}

/** The new name is on the disk when the folder is. Some systems cannot be asked for that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

function ifMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
