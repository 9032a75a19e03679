import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { checkWritable } from '../../node/atomic-file.ts';
import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { unwritable } from './file-reason.ts';
import { isSameFile } from './same-file.ts';

/** Files by the options that name them. */
export type Outputs = Readonly<Record<string, string | undefined>>;

/**
 * What is wrong with the files that a command will write, before it does its work: BTC5005 where it would write over what it reads, or
 * two things to one file; BTC5003 where one cannot be written. Null where all is well.
 *
 * @param folders `made`: folders of the outputs that are not there will be made
 */
export async function outputProblem(
  inputs: readonly (string | undefined)[],
  outputs: Outputs,
  folders: 'made' | 'there' = 'there',
): Promise<Diagnostic | null> {
  const together = await outputsApart(inputs, outputs);
  if (together) return together;
  for (const file of Object.values(outputs)) {
    if (file === undefined) continue;
    try {
      const isMade = folders === 'made' && (await stat(dirname(file)).catch(() => null)) === null;
      await (isMade ? checkMakeable(dirname(file)) : checkWritable(file));
    } catch (error) {
      return unwritable(file, error);
    }
  }
  return null;
}

/** BTC5003 for a folder into which files cannot be written, and which cannot be made either. */
export async function folderProblem(folder: string): Promise<Diagnostic | null> {
  try {
    await checkMakeable(folder);
    return null;
  } catch (error) {
    return unwritable(folder, error);
  }
}

/** @throws an error of the file system, or one that names what is in the way of a folder */
async function checkMakeable(folder: string): Promise<void> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = await stat(at).catch(ifMissing);
    if (found === null && at !== dirname(at)) continue;
    if (!found?.isDirectory())
      throw new Error(at === resolve(folder) ? 'it is not a folder' : `'${at}' is not a folder`);
    return access(at, constants.W_OK);
  }
}

function ifMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}

async function outputsApart(
  inputs: readonly (string | undefined)[],
  outputs: Outputs,
): Promise<Diagnostic | null> {
  const given = Object.entries(outputs).flatMap(([option, file]) =>
    file === undefined ? [] : [{ option, file }],
  );
  const problem = (file: string, reason: string) => diagnostic(5005, null, { file, reason });
  for (const [k, { option, file }] of given.entries()) {
    for (const input of inputs)
      if (input !== undefined && (await isSameFile(input, file)))
        return problem(file, `${option} names a file that the command reads`);
    for (const other of given.slice(0, k))
      if (await isSameFile(other.file, file))
        return problem(file, `${other.option} and ${option} name the same file`);
  }
  return null;
}
