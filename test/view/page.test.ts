import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatBytes, formatSeconds } from '../../compiler/format.ts';
import { whyTensor } from '../../compiler/inspect/why.ts';
import { reasonWords } from '../../compiler/inspect/why-words.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { planModel } from '../../view/data/model.ts';
import { wholeRange } from '../../view/data/range.ts';
import { bandsOf, bandY } from '../../view/page/arena-layout.ts';
import { LANES_TOP, lanesHeight } from '../../view/page/copies-draw.ts';
import { stepScale } from '../../view/page/step-axis.ts';
import { btc } from '../support/btc.ts';
import { launchChromium, newPage, openPage, serve } from '../support/chromium.ts';
import { smallPlan } from '../support/small-plan.ts';
import { swappedPlan } from '../support/swapped-plan.ts';
import { largePlan } from './large-plan.ts';
import { recomputingPlan } from './recomputing-plan.ts';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
let browser: Browser;
let folder: string;

beforeAll(async () => {
  if (!existsSync(`${dist}/view/page.js`))
    throw new Error("dist/ is not built; run 'npm run build' first, or 'npm test'");
  folder = mkdtempSync(join(tmpdir(), 'btc-view-'));
  browser = await launchChromium({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

let pages = 0;

/** The page that `btc view` writes of plans, as a file. */
function written(...plans: readonly Plan[]): string {
  const name = `page${pages++}`;
  const files = plans.map((plan, k) => {
    const file = join(folder, `${name}-${k}.plan.json`);
    writeFileSync(file, JSON.stringify(plan));
    return file;
  });
  const page = join(folder, `${name}.html`);
  const { code, stderr } = btc(['view', ...files, '-o', page]);
  expect([code, stderr]).toEqual([0, '']);
  return page;
}

interface Opened {
  readonly page: Page;
  readonly problems: string[];
  /** Addresses that the page asked for. */
  readonly requests: string[];
}

async function open(file: string, width = 1280): Promise<Opened> {
  const { page, problems } = await newPage(browser);
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.setViewport({ width, height: 900 });
  await page.goto(pathToFileURL(file).href);
  await page.waitForSelector('[data-ready]').catch(() => {
    throw new Error(`the page does not show its plan: ${problems.join('; ')}`);
  });
  await frames(page);
  return { page, problems, requests };
}

/** Lets what was changed be drawn. */
const frames = (page: Page) =>
  page.evaluate(
    () =>
      new Promise((done) => {
        requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
      }),
  );

const text = (page: Page, selector: string) =>
  page.$eval(selector, (element) => element.textContent ?? '');

/** Where a byte at a step is on the map. */
async function mapPoint(page: Page, plan: Plan, name: string, tensor: number) {
  const { arena, steps } = planModel({ plan }).program(name);
  const { boxes } = arena;
  const box = boxes.tensor.indexOf(tensor);
  const rect = await page.$eval('#bv-arena canvas', (canvas) => {
    canvas.scrollIntoView({ block: 'center' });
    const { left, top, width } = canvas.getBoundingClientRect();
    return { left, top, width };
  });
  const [slabs] = bandsOf(arena, rect.width, { low: 0, high: arena.bytes });
  const step = boxes.x0[box] + Math.min(0.4, (boxes.x1[box] - boxes.x0[box]) / 2);
  const byte = (boxes.y0[box] + boxes.y1[box]) / 2;
  return {
    x: rect.left + stepScale(wholeRange(steps.length), rect.width).x(step),
    y: rect.top + bandY(slabs, byte),
  };
}

describe('a page opened from disk', () => {
  let plan: Plan;
  let opened: Opened;
  beforeAll(async () => {
    plan = await recomputingPlan();
    opened = await open(written(plan));
  });

  test('says in its head what the plan has', async () => {
    const head = await text(opened.page, '.bv-head');
    const { live } = planModel({ plan }).program('train');
    for (const part of [
      'deep on WebGPU',
      formatBytes(plan.memory.deviceBytes),
      formatBytes(plan.memory.budgetBytes!),
      formatBytes(live.total[live.peak.step]),
      `at step ${live.peak.step} of`,
      formatSeconds(plan.programs['train'].predicted!.seconds),
      'compute once more',
    ])
      expect(head).toContain(part);
  });

  test('draws every tensor of the program', async () => {
    const { boxes } = planModel({ plan }).program('train').arena;
    expect(await opened.page.$eval('#bv-arena canvas', (canvas) => canvas.dataset['seen'])).toBe(
      String(boxes.count),
    );
    // Many colours, so that it is no empty canvas.
    const colours = await opened.page.$eval('#bv-arena canvas', (canvas) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
    expect(colours).toBeGreaterThan(6);
  });

  test('a click on a rectangle says what btc inspect --why says', async () => {
    const { page } = opened;
    const tensor = plan.tensors.findIndex(({ copyOf }) => copyOf?.by === 'recompute');
    const { x, y } = await mapPoint(page, plan, 'train', tensor);
    await page.mouse.move(x, y);
    await frames(page);
    const { name, bytes } = plan.tensors[tensor];
    expect(await text(page, '.bv-tip')).toContain(name);
    expect(await text(page, '.bv-tip')).toContain(formatBytes(bytes));
    await page.mouse.click(x, y);
    await frames(page);
    const panel = await text(page, '#bv-tensor');
    expect(panel).toContain(name);
    const words = reasonWords(plan, whyTensor(plan, tensor));
    for (const line of [words.what, words.verdict, words.rule]) expect(panel).toContain(line);
    for (const { lines } of words.programs) for (const line of lines) expect(panel).toContain(line);
    expect(panel).toContain('computed once more');
    const uses = planModel({ plan }).program('train').uses(tensor);
    expect(panel).toContain(`Used by ${uses.length} step`);
    const cli = btc(['inspect', join(folder, 'page0-0.plan.json'), '--why', name]).stdout;
    expect(cli).toContain(words.rule);
  });

  test('a twin and a step are a click away', async () => {
    const { page } = opened;
    const before = await text(page, '#bv-tensor .bv-name');
    await page.click('#bv-tensor ul:not(.bv-lines) .bv-link');
    await frames(page);
    const twin = await text(page, '#bv-tensor .bv-name');
    expect(twin).not.toBe(before);
    const steps = await page.$$('#bv-tensor ul:last-of-type .bv-link');
    const step = await steps[0].evaluate((element) => element.textContent);
    await steps[0].click();
    await frames(page);
    expect(await text(page, '#bv-step .bv-name')).toBe(`${step!.replace('step', 'Step')} of train`);
    expect(await text(page, '#bv-step')).toContain(twin);
  });

  test('keys move the step, show the peak and take the selection back', async () => {
    const { page } = opened;
    const { peak } = planModel({ plan }).program('train').live;
    await page.keyboard.press('p');
    await frames(page);
    expect(await text(page, '#bv-step .bv-name')).toBe(`Step ${peak.step} of train`);
    await page.keyboard.press('ArrowRight');
    await frames(page);
    expect(await text(page, '#bv-step .bv-name')).toBe(`Step ${peak.step + 1} of train`);
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowLeft');
    await frames(page);
    expect(await text(page, '#bv-step .bv-name')).toBe('Step 0 of train');
    const { kernel, label } = plan.programs['train'].steps[0];
    expect(await text(page, '#bv-step')).toContain(plan.kernels[kernel].name);
    expect(await text(page, '#bv-step')).toContain(label);
    await page.keyboard.press('Escape');
    await frames(page);
    expect(await page.$eval('#bv-step', (panel) => (panel as HTMLElement).hidden)).toBe(true);
    expect(await page.$eval('#bv-hint', (panel) => (panel as HTMLElement).hidden)).toBe(false);
    await page.keyboard.press('?');
    expect(await page.$eval('.bv-help', (dialog) => (dialog as HTMLDialogElement).open)).toBe(true);
    await page.keyboard.press('Escape');
    expect(await page.$eval('.bv-help', (dialog) => (dialog as HTMLDialogElement).open)).toBe(
      false,
    );
  });

  test('a key counts behind a dialog that was closed in the same frame', async () => {
    const { page } = opened;
    const name = await page.evaluate(() => {
      document.querySelector<HTMLElement>('.bv-ask')!.click();
      const dialog = document.querySelector<HTMLDialogElement>('.bv-help')!;
      const inside = dialog.querySelector('button')!;
      inside.focus();
      dialog.close();
      // The focus is still within where no element had it before, until the browser looks again.
      inside.dispatchEvent(new KeyboardEvent('keydown', { key: '/', bubbles: true }));
      return document.activeElement?.className;
    });
    expect(name).toBe('bv-search');
    await page.keyboard.press('Escape');
  });

  test('the search finds a tensor by its name', async () => {
    const { page } = opened;
    await page.keyboard.press('/');
    await page.keyboard.type('layer3 weight');
    await page.waitForSelector('.bv-found [role=option]');
    const found = await page.$$eval('.bv-found [role=option] span:first-child', (rows) =>
      rows.map((row) => row.textContent),
    );
    const wanted = plan.tensors.filter(({ name }) => /layer3/.test(name) && /weight/.test(name));
    expect(found.slice().sort()).toEqual(wanted.map(({ name }) => name).sort());
    await page.keyboard.press('Enter');
    await frames(page);
    expect(await text(page, '#bv-tensor .bv-name')).toBe(found[0]);
    expect(await page.$eval('.bv-found', (list) => (list as HTMLElement).hidden)).toBe(true);
  });

  test('another program is shown, and a wheel with Ctrl zooms all panels', async () => {
    const { page } = opened;
    const seen = () => page.$eval('#bv-arena canvas', (canvas) => Number(canvas.dataset['seen']));
    const { boxes } = planModel({ plan }).program('train').arena;
    const { x, y } = await mapPoint(page, plan, 'train', 0);
    await page.mouse.move(x, y);
    await page.keyboard.down('Control');
    for (let k = 0; k < 10; k++) await page.mouse.wheel({ deltaY: -100 });
    await page.keyboard.up('Control');
    await frames(page);
    expect(await seen()).toBeLessThan(boxes.count);
    await page.keyboard.press('0');
    await frames(page);
    expect(await seen()).toBe(boxes.count);
    await page.evaluate(() => {
      for (const button of document.querySelectorAll<HTMLElement>('.bv-toolbar button'))
        if (button.textContent === 'predict') button.click();
    });
    await frames(page);
    expect(await seen()).toBe(planModel({ plan }).program('predict').arena.boxes.count);
    expect(await text(page, '.bv-head')).toContain('most in use in predict');
  });

  test('dark and light differ, and what has the focus is seen', async () => {
    const { page } = opened;
    const look = () =>
      page.$eval('.btc-view', (element) => {
        const { backgroundColor, color } = getComputedStyle(element);
        return { theme: (element as HTMLElement).dataset['theme'], backgroundColor, color };
      });
    const before = await look();
    await page.click('button[aria-label="dark or light"]');
    const after = await look();
    expect(new Set([before.theme, after.theme])).toEqual(new Set(['dark', 'light']));
    expect(after.backgroundColor).not.toBe(before.backgroundColor);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    for (let k = 0; k < 9; k++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => {
        const element = document.activeElement!;
        const { outlineStyle } = getComputedStyle(element);
        return `${element.getAttribute('aria-label') ?? element.textContent}|${outlineStyle}`;
      });
      const [label, outline] = focused.split('|');
      expect(label).not.toBe('');
      expect(outline).not.toBe('none');
    }
  });

  test('all of that without an error, and without a request but for the page itself', () => {
    expect(opened.problems).toEqual([]);
    expect(opened.requests.filter((url) => !url.startsWith('blob:'))).toHaveLength(1);
  });
});

test('lanes of the host and of the spill file are below the map', async () => {
  const plan = swappedPlan(smallPlan(), {
    ...{ seed: 3, hosted: 6, swapped: 10, recomputed: 0, tiers: ['memory', 'file'] },
  });
  const { page, problems } = await open(written(plan));
  const moves = plan.programs['train'].transfers!.length;
  expect(await text(page, '#bv-arena')).toContain(`${moves} copies to and from the host`);
  expect(await text(page, '.bv-head')).toContain('host memory');
  const tall = await page.$eval('#bv-arena canvas', (canvas) => canvas.clientHeight);
  expect(tall).toBeGreaterThan(366 + 80);
  expect(problems).toEqual([]);
});

test('a budget far above what is used leaves the columns their height', async () => {
  const plan = await recomputingPlan();
  const budgeted = (budgetBytes: number) => ({ ...plan, memory: { ...plan.memory, budgetBytes } });
  const { page, problems } = await open(written(budgeted(2 ** 40), plan));
  const { live, steps } = planModel({ plan }).program('train');
  const most = Math.max(plan.memory.deviceBytes, live.total[live.peak.step]);
  const width = await page.$eval('#bv-live canvas', (canvas) => canvas.clientWidth);
  const column = stepScale(wholeRange(steps.length), width).x(live.peak.step + 0.5) / width;
  /** How much of the canvas is coloured at the step of the peak. */
  const filled = await page.$eval(
    '#bv-live canvas',
    (canvas, share) => {
      const { width, height } = canvas;
      const context = canvas.getContext('2d')!;
      const { data } = context.getImageData(Math.round(share * width), 0, 1, height);
      let count = 0;
      for (let y = 0; y < height; y++) {
        const [red, green, blue] = data.subarray(4 * y, 4 * y + 3);
        const isColoured = Math.max(red, green, blue) - Math.min(red, green, blue) > 40;
        if (isColoured && data[4 * y + 3] === 255) count++;
      }
      return count / height;
    },
    column,
  );
  expect(filled).toBeGreaterThan((0.5 * live.total[live.peak.step]) / most);
  expect(await text(page, '.bv-head')).toContain(formatBytes(2 ** 40));
  expect(problems).toEqual([]);
});

test('a telephone shows all of it without scrolling sideways', async () => {
  const { page, problems } = await open(written(smallPlan()), 390);
  const [wide, inner] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  expect(wide).toBeLessThanOrEqual(inner);
  const point = await mapPoint(page, smallPlan(), 'train', 2);
  await page.mouse.click(point.x, point.y);
  await frames(page);
  const bottom = await page.$eval('#bv-tensor', (panel) => panel.getBoundingClientRect().top);
  expect(bottom).toBeLessThan(900);
  expect(problems).toEqual([]);
});

test('the bytes of the map are zoomed by buttons and by two fingers above each other', async () => {
  const plan = smallPlan();
  const { page, problems } = await open(written(plan), 390);
  const { boxes } = planModel({ plan }).program('train').arena;
  const seen = async () => {
    await frames(page);
    return page.$eval('#bv-arena canvas', (canvas) => Number(canvas.dataset['seen']));
  };
  const { x, y } = await mapPoint(page, plan, 'train', 2);
  expect(await seen()).toBe(boxes.count);
  const zoom = (label: string) =>
    page.$eval(`#bv-arena button[aria-label="${label}"]`, (button) => button.click());
  for (let k = 0; k < 8; k++) await zoom('show fewer bytes, larger');
  expect(await seen()).toBeLessThan(boxes.count);
  await zoom('show all bytes');
  expect(await seen()).toBe(boxes.count);
  const touch = await page.createCDPSession();
  const fingers = (type: 'touchStart' | 'touchMove' | 'touchEnd', apart: number | null) =>
    touch.send('Input.dispatchTouchEvent', {
      type,
      touchPoints:
        apart === null
          ? []
          : [-1, 1].map((side, id) => ({ ...{ x: x + side * 4, id }, y: y + (side * apart) / 2 })),
    });
  await fingers('touchStart', 20);
  for (let apart = 30; apart <= 220; apart += 10) await fingers('touchMove', apart);
  await fingers('touchEnd', null);
  expect(await seen()).toBeLessThan(boxes.count);
  expect(problems).toEqual([]);
});

test('copies have lanes below the steps, with their predicted times', async () => {
  const plain = swappedPlan(smallPlan(), {
    ...{ seed: 3, hosted: 6, swapped: 10, recomputed: 0, tiers: ['memory', 'file'] },
  });
  const { train } = plain.programs;
  const transfers = train.transfers!.map((each, k) => ({
    ...{ ...each, startSeconds: k * 1e-3, seconds: 5e-4 },
  }));
  const steps = train.steps.map((step) => ({ ...step, waitSeconds: 1e-3 }));
  const plan = { ...plain, programs: { ...plain.programs, train: { ...train, steps, transfers } } };
  const { page, problems } = await open(written(plan));
  const { copies } = planModel({ plan }).program('train');
  expect(await page.$eval('#bv-steps canvas', (canvas) => canvas.dataset['copies'])).toBe(
    String(copies.length),
  );
  for (const direction of ['in', 'out'] as const) {
    const own = copies.filter((each) => each.direction === direction && each.place !== 'caller');
    expect(await text(page, '#bv-steps .bv-key')).toContain(`copies ${direction}, ${own.length}`);
  }
  const copy = copies.find(({ place, direction }) => place !== 'caller' && direction === 'out')!;
  const rect = await page.$eval('#bv-steps canvas', (canvas) => {
    canvas.scrollIntoView({ block: 'center' });
    const { left, top, width } = canvas.getBoundingClientRect();
    return { left, top, width };
  });
  const x = rect.left + stepScale(wholeRange(steps.length), rect.width).x((copy.x0 + copy.x1) / 2);
  // The lane of copies out is the second one.
  const y = rect.top + LANES_TOP + 1.5 * (lanesHeight(copies) / 2);
  await page.mouse.move(x, y);
  await frames(page);
  const tip = await text(page, '#bv-steps .bv-tip');
  expect(tip).toContain('predicted 500 us');
  expect(tip).toMatch(/out to (memory of the host|the spill file)/);
  await page.mouse.click(x, y);
  await frames(page);
  expect(tip).toContain(await text(page, '#bv-tensor .bv-name'));
  expect(problems).toEqual([]);
});

test('a pointer that moves over the charts paints none of them', async () => {
  const { page, problems } = await open(written(largePlan(400)));
  await page.evaluate(() => {
    const counts = { painted: 0 };
    Object.assign(globalThis, { counts });
    const { clearRect } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.clearRect = function (...rect) {
      counts.painted++;
      clearRect.apply(this, rect);
    };
  });
  const painted = () => page.evaluate('counts.painted');
  const seen = new Set<string | null>();
  for (const panel of ['live', 'arena', 'steps']) {
    const { left, top, width } = await page.$eval(`#bv-${panel} canvas`, (canvas) => {
      canvas.scrollIntoView({ block: 'center' });
      const { left, top, width } = canvas.getBoundingClientRect();
      return { left, top, width };
    });
    for (let k = 0; k < 12; k++) {
      await page.mouse.move(left + 80 + ((width - 100) * k) / 12, top + 40 + k * 4);
      await frames(page);
      seen.add(
        await page.$eval('#bv-live .bv-over-step', (mark) => (mark as HTMLElement).style.transform),
      );
    }
  }
  expect(seen.size).toBeGreaterThan(8);
  expect(await painted()).toBe(0);
  // What is selected is painted, so the count counts.
  await page.keyboard.press('p');
  await frames(page);
  expect(await painted()).toBeGreaterThan(0);
  expect(problems).toEqual([]);
});

test('whatever is clicked in the tick in which another program is shown, nothing breaks', async () => {
  const plan = await recomputingPlan();
  const { page, problems } = await open(written(plan));
  await page.keyboard.press('p');
  await frames(page);
  await page.waitForFunction(() => !document.querySelector('.bv-panel[aria-busy]:not([hidden])'));
  const count = await page.evaluate(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    const programs = () => [
      ...document.querySelectorAll<HTMLElement>('[aria-label="Program"] button'),
    ];
    let clicked = 0;
    for (let round = 0; round < 24; round++) {
      const all = [
        ...document.querySelectorAll(
          '.btc-view .bv-link, .btc-view .bv-box, .btc-view .bv-code-line',
        ),
      ].filter((element) => element.closest('[hidden]') === null);
      // Elements of before, in the tick of the change: some are no longer in the page.
      programs()[round % programs().length].click();
      for (let k = round; k < all.length; k += 5) {
        all[k].dispatchEvent(new MouseEvent('click', { bubbles: true }));
        clicked++;
      }
      if (round % 3 === 0) await frame();
      document.dispatchEvent(new KeyboardEvent('keydown', { key: 'p', bubbles: true }));
      if (round % 2 === 0) await frame();
    }
    return clicked;
  });
  expect(count).toBeGreaterThan(50);
  await frames(page);
  const name = await text(page, '#bv-step .bv-name');
  const shown = await text(page, '[aria-label="Program"] [aria-pressed="true"]');
  expect(name).toContain(` of ${shown.split(' ')[0]}`);
  expect(problems).toEqual([]);
});

test('a page in a tab behind others, which has no frames, is ready, and right when it is seen', async () => {
  const { page, problems } = await newPage(browser);
  await page.evaluateOnNewDocument(() => {
    const kept: FrameRequestCallback[] = [];
    const later = globalThis.requestAnimationFrame.bind(globalThis);
    globalThis.requestAnimationFrame = (call) => kept.push(call);
    let isHidden = true;
    Object.defineProperty(Document.prototype, 'hidden', { get: () => isHidden });
    Object.assign(globalThis, {
      toFront: () => {
        isHidden = false;
        globalThis.requestAnimationFrame = later;
        for (const call of kept) later(call);
      },
    });
  });
  const plan = await recomputingPlan();
  await page.goto(pathToFileURL(written(plan)).href);
  await page.waitForSelector('[data-ready]');
  const pictured = () =>
    page.waitForFunction(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#bv-arena canvas')!;
      return Number(canvas.dataset['seen']) > 10;
    });
  await pictured();
  await page.keyboard.press('p');
  const { peak } = planModel({ plan }).program('train').live;
  await page.waitForSelector('#bv-step:not([hidden]) .bv-name');
  expect(await text(page, '#bv-step .bv-name')).toBe(`Step ${peak.step} of train`);
  await page.evaluate('toFront()');
  await page.keyboard.press('ArrowRight');
  await frames(page);
  expect(await text(page, '#bv-step .bv-name')).toBe(`Step ${peak.step + 1} of train`);
  expect(problems).toEqual([]);
  await page.close();
});

test('of several plans any can be shown, and the others are compared with it', async () => {
  const [plain, swapped] = [
    smallPlan(),
    swappedPlan(smallPlan(), {
      ...{ seed: 3, hosted: 6, swapped: 10, recomputed: 0, tiers: ['memory'] },
    }),
  ];
  const { page, problems } = await open(written(plain, swapped, largePlan(30)));
  const select = '[aria-label="Plan that is shown"]';
  expect(await page.$eval(select, (element) => (element as HTMLSelectElement).options.length)).toBe(
    3,
  );
  expect(await text(page, '#bv-steps .bv-key')).not.toContain('copies in');
  await page.waitForSelector('#bv-compare .bv-notes li');
  await page.select(select, '1');
  await frames(page);
  expect(await text(page, '#bv-steps .bv-key')).toContain('copies in');
  expect(await text(page, '#bv-compare .bv-notes')).toContain("is another model, 'chain'");
  await page.select(select, '2');
  await frames(page);
  expect(await text(page, '.bv-head h1')).toBe('chain on WebGPU');
  expect(await text(page, '#bv-compare .bv-notes')).toContain("another model, 'regression'");
  expect(await text(page, '#bv-compare h3')).toBe('No values are compared');
  await page.select(select, '0');
  await frames(page);
  expect(await text(page, '.bv-head h1')).toBe('regression on WebGPU');
  expect(problems).toEqual([]);
});

/** Names that would do harm as markup, in a script, or in what is made of them. */
const HOSTILE = [
  '<img src=x onerror="window.hacked=1">',
  '</script><script>window.hacked=2</script>',
  '<!--<script>',
  '"><svg onload=window.hacked=3>',
  "'+(window.hacked=4)+'",
  '&lt;b&gt;{{window.hacked=5}}',
  'javascript:window.hacked=6',
  '<iframe srcdoc="<script>parent.hacked=7</script>">',
  'toString',
];

describe('plans of strangers', () => {
  test('names are texts, whatever they hold, and no script of theirs runs', async () => {
    const plain = smallPlan();
    const name = (k: number) => HOSTILE[k % HOSTILE.length];
    const plan: Plan = {
      ...plain,
      producer: name(0),
      profile: name(1),
      tensors: plain.tensors.map((tensor, k) => ({
        ...tensor,
        name: `${k}${name(k)}`,
        source: 0,
        program: tensor.program === 'train' ? name(0) : tensor.program,
      })),
      kernels: plain.kernels.map((kernel, k) => ({ ...kernel, name: `${k}${name(k)}` })),
      programs: {
        [name(0)]: {
          ...plain.programs['train'],
          steps: plain.programs['train'].steps.map((step, k) => ({
            ...{ ...step, label: name(k), source: 0 },
          })),
        },
        predict: plain.programs['predict'],
      },
      sources: [{ frame: 0, scope: name(3), pass: name(2) }],
      frames: [{ file: name(1), line: 1, column: 1 }],
    };
    const { page, problems, requests } = await open(written(plan));
    await page.keyboard.press('p');
    await page.keyboard.press('/');
    await page.keyboard.type('<');
    await page.waitForSelector('.bv-found [role=option]');
    await page.keyboard.press('Enter');
    await frames(page);
    expect(await text(page, '.btc-view')).toContain(HOSTILE[0]);
    expect(await text(page, '#bv-step')).toContain(HOSTILE[3]);
    expect(await text(page, '#bv-tensor')).toMatch(/^Tensor\d+</);
    const found = await page.evaluate(() => ({
      elements: document.querySelectorAll('img, iframe, object, embed, link, [onload], [onerror]')
        .length,
      scripts: document.scripts.length,
      hacked: (globalThis as { hacked?: unknown }).hacked,
    }));
    expect(found).toEqual({ elements: 0, scripts: 2, hacked: undefined });
    expect(problems).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('blob:'))).toHaveLength(1);
  });

  test('markup that got into the page all the same would run and fetch nothing', async () => {
    const { page } = await open(written(smallPlan()));
    const blocked = await page.evaluate(async (markup) => {
      const violations: string[] = [];
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
        violations.push(effectiveDirective),
      );
      const place = document.createElement('div');
      document.body.append(place);
      place.innerHTML = markup;
      const script = document.createElement('script');
      script.textContent = 'window.hacked = 8';
      place.append(script);
      const fetched = await fetch('data:text/plain,x').then(
        () => 'fetched',
        () => 'refused',
      );
      await new Promise((done) => setTimeout(done, 200));
      return { violations, fetched, hacked: (globalThis as { hacked?: unknown }).hacked };
    }, HOSTILE.join(''));
    expect(blocked.hacked).toBeUndefined();
    expect(blocked.fetched).toBe('refused');
    expect(blocked.violations.some((each) => each.startsWith('script-src'))).toBe(true);
    expect(blocked.violations).toContain('img-src');
  });
});

