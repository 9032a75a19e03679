import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { btc, ROOT } from '../support/btc.ts';
import { compileInPage, openWebPage, type WebPage } from '../support/web-page.ts';

let web: WebPage;
let folder: string;

beforeAll(async () => {
  web = await openWebPage();
  folder = mkdtempSync(join(tmpdir(), 'btc-web-'));
});
afterAll(async () => {
  await web?.close();
  rmSync(folder, { recursive: true, force: true });
});

const FILE = 'examples/playground/models/digits.ts';
const SOURCE = readFileSync(join(ROOT, FILE), 'utf8');
const LOOP = `${SOURCE}\nfor (;;);`;

test('plans, module and parameters are those of btc build', async () => {
  const { code, stdout } = btc(['build', FILE, '--outDir', folder, '--target', 'webgpu,wasm']);
  expect(code, stdout).toBe(0);
  const { plans, module, parameters } = await compileInPage(web.page, { [FILE]: SOURCE });
  const read = (name: string) => readFileSync(join(folder, name));
  for (const target of ['webgpu', 'wasm'])
    expect(plans[target]).toEqual(JSON.parse(read(`digits.${target}.plan.json`).toString()));
  expect(Buffer.from(module!).equals(read('digits.wasm'))).toBe(true);
  expect(Buffer.from(parameters!).equals(read('digits.safetensors'))).toBe(true);
});

test('a signal ends a model that loops, with its reason', async () => {
  const said = await web.page.evaluate(`(async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 500);
    const options = { signal: stop.signal };
    return btc.web.compileSource(${JSON.stringify(LOOP)}, options).then(() => 'built', (error) => error.message);
  })()`);
  expect(said).toBe('enough');
});

test.each(['worker', 'frame'])(
  'a model that loops in a %s is BTC5207 in time',
  async (isolation) => {
    const options = { timeoutMs: 700, isolation };
    const { plans, diagnostics } = await compileInPage(web.page, LOOP, options);
    expect(diagnostics.map(({ code }) => code)).toEqual(['BTC5207']);
    expect(plans).toEqual({});
  },
);

test('what it gives trains in the page', async () => {
  const losses = (await web.page.evaluate(`(async () => {
    const { plans, module, parameters } = await btc.web.compileSource(${JSON.stringify(SOURCE)}, { targets: ['wasm'] });
    const session = await btc.load(plans.wasm, { module, parameters });
    const image = Float32Array.from({ length: 100 * 784 }, (_, k) => Math.sin(k * k));
    const label = Int32Array.from({ length: 100 }, (_, k) => k % 10);
    const losses = [];
    for (let step = 0; step < 40; step++) losses.push((await session.run('train', { image, label })).loss[0]);
    session.destroy();
    return losses;
  })()`)) as number[];
  expect(losses[0]).toBeGreaterThan(1.8);
  expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]);
});
