import { copyFile, link, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../node/make-folder.ts';
import { releaseMark, takeMark } from '../load/leftovers.ts';
import { isEnding, uninterrupted } from './ending.ts';
import { changeFiles, recoverFolder } from './journal.ts';

/** A file of a build: name in the output folder, and content. */
export interface OutputFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/**
 * Writes all files and removes the obsolete ones, or changes nothing: contents are first written under temporary names, and
 * what was there before is kept until everything is in place. Signals wait until it is done, or undone where it can be. What a
 * process that was killed left undone in the folder is finished first.
 *
 * @throws the error of the file system, after the earlier files are back and the temporary ones gone
 */
export async function writeOutputs(
  folder: string,
  files: readonly OutputFile[],
  obsolete: readonly string[] = [],
): Promise<void> {
  await uninterrupted(() => replaceAll(folder, files, obsolete));
}

async function replaceAll(
  folder: string,
  files: readonly OutputFile[],
  obsolete: readonly string[],
): Promise<void> {
  makeFolder(folder);
  await recoverFolder(folder);
  const mark = takeMark();
  const temporary = (name: string) => `${name}.${mark}.tmp`;
  const backup = (name: string) => `${name}.${mark}.old`;
  const names = [...files.map(({ path }) => path), ...obsolete];
  const kept: string[] = [];
  try {
    for (const name of names) if (await isFile(join(folder, name))) kept.push(name);
    for (const { path, content } of files) {
      refuseWhenEnding();
      await writeFile(join(folder, temporary(path)), content);
    }
    for (const name of kept) await keep(join(folder, name), join(folder, backup(name)));
    refuseWhenEnding();
  } catch (error) {
    const helpers = names.flatMap((name) => [temporary(name), backup(name)]);
    await Promise.all(helpers.map((name) => rm(join(folder, name), { force: true })));
    releaseMark(mark);
    throw error;
  }
  const undo = {
    renames: kept.map((name) => [backup(name), name] as const),
    removed: names.filter((name) => !kept.includes(name)),
  };
  const renames = files.map(({ path }) => [temporary(path), path] as const);
  await changeFiles(folder, mark, { renames, removed: obsolete }, undo).finally(() =>
    releaseMark(mark),
  );
}

function refuseWhenEnding(): void {
  if (isEnding()) throw new Error('the process is ending');
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw new Error(`'${path}' is a folder`);
  return found !== null;
}

/** A second name for the earlier file: its own never stops leading to a whole file. Some file systems have no links. */
function keep(final: string, backup: string): Promise<void> {
  return link(final, backup).catch(() => copyFile(final, backup));
}