const NO_STEPS = { steps: [], inputs: [], outputs: [] };

/** A valid plan in which there is nothing but programs. */
function emptyPlan(programs: Plan['programs']): Plan {
  const { memory, ...plan } = smallPlan();
  const none = {
    ...{ deviceBytes: 0, arenaBytes: 0, persistentBytes: 0, stagingBytes: 0 },
    ...{ snapshotOptionBytes: 0, peakLiveBytes: 0, budgetBytes: 1024 },
    packing: { method: 'none', gapBytes: 0 },
  };
  const { bounds: _, ...rest } = memory;
  const empty = { ...plan, tensors: [], kernels: [], slabs: [], programs };
  const made = { ...empty, memory: { ...rest, ...none } };
  expect(verifyPlan(made)).toEqual([]);
  return made;
}

describe('the module', () => {
  const PAGE = `<!doctype html><title>view</title><main id="root"></main>
<script type="module">
  import { mountView } from '/view/index.js';
  window.mount = (input) => { window.view = mountView(document.getElementById('root'), input); };
</script>`;

  test('shows plans in a page of others, moves on with a new one, and leaves no trace', async () => {
    const server = await serve(dist, { '/index.html': PAGE });
    try {
      const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
      await page.waitForFunction('window.mount !== undefined');
      const run = (call: string, input: unknown) =>
        page.evaluate(`window.${call}(${JSON.stringify(input) ?? ''})`);
      await run('mount', { plans: [{ plan: smallPlan() }] });
      await frames(page);
      await page.keyboard.press('p');
      await frames(page);
      expect(await text(page, '#bv-step .bv-name')).toMatch(/^Step \d of train$/);
      await run('view.update', { plans: [{ plan: largePlan(12) }], live: 'building…' });
      await frames(page);
      expect(await text(page, '.bv-head')).toContain('chain on WebGPU');
      expect(await text(page, '.bv-live')).toBe('building…');
      await run('view.update', { plans: [{ plan: emptyPlan({ nothing: NO_STEPS }) }] });
      await frames(page);
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('End');
      await frames(page);
      expect(await text(page, '.bv-head')).toContain("for 'nothing'");
      for (const wrong of [
        null,
        {},
        { plans: [] },
        { plans: [{ plan: 1 }] },
        { plans: 'x' },
        { plans: [{ plan: emptyPlan({}) }] },
      ]) {
        await run('view.update', wrong);
        await frames(page);
        expect(await text(page, '.bv-problem')).toMatch(/no valid plan|no plan|no program/);
      }
      await run('view.update', { plans: [{ plan: smallPlan() }] });
      await frames(page);
      expect(await page.$$('.bv-problem')).toHaveLength(0);
      await run('view.destroy', undefined);
      expect(await page.$eval('#root', (root) => root.childNodes.length)).toBe(0);
      expect(problems).toEqual([]);
    } finally {
      await server.close();
    }
  });
});

