import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { formatBytes } from '../../compiler/format.ts';
import type { Plan } from '../../ir/plan.ts';
import { contractionTrees } from '../../view/data/contraction-trees.ts';
import { kernelRows } from '../../view/data/kernels.ts';
import { planModel } from '../../view/data/model.ts';
import { sourceHeat } from '../../view/data/source-heat.ts';
import { THEMES } from '../../view/page/theme.ts';
import { launchChromium, newPage } from '../support/chromium.ts';
import { createProject, type Project } from '../support/project.ts';

const MODEL = `import { adam, crossEntropy, defineModel, einsum, init, linear, param, relu, tensor } from 'btc-compiler';

function mix(x) {
  const a = param('a', [48, 3], init.normal(1));
  const b = param('b', [3, 48], init.normal(1));
  return einsum('zi,ij,jk->zk', x, a, b);
}

export default defineModel({
  name: 'mixed',
  inputs: { x: tensor([64, 48]), y: tensor([64], 'i32') },
  build({ x }) {
    let h = x;
    for (let k = 0; k < 4; k++) h = relu(linear(48, 48)(h));
    return { logits: linear(48, 5)(mix(h)) };
  },
  train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: adam() },
});
`;

let browser: Browser;
let project: Project;
let page: Page;
let problems: string[] = [];
const planOf = (folder: string) =>
  JSON.parse(readFileSync(join(project.folder, folder, 'model.wasm.plan.json'), 'utf8')) as Plan;

