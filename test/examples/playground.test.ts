import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, newPage } from '../support/chromium.ts';
import { claimGpu, press, type StaticPage, staticPage, textOf } from '../support/static-page.ts';

let built: StaticPage;

beforeAll(async () => {
  built = await staticPage('playground');
});
afterAll(() => built?.close());

/** Until what is in the editor is built and the status says `text`; the budgets that it can have may still be sought. */
async function untilBuilt(page: Page, text: string): Promise<void> {
  await page.waitForFunction(
    (wanted) =>
      ['told', 'idle'].includes(document.body.dataset['stage']!) &&
      document.getElementById('status')?.textContent?.includes(wanted),
    {},
    text,
  );
}

const untilIdle = (page: Page) =>
  page.waitForFunction(() => document.body.dataset['stage'] === 'idle');

const problemsOf = (page: Page) =>
  page.$$eval('#problems li', (items) => items.map((item) => item.textContent ?? ''));

/** Replaces a part of the model as a person would: what stands in the editor is selected and typed over. */
async function edit(page: Page, from: string, to: string): Promise<void> {
  await page.evaluate(
    (before, after) => {
      const content = document.querySelector('.cm-content') as HTMLElement;
      const line = [...content.querySelectorAll('.cm-line')].find((one) =>
        one.textContent?.includes(before),
      );
      if (!line) throw new Error(`no line has ${before}`);
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      const range = document.createRange();
      let seen = 0;
      const start = line.textContent!.indexOf(before);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const length = node.textContent!.length;
        const place = (offset: number) => offset >= seen && offset <= seen + length;
        if (place(start) && start < seen + length) range.setStart(node, start - seen);
        if (place(start + before.length)) {
          range.setEnd(node, start + before.length - seen);
          break;
        }
        seen += length;
      }
      content.focus();
      const selection = getSelection()!;
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand('insertText', false, after);
    },
    from,
    to,
  );
}

test('from an edit to a falling loss, in the page', async () => {
  const { page, problems } = await built.open();
  await untilBuilt(page, 'Built in');
  expect(await problemsOf(page)).toEqual([]);
  await narrow(page);
  expect(await page.$$eval('#view canvas', (list) => list.length)).toBeGreaterThan(0);
  expect(await page.$eval('#loss', (chart) => chart.getAttribute('aria-label'))).toBe(
    'Loss: The loss of each step appears here.',
  );
  await notesLosses(page);
  await press(page, '#train');
  await page.waitForFunction(
    () =>
      Number(/Step (\d+)/.exec(document.getElementById('train-status')!.textContent!)?.[1]) >=
        200 || document.getElementById('train-status')!.textContent === 'Trained.',
  );
  const losses = await page.evaluate(
    () => (globalThis as unknown as { losses: readonly number[] }).losses,
  );
  expect(losses[0]).toBeGreaterThan(1.8);
  expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]);
  expect(await page.$eval('#loss', (chart) => chart.getAttribute('aria-label'))).toMatch(
    /^Loss: \d/,
  );
  const share = Number(/other digits([\d.]+) %/.exec(await textOf(page, '#train-facts'))?.[1]);
  expect(share).toBeGreaterThan(60);
  await page.click('#stop');
  await page.waitForFunction(() =>
    /Stopped|Trained/.test(document.getElementById('train-status')!.textContent!),
  );
  expect(problems).toEqual([]);
  await page.close();
});

test('a wrong edit is a diagnostic at its line; mended, it goes', async () => {
  const { page, problems } = await built.open();
  await untilBuilt(page, 'Built in');
  await edit(page, 'linear(784, hidden', 'linear(748, hidden');
  await untilBuilt(page, 'Not built');
  const [problem] = await problemsOf(page);
  expect(problem).toMatch(
    /^model\.ts:23:42 BTC2014: 'linear': the input has 784 features, the layer was made for 748/,
  );
  expect(
    await page.$$eval('.cm-lintRange-error', (marks) =>
      marks.map((mark) => mark.textContent).join(''),
    ),
  ).toBe('first');
  const line = await page.$eval(
    '.cm-lintRange-error',
    (mark) => mark.closest('.cm-line')?.textContent,
  );
  expect(line).toContain('relu(first(image))');
  await page.click('#problems button');
  await edit(page, 'linear(748, hidden', 'linear(784, hidden');
  await untilBuilt(page, 'Built in');
  expect(await problemsOf(page)).toEqual([]);
  expect(await page.$$('.cm-lintRange-error')).toHaveLength(0);
  await edit(page, 'relu(first(image))', 'relu(first(image)');
  await untilBuilt(page, 'Not built');
  expect((await problemsOf(page))[0]).toMatch(/^model\.ts:\d+:\d+ BTC5201: syntax: /);
  expect(problems).toEqual([]);
  await page.close();
});

