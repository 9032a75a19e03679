import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import { createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../support/btc.ts';
import { launchChromium, openPage, serve } from '../support/chromium.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

// What `btc build` writes, in tools that the default tests leave out: `npm run bundlers`. Each test is what
// docs/bundlers.md says of its tool, and nothing else.

const TOOLS = join(ROOT, 'test/bundlers/node_modules');
const INPUTS = `const inputs = {
  x: Float32Array.from({ length: 12 }, (_, k) => Math.sin(k)),
  y: Int32Array.from([0, 1, 1, 0]),
};
const train = async (target, where) => {
  const open = (given) => (where === 'worker' ? loadInWorker : load)({ target, onFallback() {}, ...given });
  const session = await open();
  const losses = [];
  for (let run = 0; run < 4; run++) losses.push((await session.run('train', inputs)).loss[0]);
  // A part of the runtime that is loaded on demand, and an error of it.
  const layout = 'pytorch';
  const weights = await session.saveParameters({ layout });
  const again = await open({ parameters: weights, layout });
  const code = await open({ parameters: weights.slice(0, 9), layout }).catch((error) => error.code);
  if (code !== 'invalid-checkpoint') return code;
  for (const one of [session, again]) one.destroy();
  return losses[3] < losses[0] && [session.plan.target, where].join();
};
`;
const LOADER = "import { load, loadInWorker } from './model/model.js';\n";
const PAGE = (script: string) => `<!doctype html><script type="module" src="${script}"></script>`;

let project: Project;
let browser: Browser;

beforeAll(async () => {
  project = createProject();
  project.write('package.json', '{ "name": "page", "version": "1.0.0" }');
  project.write('model.ts', SMALL_MODEL);
  const built = project.btc('build', 'model.ts', '--outDir', 'src/model', '--no-pretty');
  expect(built.code, built.stdout).toBe(0);
  project.write('src/main.mjs', `${LOADER}${INPUTS}window.train = train;`);
  project.write('index.html', PAGE('./src/main.mjs'));
  // Installed, not linked: tools treat the two differently.
  const installed = join(project.folder, 'node_modules/btc-compiler');
  rmSync(installed);
  cpSync(join(ROOT, 'dist'), join(installed, 'dist'), { recursive: true });
  copyFileSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  project?.remove();
});

function tool(name: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(join(TOOLS, '.bin', name), args, {
    cwd: project.folder,
    encoding: 'utf8',
  });
  expect(status, `${stdout}${stderr}`).toBe(0);
  return stdout;
}

const EVERYWHERE = ['wasm,page', 'webgpu,page', 'wasm,worker', 'webgpu,worker'];

async function trainAt(address: string): Promise<unknown[]> {
  const { page, problems } = await openPage(browser, address);
  const results: unknown[] = [];
  for (const place of EVERYWHERE) {
    await page.waitForFunction('window.train !== undefined').catch(() => {
      throw new Error(`the page does not load: ${problems.join('; ')}`);
    });
    results.push(
      await page.evaluate(
        (...args) => (globalThis as unknown as { train(...a: unknown[]): unknown }).train(...args),
        ...place.split(','),
      ),
    );
  }
  await page.close();
  return results;
}

async function trainIn(folder: string, script?: string): Promise<unknown[]> {
  const documents = script === undefined ? {} : { '/index.html': PAGE(script) };
  const server = await serve(join(project.folder, folder), documents as Record<string, string>);
  try {
    return await trainAt(`${server.origin}/index.html`);
  } finally {
    await server.close();
  }
}

test('Vite serves it while one develops', async () => {
  const server = await createServer({
    configFile: false,
    root: project.folder,
    logLevel: 'error',
    server: { host: '127.0.0.1', port: 0 },
  });
  try {
    await server.listen();
    expect(await trainAt(server.resolvedUrls!.local[0])).toEqual(EVERYWHERE);
  } finally {
    await server.close();
  }
});

test('Rollup bundles it with two plugins, the worker as an entry', async () => {
  project.write(
    'rollup.config.mjs',
    `import { nodeResolve } from '@rollup/plugin-node-resolve';
import { importMetaAssets } from '@web/rollup-plugin-import-meta-assets';
export default {
  input: ['src/main.mjs', 'src/model/model.worker.js'],
  output: { dir: 'rolled', entryFileNames: '[name].js', assetFileNames: '[name][extname]' },
  plugins: [
    nodeResolve({ browser: true }),
    importMetaAssets({ transform: (bytes, path) => (path.endsWith('worker.js') ? null : bytes) }),
  ],
};`,
  );
  for (const name of ['@rollup', '@web'])
    symlinkSync(join(TOOLS, name), join(project.folder, 'node_modules', name));
  tool('rollup', '-c', '--silent');
  expect(await trainIn('rolled', './main.js')).toEqual(EVERYWHERE);
});

test('esbuild bundles it, the worker as an entry; the files are copied', async () => {
  const entries = ['src/main.mjs', 'src/model/model.worker.js', '--entry-names=[name]'];
  tool(
    'esbuild',
    ...entries,
    '--bundle',
    '--splitting',
    '--format=esm',
    '--outdir=es',
    '--log-level=error',
  );
  for (const file of readdirSync(join(project.folder, 'src/model')))
    if (/\.(json|wasm|safetensors)$/.test(file))
      copyFileSync(join(project.folder, 'src/model', file), join(project.folder, 'es', file));
  expect(await trainIn('es', './main.js')).toEqual(EVERYWHERE);
});

test('Parcel bundles it with three settings', async () => {
  project.write(
    'package.json',
    `{ "name": "page", "version": "1.0.0", "@parcel/resolver-default": { "packageExports": true },
  "@parcel/bundler-default": { "minBundleSize": 1000000 } }`,
  );
  project.write(
    '.parcelrc',
    '{ "extends": "@parcel/config-default", "transformers": { "*.plan.json": ["@parcel/transformer-raw"] } }',
  );
  for (const name of readdirSync(join(TOOLS, '@parcel')))
    project.link(join(TOOLS, '@parcel', name), `node_modules/@parcel/${name}`);
  tool(
    'parcel',
    'build',
    'index.html',
    '--no-cache',
    '--dist-dir',
    'parcelled',
    '--public-url',
    './',
  );
  expect(await trainIn('parcelled')).toEqual(EVERYWHERE);
});

describe('without a bundler', () => {
  const SCRIPT = `${LOADER}${INPUTS}
const results = [];
for (const where of ['here', 'worker']) results.push(await train('wasm', where), Boolean(await train(undefined, where)));
console.log(JSON.stringify(results));`;
  test.each([
    ['deno', ['run', '-A']],
    ['bun', []],
  ])('%s runs it', (name, args) => {
    project.write('src/run.mjs', SCRIPT);
    const printed = tool(name, ...args, 'src/run.mjs');
    expect(JSON.parse(printed)).toEqual(['wasm,here', true, 'wasm,worker', true]);
  });
});

describe('TypeScript', () => {
  const require = createRequire(join(TOOLS, 'package.json'));
  const compilers = {
    '5.4': join(dirname(require.resolve('typescript-5/package.json')), 'bin/tsc'),
    own: join(ROOT, 'node_modules/typescript/bin/tsc'),
  };
  const COMMON = ['--noEmit', '--strict', '--target', 'es2022'];
  const TEXT = (file: string) => `import { load, type ModelSession } from '${file}';
export async function train(): Promise<number> {
  const session: ModelSession = await load({ target: 'wasm' });
  const { loss } = await session.run('train', { x: new Float32Array(12), y: [0, 1, 1, 0] });
  const bytes: Uint8Array = await session.saveCheckpoint();
  // @ts-expect-error
  await session.run('fly', {});
  return loss[0] + bytes.length;
}
`;

  test.each([
    ['5.4', ['--module', 'commonjs', '--moduleResolution', 'node10'], './model/model.js'],
    ['5.4', ['--module', 'commonjs', '--moduleResolution', 'node10'], './model/model.cjs'],
    ['5.4', ['--module', 'node16', '--moduleResolution', 'node16'], './model/model.cjs'],
    ['5.4', ['--module', 'esnext', '--moduleResolution', 'bundler'], './model/model.js'],
    ['own', ['--module', 'nodenext'], './model/model.js'],
    ['own', ['--module', 'nodenext'], './model/model.cjs'],
    ['own', ['--module', 'preserve'], './model/model'],
    ['own', ['--module', 'commonjs'], './model/model'],
  ] as const)('%s with %j takes %s', (version, options, file) => {
    project.write('src/typed.ts', TEXT(file));
    const args = [compilers[version], ...COMMON, ...options, '--skipLibCheck', 'src/typed.ts'];
    const { status, stdout } = spawnSync(process.execPath, args, {
      cwd: project.folder,
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, '']);
  });
});
