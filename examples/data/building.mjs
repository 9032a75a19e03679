import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

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
