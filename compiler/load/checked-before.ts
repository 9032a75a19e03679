import { fileURLToPath } from 'node:url';
import { type Answers, recordAnswers, stillHold } from './answers.ts';
import { type CacheFolder, digestOf } from './cache-folder.ts';
import type { Checked } from './check.ts';
import type { CheckedModel } from './checked.ts';
import { DISK, type FileSystem } from './disk.ts';
import { isStillThere, type PackageAddress } from './packages.ts';
import { TYPESCRIPT_FILE } from './typescript-file.ts';

// Type checking is a function of the file, the configuration that is asked for, the working folder, the program that does it, and
// of what the file system answers. Where all of them are as they were, so is the result: TypeScript need not be loaded.

/** A model that was found to be without fault, and what that goes by. */
interface Entry {
  readonly model: CheckedModel;
  readonly packages: readonly PackageAddress[];
  readonly answers: Answers;
}

/** What checks: each of these files decides the result. In a chunk, the names of the chunks that it imports are digests of them. */
const OWN_FILES = [
  TYPESCRIPT_FILE,
  fileURLToPath(import.meta.url),
  ...['check', 'emit', 'rewrite-module', 'program', 'call-starts'].map((name) =>
    fileURLToPath(
      new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
    ),
  ),
];

/** The result of the same check before, where nothing that it goes by is different; else `check` is run, and remembered if it finds no fault. */
export async function checkedBefore(
  file: string,
  project: string | undefined,
  cache: CacheFolder,
  check: (disk: FileSystem) => Promise<Checked>,
): Promise<CheckedModel> {
  // What it emits imports the btc that it is of: another installation has entries of its own.
  const key = [import.meta.url, process.cwd(), file, project ?? null];
  const name = `check-${digestOf(JSON.stringify(key))}.json`;
  const known = entryOf(cache.read(name));
  if (known && stillHold(known.answers) && known.packages.every(isStillThere)) return known.model;
  const { system, answers } = recordAnswers(DISK);
  const { model, packages } = await check(system);
  if (model.code && model.typescript.length === 0) {
    for (const own of OWN_FILES) system.readBytes(own);
    const entry: Entry = { model, packages, answers: answers() };
    cache.write(name, JSON.stringify(entry));
  }
  return model;
}

function entryOf(bytes: Buffer | null): Entry | null {
  if (!bytes) return null;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}
