import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openPage, serve } from './support/chromium.ts';
import { SMALL_INPUTS, smallPlan, smallReference } from './support/small-plan.ts';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

const PAGE = `<!doctype html>
<title>btc</title>
<script type="module">
  import { load } from '/runtime/index.js';
  window.train = async (inputs, runs) => {
    const plan = await (await fetch('/plan.json')).json();
    const session = await load(plan);
    const losses = [];
    for (let run = 0; run < runs; run++) losses.push((await session.run('train', inputs)).loss[0]);
    const { weight } = await session.readParameters();
    const { description, allocatedBytes } = session;
    session.destroy();
    return { losses, weight: [...weight], description, allocatedBytes };
  };
</script>
`;

interface Trained {
  readonly losses: number[];
  readonly weight: number[];
  readonly description: string;
  readonly allocatedBytes: number;
}

const plan = smallPlan();
let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  if (!existsSync(`${dist}/runtime/index.js`))
    throw new Error("dist/ is not built; run 'npm run build' first, or 'npm test'");
  server = await serve(dist, { '/index.html': PAGE, '/plan.json': JSON.stringify(plan) });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

test('a page loads the built runtime and trains', async () => {
  const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
  await page.waitForFunction('window.train !== undefined', { timeout: 20_000 }).catch(() => {
    throw new Error(`the runtime does not load in the browser: ${problems.join('; ')}`);
  });
  const trained = (await page.evaluate(
    (inputs, runs) =>
      (globalThis as unknown as { train(...args: unknown[]): Promise<unknown> }).train(
        inputs,
        runs,
      ),
    SMALL_INPUTS,
    4,
  )) as Trained;
  const { losses, weight } = smallReference(4);
  losses.forEach((loss, run) => {
    expect(trained.losses[run]).toBeCloseTo(loss, 4);
  });
  weight.forEach((value, i) => {
    expect(trained.weight[i]).toBeCloseTo(value, 4);
  });
  expect(trained.allocatedBytes).toBe(plan.memory.deviceBytes);
  expect(trained.description).toContain('WebGPU');
});
