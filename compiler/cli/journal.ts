import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAbandoned, namesIn } from '../load/leftovers.ts';

/** A change of files of one folder, by names in it. Doing it twice, or what is left of it, comes to the same. */
export interface Change {
  readonly renames: readonly (readonly [from: string, to: string])[];
  readonly removed: readonly string[];
}

/** On record in the folder while a change is made: whoever finds it without its owner finishes what is left to do. */
interface Journal extends Change {
  readonly mark: string;
}

const NAME = '.btc-journal';
/** Names that serve a change: whose file, by which mark. */
const LEFTOVER = /^(.*)\.(btc-(?:[0-9a-f]{6}-)?\d+-\d+)\.(tmp|old)$/s;
/** A change takes milliseconds; after this time its owner is taken for dead. */
const PATIENCE_MS = 20_000;
const POLL_MS = 20;

/**
 * Makes a change as the only one who changes files of `folder`. Where that fails, `undo` is made, and the error thrown. However
 * the process ends, `recoverFolder` finishes the one or the other.
 */
export async function changeFiles(
  folder: string,
  mark: string,
  change: Change,
  undo: Change,
): Promise<void> {
  const path = join(folder, NAME);
  const nest = `${path}.${mark}.tmp`;
  const record = (wanted: Change) => writeFile(nest, JSON.stringify({ mark, ...wanted }));
  // The names that served the change; its record last.
  const conclude = async (...records: readonly string[]) => {
    const served = [...change.renames, ...undo.renames].map(([from]) => join(folder, from));
    for (const name of [...served, ...records]) await rm(name, { force: true });
  };
  try {
    await record(change);
    for (const started = Date.now(); !(await claim(nest, path)); await sleep(POLL_MS))
      await finishChange(folder, Date.now() - started > PATIENCE_MS);
  } catch (error) {
    await conclude(nest);
    throw error;
  }
  try {
    await apply(folder, change);
  } catch (error) {
    await record(undo);
    await rename(nest, path);
    await apply(folder, undo);
    await conclude(nest, path);
    throw error;
  }
  await conclude(nest, path);
}

async function apply(folder: string, { renames, removed }: Change): Promise<void> {
  for (const [from, to] of renames) await rename(join(folder, from), join(folder, to));
  for (const name of removed) await rm(join(folder, name), { force: true });
}

/** Makes the nest the folder's journal unless there is one. */
async function claim(nest: string, path: string): Promise<boolean> {
  const make = (action: Promise<void>) =>
    action.then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === 'EEXIST' ? false : Promise.reject(error)),
    );
  return make(link(nest, path)).catch(
    // Some file systems have no links.
    async () => make(writeFile(path, await readFile(nest), { flag: 'wx' })),
  );
}

/** Finishes the change of a process that died in the middle of it; of a living one too with `anyway`. */
async function finishChange(folder: string, anyway = false): Promise<void> {
  const path = join(folder, NAME);
  try {
    const { mtimeMs, ino } = await stat(path);
    const journal = parse(await readFile(path, 'utf8'));
    // One that is not whole: nothing was changed yet.
    const dead = journal ? isAbandoned(journal.mark, mtimeMs) : Date.now() - mtimeMs > PATIENCE_MS;
    if (!dead && !anyway) return;
    const { renames, removed } = journal ?? { renames: [], removed: [] };
    for (const step of renames)
      await apply(folder, { renames: [step], removed: [] }).catch(unlessGone);
    await apply(folder, { renames: [], removed });
    // Backups too: from here on the change is what there is.
    for (const name of journal ? namesIn(folder) : [])
      if (LEFTOVER.exec(name)?.[2] === journal?.mark) await rm(join(folder, name), { force: true });
    if ((await stat(path)).ino === ino) await rm(path, { force: true });
  } catch (error) {
    // Another one has finished it.
    unlessGone(error as NodeJS.ErrnoException);
  }
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function parse(text: string): Journal | null {
  try {
    const { mark, renames, removed } = JSON.parse(text) as Journal;
    // Names in this folder alone: the file may be of anybody.
    const inside = (name: string) => !/^\.{0,2}$|[/\\]/.test(name);
    return [mark, ...renames.flat(), ...removed].every(inside) ? { mark, renames, removed } : null;
  } catch {
    return null;
  }
}

/**
 * Brings a folder in order in which a process was killed while it wrote: a change that was begun is finished, and temporary
 * files go. What living processes are about is left alone.
 */
export async function recoverFolder(folder: string): Promise<void> {
  const before = namesIn(folder);
  if (before.includes(NAME)) await finishChange(folder);
  const names = before.includes(NAME) ? namesIn(folder) : before;
  for (const name of names) {
    const [, final, mark, kind] = LEFTOVER.exec(name) ?? [];
    if (!mark) continue;
    const path = join(folder, name);
    try {
      if (!isAbandoned(mark, (await stat(path)).mtimeMs)) continue;
      if (kind === 'old' && !names.includes(final)) await rename(path, join(folder, final));
      else await rm(path, { force: true });
    } catch {
      // Gone, or not ours to remove.
    }
  }
}