beforeAll(async () => {
  project = createProject();
  project.write(
    'model.ts',
    MODEL.replace('function mix(x)', 'function mix(x: Tensor)').replace(
      'tensor }',
      'tensor, type Tensor }',
    ),
  );
  const build = (...args: string[]) =>
    expect(project.btc('build', 'model.ts', '--target', 'wasm', ...args).code).toBe(0);
  build('--outDir', 'whole');
  const { deviceBytes } = planOf('whole').memory;
  build(
    '--outDir',
    'half',
    '--budget',
    String(Math.floor(deviceBytes * 0.8)),
    '--host-budget',
    '1MiB',
  );
  const shown = project.btc(
    'view',
    'half/model.wasm.plan.json',
    'whole/model.wasm.plan.json',
    '-o',
    'page.html',
  );
  expect([shown.code, shown.stderr]).toEqual([0, '']);
  browser = await launchChromium({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  project.remove();
});

beforeEach(async () => {
  ({ page, problems } = await newPage(browser));
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(pathToFileURL(join(project.folder, 'page.html')).href);
  await page.waitForSelector('[data-ready] .btc-view #bv-kernels tr[data-kernel]');
  await settled();
});
afterEach(async () => {
  expect(problems).toEqual([]);
  await page.close();
});

const model = () => planModel({ plan: planOf('half') });
const texts = (selector: string) =>
  page.$$eval(selector, (found) => found.map((element) => element.textContent ?? ''));
const isShown = async (id: string) => (await (await page.$(`#bv-${id}`))?.isVisible()) ?? false;
/** Clicks without the mouse: what is to be clicked may lie under what is fixed to the page. */
const press = (selector: string, index = 0) =>
  page.$$eval(
    selector,
    (found, at) => found[at].dispatchEvent(new MouseEvent('click', { bubbles: true })),
    index,
  );
const nextFrame = () =>
  page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  );
/** Waits until all panels show what is selected. */
const settled = async () => {
  await nextFrame();
  await page.waitForFunction(() => !document.querySelector('.bv-panel[aria-busy]:not([hidden])'));
};

test('the table of kernels has the figures of the plan, is sorted by its headings, and leads to steps', async () => {
  const rows = kernelRows(model(), model().program('train'));
  const names = () => texts('#bv-kernels tbody tr td.bv-code button');
  expect(await names()).toEqual(rows.slice(0, 15).map(({ name }) => name));
  const [first] = await texts('#bv-kernels tbody tr:first-child td');
  expect(first).toBe(`${(100 * rows[0].share).toFixed(1)} %`);
  const heads = await texts('#bv-kernels thead button');
  expect(heads).toEqual(['share', 'kernel', 'predicted', 'steps', 'GFLOP/s', 'GB/s']);
  await press('#bv-kernels thead button', 1);
  const sorted = rows.map(({ name }) => name).sort();
  expect(await names()).toEqual(sorted.slice(0, 15));
  expect(
    await page.$eval('#bv-kernels th[aria-sort]', (head) => head.getAttribute('aria-sort')),
  ).toBe('ascending');
  await press('#bv-kernels tbody tr:first-child td.bv-code button');
  await settled();
  const [step] = rows.find(({ name }) => name === sorted[0])!.steps;
  expect(await isShown('step')).toBe(true);
  expect((await texts('#bv-step')).join()).toContain(`${step}`);
  expect(await texts('#bv-kernels tr.bv-selected td.bv-code')).toEqual([sorted[0]]);
});

test('the model stands there line by line with what each costs; a line leads to its tensors, and back', async () => {
  const program = model().program('train');
  const [file] = sourceHeat(model(), program);
  expect(file.file).toBe('model.ts');
  const hot = [...file.lines.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
  expect(await texts('#bv-source .bv-line-text')).toContain(
    "  return einsum('zi,ij,jk->zk', x, a, b);",
  );
  const label = await page.$eval(`#bv-source [data-line="${hot.line}"]`, (row) =>
    row.getAttribute('aria-label'),
  );
  expect(label).toContain(`line ${hot.line}: ${formatBytes(hot.bytes)} at the peak`);
  const lines = await page.$$eval('#bv-source button[data-line]', (rows) =>
    rows.map((row) => Number(row.getAttribute('data-line'))),
  );
  expect(lines).toEqual([...file.lines.keys()]);
  await press(`#bv-source [data-line="${hot.line}"]`);
  const [tensor] = hot.tensors;
  const name = planOf('half').tensors[tensor].name;
  expect((await texts('#bv-source .bv-about button'))[0]).toBe(name);
  await press('#bv-source .bv-about button');
  await settled();
  expect(await texts('#bv-tensor .bv-name')).toEqual([name]);
  const marked = await page.$$eval('#bv-source .bv-selected', (rows) =>
    rows.map((row) => Number(row.getAttribute('data-line'))),
  );
  expect(marked).toContain(hot.line);
});

test('around the selection stands what is joined with it, and leads there', async () => {
  expect(await isShown('neighbourhood')).toBe(false);
  await press('#bv-kernels tbody td.bv-code button');
  await settled();
  expect(await isShown('neighbourhood')).toBe(true);
  const own = await texts('#bv-neighbourhood .bv-own title');
  const boxes = await texts('#bv-neighbourhood .bv-box title');
  const step = Number(own[0].split(':')[0]);
  const program = model().program('train');
  const { tensors } = planOf('half');
  const operands = program.operands[step].map(({ tensor }) => tensors[tensor].name);
  expect(boxes).toEqual(expect.arrayContaining(operands));
  await press('#bv-neighbourhood .bv-box[data-kind="tensor"]');
  await settled();
  expect(operands).toContain((await texts('#bv-tensor .bv-name'))[0]);
  expect(await texts('#bv-neighbourhood .bv-own title')).toEqual(
    await texts('#bv-tensor .bv-name'),
  );
  const before = (await texts('#bv-neighbourhood .bv-box title')).length;
  await press('#bv-neighbourhood .bv-group button', 1);
  expect((await texts('#bv-neighbourhood .bv-box title')).length).toBeGreaterThanOrEqual(before);
});

test('while a key is held, what is below waits for the last of its steps', async () => {
  await page.keyboard.press('Home');
  await settled();
  // In one go, so that a slow machine has no rest between the presses.
  const seen = await page.evaluate(async () => {
    const found: string[] = [];
    for (let k = 0; k < 3; k++) {
      document.body.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }),
      );
      await new Promise((done) => requestAnimationFrame(done));
      const [step, own] = ['#bv-step .bv-name', '#bv-neighbourhood .bv-own title'].map(
        (selector) => document.querySelector(selector)!.textContent!,
      );
      found.push(`${step}; ${own.split(':')[0]}`);
    }
    return found;
  });
  expect(seen).toEqual([1, 2, 3].map((step) => `Step ${step} of train; 0`));
  await settled();
  expect((await texts('#bv-neighbourhood .bv-own title'))[0]).toMatch(/^3: /);
});

