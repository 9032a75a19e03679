import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { btc } from './support/btc.ts';
import { launchChromium, openPage, serve } from './support/chromium.ts';
import { SMALL_INPUTS, smallPlan, smallReference } from './support/small-plan.ts';
import { swappedPlan } from './support/swapped-plan.ts';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

const PAGE = `<!doctype html>
<title>btc</title>
<script type="module">
  import { load } from '/runtime/index.js';
  const spilled = async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('btc-spill', { create: true });
    const names = [];
    for await (const name of folder.keys()) names.push(name);
    return names.length;
  };
  window.train = async (inputs, runs, file = '/plan.json') => {
    const plan = await (await fetch(file)).json();
    const session = await load(plan);
    const losses = [];
    for (let run = 0; run < runs; run++) losses.push((await session.run('train', inputs)).loss[0]);
    const { weight } = await session.readParameters();
    const { description, allocatedBytes } = session;
    const files = [await spilled()];
    session.destroy();
    for (let wait = 0; wait < 100 && (await spilled()) > 0; wait++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    files.push(await spilled());
    return { losses, weight: [...weight], description, allocatedBytes, files };
  };
  window.leave = async () => {
    const plan = await (await fetch('/swapped.json')).json();
    window.left = await load(plan);
    return spilled();
  };
</script>
`;

// The files that `btc build` writes, as a page imports them.
const BUILT_PAGE = `<!doctype html>
<title>btc build</title>
<script type="importmap">${JSON.stringify({
  imports: {
    'btc-compiler/runtime/built': '/runtime/built.js',
    'btc-compiler/runtime/gpu': '/runtime/gpu.js',
    'btc-compiler/runtime/targets/webgpu': '/runtime/targets/webgpu.js',
    'btc-compiler/runtime/targets/wasm': '/runtime/targets/wasm.js',
  },
})}</script>
<script type="module">
  import { load, programs } from '/model.js';
  window.train = async (targets, runs) => {
    const results = [];
    for (const target of targets) {
      const session = await load(target ? { target } : {});
      const { image, label } = programs.train.inputs;
      const count = (shape) => shape.reduce((product, extent) => product * extent, 1);
      const inputs = {
        image: Float32Array.from({ length: count(image.shape) }, (_, k) => Math.abs(Math.sin(k))),
        label: Int32Array.from({ length: count(label.shape) }, (_, k) => k % 10),
      };
      const losses = [];
      for (let run = 0; run < runs; run++) losses.push((await session.run('train', inputs)).loss[0]);
      results.push({ target: session.plan.target, losses });
      session.destroy();
    }
    return results;
  };
</script>
`;

interface Trained {
  readonly losses: number[];
  readonly weight: number[];
  readonly description: string;
  readonly allocatedBytes: number;
  /** Spill files of the origin, while the session lives and after its end. */
  readonly files: readonly number[];
}

const plan = smallPlan();
const swapped = swappedPlan(plan, {
  ...{ seed: 1, hosted: 10, swapped: 10, recomputed: 0, tiers: ['file'] },
  staging: { buffers: 2, bytes: 32 },
});
let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  if (!existsSync(`${dist}/runtime/index.js`))
    throw new Error("dist/ is not built; run 'npm run build' first, or 'npm test'");
  server = await serve(dist, {
    '/index.html': PAGE,
    '/plan.json': JSON.stringify(plan),
    '/swapped.json': JSON.stringify(swapped),
  });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

async function trainIn(page: Page, problems: readonly string[], file: string): Promise<Trained> {
  await page.waitForFunction('window.train !== undefined', { timeout: 20_000 }).catch(() => {
    throw new Error(`the runtime does not load in the browser: ${problems.join('; ')}`);
  });
  return (await page.evaluate(
    (inputs, runs, name) =>
      (globalThis as unknown as { train(...args: unknown[]): Promise<unknown> }).train(
        inputs,
        runs,
        name,
      ),
    SMALL_INPUTS,
    4,
    file,
  )) as Trained;
}

test('a page loads the built runtime and trains', async () => {
  const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
  const trained = await trainIn(page, problems, '/plan.json');
  const { losses, weight } = smallReference(4);
  losses.forEach((loss, run) => {
    expect(trained.losses[run]).toBeCloseTo(loss, 4);
  });
  weight.forEach((value, i) => {
    expect(trained.weight[i]).toBeCloseTo(value, 4);
  });
  expect(trained.allocatedBytes).toBe(plan.memory.deviceBytes);
  expect(trained.description).toContain('WebGPU');
  expect(trained.files).toEqual([0, 0]);
});

test('a page swaps to a file of its origin, which goes with the session', async () => {
  expect(swapped.memory.spillBytes).toBeGreaterThan(0);
  const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
  const wanted = await trainIn(page, problems, '/plan.json');
  const trained = await trainIn(page, problems, '/swapped.json');
  expect(trained.losses).toEqual(wanted.losses);
  expect(trained.weight).toEqual(wanted.weight);
  expect(trained.allocatedBytes).toBe(swapped.memory.deviceBytes);
  expect(trained.files).toEqual([1, 0]);
  // A page that is closed leaves its file behind; the next one removes it.
  const left = await page.evaluate(() =>
    (globalThis as unknown as { leave(): Promise<number> }).leave(),
  );
  expect(left).toBe(1);
  await page.close();
  const next = await openPage(browser, `${server.origin}/index.html`);
  expect((await trainIn(next.page, next.problems, '/swapped.json')).files).toEqual([1, 0]);
});

test('a page loads what btc build wrote, on either target, and trains the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'btc-page-'));
  for (const part of ['runtime', 'ir']) symlinkSync(join(dist, part), join(folder, part));
  const sizes = ['--set', 'batch=20', '--set', 'hidden=32'];
  const options = [...sizes, '--profile', 'swiftshader', '--no-pretty'];
  const built = btc(['build', 'examples/digits/model.ts', '--outDir', folder, ...options]);
  expect(built.code, built.stdout).toBe(0);
  const pages = await serve(folder, { '/index.html': BUILT_PAGE });
  try {
    const { page, problems } = await openPage(browser, `${pages.origin}/index.html`);
    await page.waitForFunction('window.train !== undefined', { timeout: 20_000 }).catch(() => {
      throw new Error(`the loader does not load in the browser: ${problems.join('; ')}`);
    });
    const results = (await page.evaluate(
      (targets, runs) =>
        (globalThis as unknown as { train(...args: unknown[]): Promise<unknown> }).train(
          targets,
          runs,
        ),
      [null, 'webgpu', 'wasm'],
      6,
    )) as { target: string; losses: number[] }[];
    expect(results.map(({ target }) => target)).toEqual(['webgpu', 'webgpu', 'wasm']);
    const [, webgpu, wasm] = results;
    webgpu.losses.forEach((loss, run) => {
      expect(loss).toBeCloseTo(wasm.losses[run], 3);
    });
    expect(webgpu.losses[5]).toBeLessThan(webgpu.losses[0]);
  } finally {
    await pages.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
