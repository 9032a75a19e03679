import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import cliProgress from 'cli-progress';

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

/**
 * Builds a model as `btc build` does and gives what its loader exports.
 *
 * @param {URL} model the file
 * @param {{ outDir: URL, target: string, set?: Record<string, string | number> }} options
 */
export async function buildModel(model, { outDir, target, set = {} }) {
  const settings = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const built = spawnSync(
    process.execPath,
    [
      MAIN,
      ...['build', fileURLToPath(model), '--outDir', fileURLToPath(outDir), '--target', target],
      ...settings,
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) throw new Error(built.stdout + built.stderr);
  return import(new URL('./model.js', outDir).href);
}

/** A bar of a terminal; where the output is no terminal, a line every ten seconds. */
export function progressBar(format) {
  return new cliProgress.SingleBar(
    {
      format,
      noTTYOutput: !process.stdout.isTTY,
      notTTYSchedule: 10_000,
      hideCursor: true,
      barsize: 30,
    },
    cliProgress.Presets.shades_classic,
  );
}
