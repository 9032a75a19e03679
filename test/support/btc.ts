import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as a user would; `npm test` builds it first. */
export function btc(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): CommandResult {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: options.cwd ?? ROOT,
    encoding: 'utf8',
    env: { ...inherited, NO_COLOR: '1', ...options.env },
  });
  if (error) throw error;
  return { code: status, stdout, stderr };
}
