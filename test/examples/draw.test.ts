import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, newPage } from '../support/chromium.ts';
import { claimGpu, press, type StaticPage, staticPage, textOf } from '../support/static-page.ts';

let built: StaticPage;

beforeAll(async () => {
  built = await staticPage('draw');
});
afterAll(() => built?.close());

/** Moves the pen over the pad along points between 0 and 1, and brings it into view before, as a person would. */
async function stroke(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const pad = (await page.$('#pad'))!;
  await pad.evaluate((element) => element.scrollIntoView({ block: 'center' }));
  const box = (await pad.boundingBox())!;
  const at = ([x, y]: readonly [number, number]) =>
    [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 });
  await page.mouse.up();
}

const ONE = [
  [0.5, 0.15],
  [0.5, 0.85],
] as const;
/** A symbol that is no digit: three bars. */
const BARS = [
  [
    [0.2, 0.25],
    [0.8, 0.25],
  ],
  [
    [0.2, 0.5],
    [0.8, 0.5],
  ],
  [
    [0.2, 0.75],
    [0.8, 0.75],
  ],
] as const;

const guessed = (page: Page) =>
  page.waitForFunction(() =>
    document.getElementById('guess')?.textContent?.startsWith('It looks like'),
  );

async function drawBars(page: Page): Promise<void> {
  for (const bar of BARS) await stroke(page, bar);
}

async function keepBars(page: Page, name: string): Promise<void> {
  await drawBars(page);
  await page.$eval(
    '#label',
    (input, text) => {
      (input as HTMLInputElement).value = text;
      input.dispatchEvent(new Event('input'));
    },
    name,
  );
  await press(page, '#keep');
}

const targetOf = (page: Page) =>
  page.$eval('#target', (select) => (select as HTMLSelectElement).value);

/** Until so many steps of fine-tuning, or all of them, have run on what the page says that they run on. */
const untilTuned = (page: Page, runsOn: string, steps: number) =>
  page.waitForFunction(
    (on, least) => {
      const status = document.getElementById('status')!.textContent!;
      const steps = status.startsWith('Fine-tuned')
        ? Infinity
        : Number(/Step (\d+)/.exec(status)?.[1] ?? 0);
      return (
        document.getElementById('facts')!.textContent!.includes(`Runs on${on}`) && steps >= least
      );
    },
    {},
    runsOn,
    steps,
  );

test('knows digits, learns a symbol of the person, and stays under the line', async () => {
  const { page, problems } = await built.open();
  await page.waitForFunction(() => document.body.dataset['ready'] === 'wasm');
  await stroke(page, ONE);
  await guessed(page);
  expect(await textOf(page, '#guess')).toContain('It looks like 1 ');
  await page.click('#clear');
  for (let k = 0; k < 3; k++) await keepBars(page, '<b>bars');
  expect(await page.$$eval('#kept li', (items) => items.map((item) => item.textContent))).toEqual(
    Array(3).fill('<b>bars'),
  );
  await press(page, '#tune');
  const loss = async (least: number) => {
    await untilTuned(page, 'WebAssembly', least);
    return Number(await page.$eval('#status', (status) => (status as HTMLElement).dataset['loss']));
  };
  const first = await loss(1);
  const last = await loss(120);
  expect(last).toBeLessThan(0.5 * first);
  await page.waitForFunction(() =>
    document.getElementById('status')!.textContent!.startsWith('Fine-tuned'),
  );
  await drawBars(page);
  await guessed(page);
  expect(await textOf(page, '#guess')).toContain('It looks like <b>bars ');
  expect(await page.$$('#guess b, #kept b, #bars b')).toHaveLength(0);
  const { allocated, budget } = await page.$eval('#facts', (facts) => ({
    ...(facts as HTMLElement).dataset,
  }));
  expect(Number(budget)).toBe(3 * 2 ** 20);
  expect(Number(allocated)).toBeGreaterThan(0);
  expect(Number(allocated)).toBeLessThanOrEqual(Number(budget));
  expect(problems).toEqual([]);
  await page.close();
});

const LOST = 'WebGPU failed, so the page goes on with WebAssembly: the browser took the GPU away.';

test('a GPU is chosen where there is one; when it is lost, the page goes on without it', async () => {
  const { page, problems } = await newPage(built.browser);
  await claimGpu(page, { lostAfter: 4 });
  await page.goto(built.address);
  await page.waitForFunction(() => document.body.dataset['ready'] === 'webgpu');
  expect([await targetOf(page), await textOf(page, '#target-note')]).toEqual(['webgpu', '']);
  await stroke(page, ONE);
  await guessed(page);
  expect(await textOf(page, '#guess')).toContain('It looks like 1 ');
  await page.click('#clear');
  await keepBars(page, 'bars');
  await press(page, '#tune');
  await untilTuned(page, 'WebAssembly', 3);
  expect(await targetOf(page)).toBe('wasm');
  expect(await textOf(page, '#target-note')).toBe(LOST);
  expect(problems).toEqual([]);
  await page.close();
});

test('a GPU that is lost while it is fine-tuned: all steps are made again without it', async () => {
  const { page, problems } = await newPage(built.browser);
  // Behind what recognising three strokes and saving the parameters submits, before the last step.
  await claimGpu(page, { lostAfter: 40 });
  await page.goto(built.address);
  await page.waitForFunction(() => document.body.dataset['ready'] === 'webgpu');
  await keepBars(page, 'bars');
  await press(page, '#tune');
  await page.waitForFunction(() =>
    document.getElementById('status')!.textContent!.startsWith('Fine-tuned'),
  );
  // The last step on each of them stays there.
  const steps = await page.$eval('#status', (status) => ({ ...(status as HTMLElement).dataset }));
  expect(Number(steps['webgpu'])).toBeGreaterThanOrEqual(1);
  expect(Number(steps['webgpu'])).toBeLessThan(120);
  expect(Number(steps['wasm'])).toBe(120);
  expect(await targetOf(page)).toBe('wasm');
  expect(await textOf(page, '#target-note')).toBe(LOST);
  expect(problems).toEqual([]);
  await page.close();
});

test('a browser without WebGPU: WebAssembly, and the reason', async () => {
  const browser = await launchChromium({ webgpu: false });
  const { page, problems } = await built.open('', browser);
  await page.waitForFunction(() => document.getElementById('target-note')!.textContent !== '');
  expect(await targetOf(page)).toBe('wasm');
  expect(await textOf(page, '#target-note')).toBe('This browser has no WebGPU.');
  await page.select('#target', 'webgpu');
  await page.waitForFunction(() =>
    document.getElementById('target-note')!.textContent!.startsWith('WebGPU failed'),
  );
  expect(await targetOf(page)).toBe('wasm');
  await stroke(page, ONE);
  await guessed(page);
  expect(problems).toEqual([]);
  await browser.close();
});
