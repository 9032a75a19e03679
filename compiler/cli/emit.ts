import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file of a build: path below the output folder, and content. */
export interface OutputFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

let counter = 0;

/**
 * Writes all files or none: first under temporary names beside their places, then renamed. A failure while writing leaves
 * the earlier files as they were. What was renamed before a failing rename stays: each file is whole in any case.
 *
 * @throws the error of the file system, after the temporary files are removed
 */
export async function writeOutputs(folder: string, files: readonly OutputFile[]): Promise<void> {
  const mark = `.btc-${process.pid}-${counter++}.tmp`;
  const places = files.map(({ path }) => ({
    final: join(folder, path),
    temporary: join(folder, path) + mark,
  }));
  try {
    for (let k = 0; k < files.length; k++) {
      await mkdir(dirname(places[k].final), { recursive: true });
      await writeFile(places[k].temporary, files[k].content);
    }
    for (const { final, temporary } of places) await rename(temporary, final);
  } catch (error) {
    await Promise.all(places.map(({ temporary }) => rm(temporary, { force: true })));
    throw error;
  }
}
