import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  compile,
  crossEntropy,
  defineModel,
  linear,
  relu,
  sgd,
  tensor,
} from '../compiler/index.ts';
import { btc } from './support/btc.ts';
import { ISOLATION, launchChromium, openPage, serve } from './support/chromium.ts';
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
  await page.waitForFunction('window.train !== undefined').catch(() => {
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
    await page.waitForFunction('window.train !== undefined').catch(() => {
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

const THREADS_PAGE = `<!doctype html>
<title>threads</title>
<script type="module">
  import { load } from '/runtime/index.js';
  window.train = async (threads) => {
    const { plan, module, parameters } = await (await fetch('/threads.json')).json();
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const given = { module: bytes(module), parameters: bytes(parameters) };
    const session = await load(plan, { ...given, threads });
    const x = Float32Array.from({ length: 64 * 96 }, (_, k) => Math.sin(k));
    const label = Int32Array.from({ length: 64 }, (_, k) => k % 5);
    const losses = [];
    for (let run = 0; run < 4; run++) losses.push((await session.run('train', { x, label })).loss[0]);
    const weights = await session.saveParameters();
    const { description } = session;
    session.destroy();
    return { isolated: crossOriginIsolated, description, losses, weights: [...weights] };
  };
</script>
`;

/** A training step of which threads share whatever can be shared, with its module and weights, as text. */
async function sharedStep(): Promise<string> {
  const { plan, module, parameters } = await compile(
    () =>
      defineModel({
        name: 'shared',
        inputs: { x: tensor([64, 96]), label: tensor([64], 'i32') },
        build: ({ x }) => ({ logits: linear(64, 5)(relu(linear(96, 64)(x))) }),
        train: {
          loss: ({ logits }, { label }) => crossEntropy(logits, label),
          optimizer: sgd({ learningRate: 0.1 }),
        },
      }),
    { target: 'wasm' },
  );
  const { train } = plan!.programs;
  const steps = train.steps.map((step) => ({ ...step, flops: 1e9 }));
  return JSON.stringify({
    plan: { ...plan!, programs: { ...plan!.programs, train: { ...train, steps } } },
    module: Buffer.from(module!).toString('base64'),
    parameters: Buffer.from(parameters!).toString('base64'),
  });
}

interface SharedRun {
  readonly isolated: boolean;
  readonly description: string;
  readonly losses: readonly number[];
  readonly weights: readonly number[];
}

test('an isolated page trains in threads, to the same bits; another one has one thread, and says so', async () => {
  const documents = { '/index.html': THREADS_PAGE, '/threads.json': await sharedStep() };
  const run = async (headers: Readonly<Record<string, string>>, numbers: readonly number[]) => {
    const pages = await serve(dist, documents, headers);
    try {
      const { page, problems } = await openPage(browser, `${pages.origin}/index.html`);
      await page.waitForFunction('window.train !== undefined').catch(() => {
        throw new Error(`the runtime does not load in the browser: ${problems.join('; ')}`);
      });
      const train = (threads: number) =>
        page.evaluate(
          (count) => (globalThis as unknown as { train(count: number): unknown }).train(count),
          threads,
        ) as Promise<SharedRun>;
      const runs: SharedRun[] = [];
      for (const threads of numbers) runs.push(await train(threads));
      return runs;
    } finally {
      await pages.close();
    }
  };
  const [one, three] = await run(ISOLATION, [1, 3]);
  const [alone] = await run({}, [3]);
  expect([one, three, alone].map(({ isolated }) => isolated)).toEqual([true, true, false]);
  expect(one.description).toBe('WebAssembly');
  expect(three.description).toBe('WebAssembly, 3 threads');
  expect(alone.description).toBe(
    'WebAssembly, one thread because memory cannot be shared: the page is not cross-origin isolated',
  );
  expect(one.losses[3]).toBeLessThan(one.losses[0]);
  for (const { losses, weights } of [three, alone]) {
    expect(losses).toEqual(one.losses);
    expect(weights).toEqual(one.weights);
  }
});
