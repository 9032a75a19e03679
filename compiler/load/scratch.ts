import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { releaseMark, takeMark } from './leftovers.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs `use` with a temporary folder, which is gone afterwards: also when the process exits or is interrupted meanwhile. */
export async function withScratchFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const mark = takeMark();
  const folder = await mkdtemp(join(tmpdir(), `${mark}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const onSignal = (signal: NodeJS.Signals) => {
    release();
    // With no listener of ours left the signal does what it would have done.
    process.kill(process.pid, signal);
  };
  const release = () => {
    remove();
    releaseMark(mark);
    process.off('exit', remove);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  process.on('exit', remove);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await use(folder);
  } finally {
    release();
  }
}
