import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from './alive.ts';

// Temporary files stand beside what they are to replace, and tell whose they are: the number of the process and, since numbers come
// again, when it started. What a process has left that is no more can go.

const NAME = /^\.btc-(\d+)-(\d*)-[0-9a-f]+\.tmp$/;

/** A name for a temporary file of this process, which no other has; short, for the longest name that it is to replace is no longer. */
export function temporaryName(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  const unique = [...random].map((part) => part.toString(16)).join('');
  return `.btc-${process.pid}-${startOf(process.pid)}-${unique}.tmp`;
}

/** Removes the temporary files in `folder` whose processes are dead. Never throws: it is a kindness. */
export async function sweepLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names.map(async (name) => {
      const [, pid, start] = NAME.exec(name) ?? [];
      if (pid === undefined || isRunning(Number(pid), start)) return;
      await rm(join(folder, name), { force: true }).catch(() => {});
    }),
  );
}

function isRunning(pid: number, start: string): boolean {
  const isTold = start !== '' && startOf(process.pid) !== '';
  return isTold ? startOf(pid) === start : isAlive(pid);
}

/** When a process started, in ticks since the machine did; empty where the platform does not tell, or there is none. */
function startOf(pid: number): string {
  try {
    // proc(5): field 22; the second one is a name in parentheses, which may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