test('20,000 steps: a frame of a zoom has little to do', async () => {
  const { page, problems } = await open(written(largePlan(20_000)));
  const milliseconds = await page.evaluate(async () => {
    const canvas = document.querySelector('#bv-arena canvas')!;
    const { left, top } = canvas.getBoundingClientRect();
    const times: number[] = [];
    let before = await new Promise<number>(requestAnimationFrame);
    for (let k = 0; k < 40; k++) {
      const wheel = { deltaY: k < 20 ? -40 : 40, ctrlKey: true, bubbles: true, cancelable: true };
      canvas.dispatchEvent(
        new WheelEvent('wheel', { ...wheel, clientX: left + 500, clientY: top + 100 }),
      );
      const now = await new Promise<number>(requestAnimationFrame);
      times.push(now - before);
      before = now;
    }
    return times.sort((a, b) => a - b)[20];
  });
  // 17 on an idle machine, which is what the screen allows; a busy one has others to serve.
  expect(milliseconds).toBeLessThan(100);
  expect(problems).toEqual([]);
});

test('the system turns dark or light while the page is open: every picture follows, also out of sight', async () => {
  const plan = await recomputingPlan();
  const file = written(plan, plan);
  const { page, problems } = await open(file);
  await page.setViewport({ width: 1280, height: 300 });
  const turn = (value: string) =>
    page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
  const pictures = () => page.$$eval('canvas', (list) => list.map((canvas) => canvas.toDataURL()));
  const opened: Record<string, readonly string[]> = {};
  for (const theme of ['light', 'dark']) {
    await turn(theme);
    await page.reload();
    await page.waitForFunction(() => document.querySelectorAll('canvas').length === 8);
    await frames(page);
    opened[theme] = await pictures();
  }
  for (const theme of ['light', 'dark', 'light']) {
    await turn(theme);
    await frames(page);
    expect((await pictures()).map((picture, k) => picture === opened[theme][k])).toEqual(
      opened[theme].map(() => true),
    );
  }
  expect(opened['light'][0]).not.toBe(opened['dark'][0]);
  expect(problems).toEqual([]);
  await page.close();
});
