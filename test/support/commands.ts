import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Project } from './project.ts';

export const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

/** The command line as a process that is still running. `TMPDIR` is the project's folder. */
export function start(project: Project, ...args: string[]) {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: project.folder,
    env: { ...inherited, NO_COLOR: '1', TMPDIR: project.folder },
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return {
    child,
    ended: once(child, 'close').then(([code, signal]) => ({ code, signal, output, errors })),
    /** Until it has printed `text`. */
    async printed(text: string) {
      while (!output.includes(text)) await once(child.stdout, 'data');
    },
  };
}
