import { copyFile, link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file of a build: path below the output folder, and content. */
export interface OutputFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** A path that a build replaces or removes, and the names beside it that serve the change. */
interface Place {
  readonly final: string;
  readonly temporary: string;
  readonly backup: string;
  /** Null for a file to remove. */
  readonly content: OutputFile['content'] | null;
  readonly existed: boolean;
}

let counter = 0;

/**
 * Writes all files and removes the obsolete ones, or changes nothing: contents are first written under temporary names, and
 * what was there before is kept until everything is in place.
 *
 * @throws the error of the file system, after the earlier files are back and the temporary ones gone
 */
export async function writeOutputs(
  folder: string,
  files: readonly OutputFile[],
  obsolete: readonly string[] = [],
): Promise<void> {
  const mark = `.btc-${process.pid}-${counter++}`;
  const changes = [...files, ...obsolete.map((path) => ({ path, content: null }))];
  const places = await Promise.all(
    changes.map(({ path, content }) => placeOf(join(folder, path), mark, content)),
  );
  const changed: Place[] = [];
  try {
    for (const { final, temporary, content } of places) {
      await mkdir(dirname(final), { recursive: true });
      if (content !== null) await writeFile(temporary, content);
    }
    for (const place of places) {
      if (place.existed) await keep(place);
      changed.push(place);
      if (place.content === null) await rm(place.final, { force: true });
      else await rename(place.temporary, place.final);
    }
  } catch (error) {
    for (const place of changed.reverse()) await restore(place);
    throw error;
  } finally {
    const helpers = places.flatMap(({ temporary, backup }) => [temporary, backup]);
    await Promise.all(helpers.map((path) => rm(path, { force: true })));
  }
}

async function placeOf(
  final: string,
  mark: string,
  content: OutputFile['content'] | null,
): Promise<Place> {
  const found = await stat(final).catch(() => null);
  if (found?.isDirectory()) throw new Error(`'${final}' is a folder`);
  const existed = found !== null;
  return {
    final,
    temporary: `${final}${mark}.tmp`,
    backup: `${final}${mark}.old`,
    content,
    existed,
  };
}

/** A second name for the earlier file: its own never stops leading to a whole file. Some file systems have no links. */
function keep({ final, backup }: Place): Promise<void> {
  return link(final, backup).catch(() => copyFile(final, backup));
}

function restore({ final, backup, existed }: Place): Promise<void> {
  return existed ? rename(backup, final) : rm(final, { force: true });
}
