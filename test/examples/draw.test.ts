import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StaticPage, staticPage, textOf } from '../support/static-page.ts';

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

test('knows digits, learns a symbol of the person, and stays under the line', async () => {
  const { page, problems } = await built.open();
  await page.waitForFunction(() => document.body.dataset['ready'] === 'wasm');
  await stroke(page, ONE);
  await guessed(page);
  expect(await textOf(page, '#guess')).toContain('It looks like 1 ');
  await page.click('#clear');
  for (let k = 0; k < 3; k++) {
    await drawBars(page);
    await page.$eval('#label', (input) => {
      (input as HTMLInputElement).value = '<b>bars';
      input.dispatchEvent(new Event('input'));
    });
    await page.click('#keep');
  }
  expect(await page.$$eval('#kept li', (items) => items.map((item) => item.textContent))).toEqual(
    Array(3).fill('<b>bars'),
  );
  await page.click('#tune');
  const loss = async (least: number) => {
    await page.waitForFunction(
      (step) => {
        const text = document.getElementById('status')!.textContent!;
        return text.startsWith('Fine-tuned') || Number(/Step (\d+)/.exec(text)?.[1] ?? 0) >= step;
      },
      {},
      least,
    );
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
