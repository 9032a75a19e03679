import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/** Whether two names are of one file. */
export async function isSameFile(first: string, second: string): Promise<boolean> {
  if (resolve(first) === resolve(second)) return true;
  const [a, b] = await Promise.all([first, second].map((path) => stat(path).catch(() => null)));
  return a !== null && b !== null && a.dev === b.dev && a.ino === b.ino;
}
