// Installs the peers into this folder, when they are not there yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const lockfile = `${folder}package-lock.json`;
const stamp = `${folder}node_modules/.installed`;

/** Without what `npm run` says of the package that it runs in. */
const ownEnvironment = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(config_local_prefix|package|lifecycle)/.test(name),
    ),
  );

/** Null when the peers of the lockfile are installed, else why not. Installation scripts do not run. */
export function installPeers(say) {
  const wanted = readFileSync(lockfile, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return null;
  say('installing the peers into test/bench/peers/node_modules (once, about 530 MB)');
  const { status, stderr, error } = spawnSync(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: folder,
      env: ownEnvironment(),
      encoding: 'utf8',
      timeout: 600_000,
      shell: process.platform === 'win32',
    },
  );
  if (status !== 0) {
    const text =
      error?.message ?? stderr.trim().split('\n').find(Boolean) ?? `npm ended with ${status}`;
    return `npm ci failed: ${text.slice(0, 160)}`;
  }
  writeFileSync(stamp, wanted);
  return null;
}
