import { type Diagnostic, diagnostic } from '../diagnostics.ts';
import { isSameFile } from './same-file.ts';

/**
 * BTC5005 where a command would write over what it reads, or would write two things to one file; null where all are apart. `outputs`
 * are by the options that name them.
 */
export async function outputsApart(
  inputs: readonly (string | undefined)[],
  outputs: Readonly<Record<string, string | undefined>>,
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
