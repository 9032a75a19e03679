import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loaderFiles } from '../compiler/cli/loader-emit.ts';
import { ROOT } from './support/btc.ts';
import { viteBundle, viteScripts, webpackBundle } from './support/bundle.ts';
import { launchChromium, openPage, serve } from './support/chromium.ts';
import { createProject, type Project, SMALL_MODEL } from './support/project.ts';
import { smallPlan } from './support/small-plan.ts';

// What `btc build` writes, in the bundlers that most people have. `npm run bundlers` tries the others.

const MAIN = `import { load, loadInWorker, programs } from './model/model.js';
const inputs = {
  x: Float32Array.from({ length: 12 }, (_, k) => Math.sin(k)),
  y: Int32Array.from([0, 1, 1, 0]),
};
window.train = async (target, where) => {
  const session = await (where === 'worker' ? loadInWorker : load)({ target });
  const losses = [];
  for (let run = 0; run < 4; run++) losses.push((await session.run('train', inputs)).loss[0]);
  const { code } = await session.run('fly').catch((error) => error);
  const parameters = Object.keys(await session.readParameters());
  session.destroy();
  return { target: session.plan.target, losses, code, parameters, shape: programs.train.inputs.x.shape };
};
`;
const PAGE = (script: string) =>
  `<!doctype html><title>bundled</title><script type="module" src="${script}"></script>`;

let project: Project;
let browser: Browser;

beforeAll(async () => {
  if (!existsSync(`${ROOT}dist/runtime/index.js`))
    throw new Error("dist/ is not built; run 'npm run build' first, or 'npm test'");
  project = createProject();
  // As `npm init` makes it.
  project.write('package.json', '{ "name": "page", "version": "1.0.0", "type": "commonjs" }');
  project.write('model.ts', SMALL_MODEL);
  const built = project.btc('build', 'model.ts', '--outDir', 'src/model', '--no-pretty');
  expect(built.code, built.stdout).toBe(0);
  project.write('src/main.mjs', MAIN);
  project.write('index.html', PAGE('./src/main.mjs'));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  project?.remove();
});

interface Trained {
  readonly target: string;
  readonly losses: readonly number[];
  readonly code: string;
}

/** Trains in a page that is served from a folder: on each target, and in a worker. */
async function trainIn(folder: string, documents: Record<string, string>): Promise<Trained[]> {
  const server = await serve(join(project.folder, folder), documents);
  try {
    const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
    await page.waitForFunction('window.train !== undefined').catch(() => {
      throw new Error(`the page does not load: ${problems.join('; ')}`);
    });
    const results: Trained[] = [];
    for (const [target, where] of [
      ['wasm', 'page'],
      ['webgpu', 'page'],
      ['wasm', 'worker'],
      ['webgpu', 'worker'],
      [undefined, 'worker'],
    ])
      results.push(
        (await page.evaluate(
          (...args) =>
            (globalThis as unknown as { train(...a: unknown[]): unknown }).train(...args),
          target,
          where,
        )) as Trained,
      );
    await expect.poll(() => page.workers().length).toBe(0);
    await page.close();
    return results;
  } finally {
    await server.close();
  }
}

function expectTraining(results: readonly Trained[]): void {
  expect(results.map(({ target }) => target)).toEqual([
    'wasm',
    'webgpu',
    'wasm',
    'webgpu',
    'webgpu',
  ]);
  const [wasm, , worker] = results;
  expect(worker.losses).toEqual(wasm.losses);
  expect(wasm.losses[3]).toBeLessThan(wasm.losses[0]);
  for (const { losses, code } of results) {
    losses.forEach((loss, run) => {
      expect(loss).toBeCloseTo(wasm.losses[run], 4);
    });
    expect(code).toBe('unknown-name');
  }
}

test('a page that Vite builds trains on either target, on the page and in a worker', async () => {
  await viteBundle(project.folder, 'vite');
  expectTraining(await trainIn('vite', {}));
});

test('a page that webpack builds does so too', async () => {
  const output = join(project.folder, 'webpack');
  const { problems, files } = await webpackBundle(project.folder, './src/main.mjs', output);
  expect(problems).toEqual([]);
  expect([...files.keys()].filter((name) => /\.(json|wasm|safetensors)$/.test(name))).toHaveLength(
    4,
  );
  expectTraining(await trainIn('webpack', { '/index.html': PAGE('./main.js') }));
});

describe('the runtime in a bundle for browsers', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  /** The compiler, and what is of Node by its name. */
  const NOT_FOR_BROWSERS = ['.', './node'];
  const entries = Object.keys(exports).filter(
    (name) => !name.endsWith('.json') && !NOT_FOR_BROWSERS.includes(name),
  );

  test('asks for nothing of Node, from any entry', async () => {
    expect(entries).toContain('./runtime/worker');
    const names = entries.map((name) => `btc-compiler${name.slice(1)}`);
    project.write(
      'src/all.mjs',
      names.map((name) => `export * as _${names.indexOf(name)} from '${name}';`).join('\n'),
    );
    const output = join(project.folder, 'all');
    const { problems } = await webpackBundle(project.folder, './src/all.mjs', output);
    expect(problems).toEqual([]);
    // The bundler takes a `node:` import for what it cannot find.
    project.write('src/wrong.mjs', "export * from 'btc-compiler/node';");
    const wrong = await webpackBundle(project.folder, './src/wrong.mjs', output);
    expect(wrong.problems.join()).toContain('node:');
  });

  test.each(['wasm', 'webgpu'] as const)(
    'of a loader for %s is small, on the page as in the worker, and has nothing of the other target',
    async (target) => {
      const folder = `one-${target}`;
      for (const { path, content } of loaderFiles('model', smallPlan(), [target]))
        project.write(`${folder}/${path}`, content as string);
      for (const file of [`model.${target}.plan.json`, 'model.wasm', 'model.safetensors'])
        project.write(`${folder}/${file}`, '');
      project.write(`${folder}/package.json`, '{ "type": "module" }');
      project.write(`${folder}/page.mjs`, "export { load } from './model.js';");
      project.write(`${folder}/caller.mjs`, "export { loadInWorker } from './model.js';");
      const sizeOf = async (entry: string) => {
        // Weights of other systems are read by a part that few pages ask for.
        const texts = await viteScripts(join(project.folder, folder), entry, (module) =>
          module.includes('/runtime/weights/'),
        );
        const bytes = texts.reduce((sum, text) => sum + gzipSync(text).length, 0);
        return { bytes, text: texts.join() };
      };
      const [own, other] = [/WebAssembly\.instantiate/, /createComputePipelineAsync|requestDevice/];
      const [wanted, unwanted] = target === 'wasm' ? [own, other] : [other, own];
      const [page, caller, worker] = [
        await sizeOf('page.mjs'),
        await sizeOf('caller.mjs'),
        await sizeOf('model.worker.js'),
      ];
      for (const { bytes, text } of [page, worker]) {
        expect(text).toMatch(wanted);
        expect(text).not.toMatch(unwanted);
        // Of it 700 bytes are that what both parts share is a file of its own, 600 are Vite's own to load a part on demand, 700 are for
        // constants and for weights that are held as halves or bytes, 300 for bindings of several tensors,
        // 200 of WebGPU's for asking whether the device was lost, and 100 for parameters and counts of steps that only checkpoints ask for.
        expect(bytes).toBeLessThanOrEqual({ wasm: 26_000, webgpu: 31_200 }[target]);
      }
      expect(caller.bytes).toBeLessThanOrEqual(page.bytes);
    },
  );
});