test('the least budget is sought behind the plan; a smaller budget is a smaller plan', async () => {
  const { page } = await built.open();
  await untilBuilt(page, 'Built in');
  // The slider can be used before.
  await page.waitForFunction(
    () => !(document.getElementById('budget') as HTMLInputElement).disabled,
  );
  await untilIdle(page);
  const [, least, most] = /the least is ([\d.]+) MiB, without one ([\d.]+) MiB/.exec(
    await textOf(page, '#budget-text'),
  )!;
  expect(Number(least)).toBeLessThan(Number(most));
  await page.$eval('#budget', (element) => {
    const input = element as HTMLInputElement;
    input.value = '0';
    input.dispatchEvent(new Event('input'));
  });
  await untilBuilt(page, 'Built in');
  expect(await textOf(page, '#facts')).toContain(`On the device${least} MiB`);
  expect(await page.$eval('#budget', (input) => (input as HTMLInputElement).disabled)).toBe(false);
  await page.$eval('#budget', (element) => {
    const input = element as HTMLInputElement;
    input.value = '20';
    input.dispatchEvent(new Event('input'));
  });
  await untilBuilt(page, 'Built in');
  const [, budget] = /^([\d.]+ MiB) \(the least is/.exec(await textOf(page, '#budget-text'))!;
  const [, taken] = /On the device([\d.]+ MiB)/.exec(await textOf(page, '#facts'))!;
  expect(Number.parseFloat(taken)).toBeLessThanOrEqual(Number.parseFloat(budget));
  await page.close();
});

test('every example builds for both targets', async () => {
  const { page, problems } = await built.open();
  await untilBuilt(page, 'Built in');
  const names = await page.$$eval('#example option', (options) =>
    options.map(({ value }) => value),
  );
  expect(names).toHaveLength(5);
  for (const target of ['wasm', 'webgpu'])
    for (const name of names) {
      await page.select('#target', target);
      await page.select('#example', name);
      await untilBuilt(page, '');
      expect(await textOf(page, '#status')).toContain('Built in');
      expect([name, target, await problemsOf(page)]).toEqual([name, target, []]);
      expect(await page.$eval('#train', (button) => (button as HTMLButtonElement).disabled)).toBe(
        false,
      );
    }
  expect(problems).toEqual([]);
  await page.close();
});

/** The losses of a model's first steps on a target, by name of what it runs on. */
async function lossesOn(page: Page, target: string, runsOn: string): Promise<readonly number[]> {
  await page.select('#target', target);
  await untilBuilt(page, 'Built in');
  await press(page, '#train');
  const losses = await trainedOn(page, runsOn, 4);
  await page.click('#stop');
  await page.waitForFunction(
    () => !(document.getElementById('train') as HTMLButtonElement).disabled,
  );
  return losses.slice(0, 4);
}

/** Until so many steps have run on what the page says that they run on: all losses that it showed. */
async function trainedOn(page: Page, runsOn: string, steps: number): Promise<readonly number[]> {
  await page.waitForFunction(
    (on, least) =>
      document.getElementById('train-facts')!.textContent!.includes(`Runs on${on}`) &&
      (globalThis as unknown as { losses: readonly number[] }).losses.length >= least,
    {},
    runsOn,
    steps,
  );
  return page.evaluate(() => (globalThis as unknown as { losses: readonly number[] }).losses);
}

/** The page notes each loss that it shows: steps are faster than questions from outside. */
function notesLosses(page: Page): Promise<void> {
  return page.evaluate(() => {
    let losses: number[] = [];
    Object.assign(globalThis, { losses });
    new MutationObserver(() => {
      const found = /Loss([\d.]+)/.exec(document.getElementById('train-facts')!.textContent!);
      if (found) losses.push(Number(found[1]));
    }).observe(document.getElementById('train-facts')!, { childList: true });
    document.getElementById('train')!.addEventListener(
      'click',
      () => {
        losses = [];
        Object.assign(globalThis, { losses });
      },
      true,
    );
  });
}

/** Makes the perceptron of the page so small that a GPU in software trains it at once: it is tried on all digits after a step. */
async function narrow(page: Page): Promise<void> {
  const before = await textOf(page, '#facts');
  await edit(page, "option('hidden', 256)", "option('hidden', 64)");
  await page.waitForFunction(
    (known) => document.getElementById('facts')?.textContent !== known,
    {},
    before,
  );
  await untilBuilt(page, 'Built in');
}

// A GPU in software takes minutes for the others: npm run soak.
const TRAINED = ['Digits (perceptron)', 'LSTM over rows', 'Tiny GPT over rows'];
test.each(process.env.BTC_SOAK ? TRAINED : TRAINED.slice(0, 1))(
  '%s trains on WebGPU as on WebAssembly',
  async (name) => {
    const { page, problems } = await built.open();
    await untilBuilt(page, 'Built in');
    await notesLosses(page);
    await page.select('#example', name);
    if (name === TRAINED[0]) await narrow(page);
    const wasm = await lossesOn(page, 'wasm', 'WebAssembly');
    const webgpu = await lossesOn(page, 'webgpu', 'WebGPU');
    expect(wasm).toHaveLength(4);
    // Four decimals are shown; sums are in another order.
    for (const [k, loss] of webgpu.entries()) expect(Math.abs(loss - wasm[k])).toBeLessThan(2e-3);
    expect(new Set(wasm).size).toBe(4);
    expect(problems).toEqual([]);
    await page.close();
  },
);

test('undoing the choice of an example brings back the text, and the name of what it was', async () => {
  const { page, problems } = await built.open();
  await untilIdle(page);
  const example = () => page.$eval('#example', (select) => (select as HTMLSelectElement).value);
  await edit(page, "name: 'digits'", "name: 'mine'");
  // At once: the choice is a step of its own, however soon it comes.
  await page.select('#example', 'Small CNN');
  await untilBuilt(page, 'Built in');
  await page.focus('.cm-content');
  const press = async (key: 'z' | 'y') => {
    await page.keyboard.down('Control');
    await page.keyboard.press(key);
    await page.keyboard.up('Control');
  };
  await press('z');
  expect(await page.$eval('.cm-content', (text) => text.textContent)).toContain("name: 'mine'");
  expect(await example()).toBe('Digits (perceptron)');
  await press('y');
  expect(await page.$eval('.cm-content', (text) => text.textContent)).toContain('stage(');
  expect(await example()).toBe('Small CNN');
  expect(problems).toEqual([]);
  await page.close();
});

test('a GPU is chosen where there is one; when it is lost, training goes on without it', async () => {
  const { page, problems } = await newPage(built.browser);
  await claimGpu(page, { lostAfter: 10 });
  await page.goto(built.address);
  await untilBuilt(page, 'Built in');
  expect(await page.$eval('#target', (select) => (select as HTMLSelectElement).value)).toBe(
    'webgpu',
  );
  expect(await textOf(page, '#target-note')).toBe('');
  await narrow(page);
  await notesLosses(page);
  await press(page, '#train');
  const losses = await trainedOn(page, 'WebAssembly', 100);
  expect(await textOf(page, '#target-note')).toBe(
    'WebGPU failed, so training began again on WebAssembly: the browser took the GPU away.',
  );
  expect(losses.at(-1)).toBeLessThan(losses[0]);
  expect(problems).toEqual([]);
  await page.close();
});

test('a browser without WebGPU: no error, and the reason where it is asked for', async () => {
  const browser = await launchChromium({ webgpu: false });
  const { page, problems } = await built.open('', browser);
  await untilBuilt(page, 'Built in');
  await notesLosses(page);
  expect(await page.$eval('#target', (select) => (select as HTMLSelectElement).value)).toBe('wasm');
  expect(await textOf(page, '#target-note')).toBe('This browser has no WebGPU.');
  await page.select('#target', 'webgpu');
  await untilBuilt(page, 'Built in');
  await press(page, '#train');
  await trainedOn(page, 'WebAssembly', 3);
  expect(await page.$eval('#target', (select) => (select as HTMLSelectElement).value)).toBe('wasm');
  expect(await textOf(page, '#target-note')).toMatch(
    /^WebGPU failed, so training began again on WebAssembly: [^.]*no WebGPU[^.]*\.$/,
  );
  expect(problems).toEqual([]);
  await browser.close();
});

test('a link carries model and options, and runs nothing before a person asks', async () => {
  const { page } = await built.open();
  await untilBuilt(page, 'Built in');
  await edit(page, 'dropout(relu(first(image)), 0.1)', 'relu(first(image)).tanh()');
  await untilBuilt(page, 'Built in');
  await page.click('#share');
  await page.waitForFunction(() => location.hash.length > 100);
  const hash = await page.evaluate(() => location.hash);
  await page.close();

  const opened = await built.open(hash);
  await opened.page.waitForSelector('.cm-content');
  expect(await textOf(opened.page, '.cm-content')).toContain('relu(first(image)).tanh()');
  expect(await textOf(opened.page, '#stranger')).toContain('until you press Build');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(await textOf(opened.page, '#status')).toBe('');
  expect(opened.page.workers()).toHaveLength(0);
  await opened.page.click('#build');
  await untilBuilt(opened.page, 'Built in');
  expect(opened.problems).toEqual([]);
  await opened.page.close();
});

test('what was edited is there again after a reload, on a telephone, back and forward', async () => {
  const { page, problems } = await built.open();
  // Lines out of sight are not in the page.
  const source = async () => (await textOf(page, '.cm-content')).slice(0, 200);
  await untilBuilt(page, 'Built in');
  await page.select('#example', 'Small CNN');
  await untilBuilt(page, 'Built in');
  const plain = await source();
  await edit(page, 'adam', 'adam /* mine */');
  await untilBuilt(page, 'Built in');
  const edited = await source();
  expect(edited).not.toBe(plain);
  const isEdited = async () => {
    await untilBuilt(page, 'Built in');
    expect(await source()).toBe(edited);
    expect(await page.$eval('#example', (one) => (one as HTMLSelectElement).value)).toBe(
      'Small CNN',
    );
  };
  await page.reload();
  await isEdited();
  // Emulation of a telephone reloads; the page by itself does not.
  await page.setViewport({ width: 390, height: 844, isMobile: true, hasTouch: true });
  await isEdited();
  let loads = 0;
  page.on('load', () => loads++);
  await page.setViewport({ width: 844, height: 390, isMobile: true, hasTouch: true });
  await page.setViewport({ width: 390, height: 844, isMobile: true, hasTouch: true });
  await isEdited();
  expect(loads).toBe(0);
  await page.goto('about:blank');
  await page.goBack();
  await isEdited();
  await page.click('#share');
  await page.waitForFunction(() => location.hash.length > 100);
  const link = await page.evaluate(() => location.hash);
  await edit(page, '/* mine */', '/* later */');
  await untilBuilt(page, 'Built in');
  const later = await source();
  await page.reload();
  await untilBuilt(page, 'Built in');
  expect(await source()).toBe(later);
  // Followed anew, a link shows its own model, and waits; what it was edited to is behind it.
  const follow = (hash: string) =>
    page.evaluate((to) => {
      location.hash = to;
    }, hash);
  await follow('#other');
  await page.waitForFunction(() =>
    document.querySelector('.cm-content')!.textContent!.includes('A two-layer perceptron'),
  );
  await follow(link);
  await page.waitForFunction(() => !document.getElementById('stranger')!.hidden);
  expect(await source()).toBe(edited);
  await page.evaluate(() => history.go(-2));
  await page.waitForFunction(() => document.getElementById('stranger')!.hidden);
  await untilBuilt(page, 'Built in');
  expect(await source()).toBe(later);
  expect(problems).toEqual([]);
  await page.close();
});

test.each([
  ['#m1=%%%', 'no base64'],
  ['#m1=AAAA', 'nothing that was compressed'],
  ['#<img src=x onerror=alert(1)>', 'markup'],
])('a link that makes no sense (%s) is no model', async (hash) => {
  const { page, problems } = await built.open(hash);
  await untilBuilt(page, 'Built in');
  expect(await textOf(page, '.cm-content')).toContain('A two-layer perceptron');
  expect(problems).toEqual([]);
  await page.close();
});

test('what a hostile model tries stays in its frame', async () => {
  const { page } = await built.open();
  await untilBuilt(page, 'Built in');
  const tries =
    'await Promise.all([new Function(\'return import("/y.js")\')()].map((p) => p.catch((e: any) => e)));';
  await edit(
    page,
    "const batch = option('batch', 100);",
    `const seen = [typeof fetch, typeof indexedDB, typeof postMessage, globalThis.origin, typeof document]; ${tries} throw new Error('<b>' + seen.join());`,
  );
  await untilBuilt(page, 'Not built');
  const [problem] = await problemsOf(page);
  expect(problem).toContain('<b>undefined,undefined,undefined,null,undefined');
  expect(await page.$$('#problems b')).toHaveLength(0);
  await page.close();
});
