import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import cliProgress from 'cli-progress';

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

/**
 * Builds a model as `btc build` does and gives what its loader exports.
 *
 * @param {URL} model the file
 * @param {{ outDir: URL, target: string, budget?: string, set?: Record<string, string | number> }} options
 */
export async function buildModel(model, { outDir, target, budget, set = {} }) {
  const settings = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const built = spawnSync(
    process.execPath,
    [
      MAIN,
      ...['build', fileURLToPath(model), '--outDir', fileURLToPath(outDir), '--target', target],
      ...(budget === undefined ? [] : ['--budget', budget]),
      ...settings,
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) throw new Error(built.stdout + built.stderr);
  const loader = `${basename(model.pathname, '.ts')}.js`;
  return import(new URL(loader, outDir).href);
}

/** A bar for a terminal; where the output is none, a line every ten seconds. It is moved by {@link advance}. */
export function progressBar(format) {
  return new cliProgress.SingleBar(
    {
      format,
      noTTYOutput: !process.stderr.isTTY,
      notTTYSchedule: 10_000,
      hideCursor: true,
      barsize: 30,
    },
    cliProgress.Presets.shades_classic,
  );
}

/** Lets timers run, too: they draw the bar where there is no terminal, and WebAssembly leaves them no time of its own. */
export async function advance(bar, done, state) {
  bar.update(done, state);
  await setImmediate();
}