test('contractions are trees with their costs', async () => {
  const [tree] = contractionTrees(model());
  expect(await texts('#bv-contractions p.bv-code')).toEqual([tree.equation]);
  const titles = await texts('#bv-contractions svg title');
  expect(titles).toHaveLength(tree.nodes.length);
  expect(titles.filter((title) => title.includes('multiply-adds'))).toHaveLength(2);
  expect((await texts('#bv-contractions dd'))[1]).toMatch(/multiply-adds, [\d.]+ times as many$/);
});

test('two plans stand beside each other with what changed', async () => {
  const [half, whole] = [planOf('half'), planOf('whole')];
  const row = (name: string) =>
    page.$$eval(
      '#bv-compare .bv-figures tbody tr',
      (rows, wanted) =>
        rows
          .map((each) => [...each.children].map((cell) => cell.firstChild?.textContent ?? ''))
          .find(([head]) => head === wanted),
      name,
    );
  expect(await row('on the device')).toEqual([
    'on the device',
    formatBytes(half.memory.deviceBytes),
    formatBytes(whole.memory.deviceBytes),
  ]);
  expect(await row('budget')).toEqual(['budget', formatBytes(half.memory.budgetBytes!), '–']);
  const changed = await texts('#bv-compare .bv-changed td:nth-child(2)');
  expect(changed.length).toBeGreaterThan(0);
  for (const text of changed) expect(text).toMatch(/^(recomputed|swapped)/);
  expect(await texts('#bv-compare .bv-key li')).toHaveLength(2);
  const colours = await page.$eval('#bv-compare canvas', (canvas) => {
    const { data } = (canvas as HTMLCanvasElement)
      .getContext('2d')!
      .getImageData(
        0,
        0,
        (canvas as HTMLCanvasElement).width,
        (canvas as HTMLCanvasElement).height,
      );
    const seen = new Set<string>();
    for (let at = 0; at < data.length; at += 4)
      if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
    return [...seen];
  });
  // The curves of the first and the second plan.
  const { parameter, output } = THEMES.light.memory;
  const parts = (colour: string) =>
    [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)).join();
  expect(colours).toEqual(expect.arrayContaining([parameter, output].map(parts)));
});

test('the bar that stays above all hides no title', async () => {
  await page.keyboard.press('p');
  await settled();
  const gaps = await page.$$eval(':is(.bv-axis, .bv-below) > .bv-panel:not([hidden])', (panels) =>
    panels.map((panel) => {
      panel.scrollIntoView({ block: 'start' });
      const { bottom } = document.querySelector('.bv-toolbar')!.getBoundingClientRect();
      return { id: panel.id, gap: panel.querySelector('h2')!.getBoundingClientRect().top - bottom };
    }),
  );
  expect(gaps.length).toBeGreaterThan(6);
  expect(gaps.filter(({ gap }) => gap < 0)).toEqual([]);
});

test('on a telephone no panel is wider than the screen', async () => {
  await page.setViewport({ width: 390, height: 800 });
  await settled();
  const wide = await page.$$eval('.bv-panel', (panels) =>
    panels
      .filter((panel) => panel.getBoundingClientRect().right > innerWidth + 1)
      .map(({ id }) => id),
  );
  expect(wide).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});
