import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ROOT } from '../support/btc.ts';
import { launchChromium, openPage } from '../support/chromium.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const MAIN = join(ROOT, 'dist/compiler/cli/main.js');

let browser: Browser;
let project: Project;
let child: ChildProcess;
let output = '';
beforeAll(async () => {
  browser = await launchChromium({ webgpu: false });
});
afterAll(async () => browser?.close());
beforeEach(() => {
  project = createProject();
  output = '';
});
afterEach(() => {
  child?.kill();
  project.remove();
});

/** Starts the command; the address that it prints. */
async function start(...args: string[]): Promise<string> {
  const all = [
    'build',
    '--watch',
    '--view',
    '--no-pretty',
    'model.ts',
    ...(args.includes('--target') ? [] : ['--target', 'wasm']),
    ...args,
  ];
  child = spawn(process.execPath, [MAIN, ...all], { cwd: project.folder });
  child.stdout!.on('data', (chunk) => {
    output += chunk;
  });
  for (;;) {
    const [, url] = /^page: (http:\S+)\n/m.exec(output) ?? [];
    if (url) return url;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The status of an answer to a request with headers that a browser would not let a page choose. */
function statusOf(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, method }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('each save is built and shown; a mistake stands beside the last picture until it is mended', async () => {
  project.write('model.ts', SMALL_MODEL);
  const { page, problems } = await openPage(browser, await start());
  const version = (wanted: number) =>
    page.waitForFunction(
      (value) => document.getElementById('btc-view')?.dataset['version'] === value,
      {},
      String(wanted),
    );
  const says = (text: string) =>
    page.waitForFunction(
      (wanted) => {
        const said = document.getElementById('btc-view')?.dataset['says'];
        return wanted === '' ? said === '' : said?.includes(wanted);
      },
      {},
      text,
    );
  const read = (selector: string) => page.$eval(selector, (element) => element.textContent);
  await version(1);
  await says('');
  expect(await read('h1')).toBe('small on WebAssembly');
  expect(await page.title()).toBe('model.wasm - btc view');
  expect(await page.$('.bv-live')).toBeNull();
  const before = await read('.bv-head');

  project.write('model.ts', SMALL_MODEL.replace("'batch', 4", "'batch', 4096"));
  await version(2);
  await says('');
  expect(await read('.bv-head')).not.toBe(before);
  const picture = await read('.bv-head .bv-tiles');

  project.write('model.ts', SMALL_MODEL.replace('linear(3', 'linear(5'));
  await says('BTC2014');
  await page.waitForSelector('.bv-live');
  expect(await read('.bv-live')).toMatch(/^model\.ts\(6,\d+\): error BTC2014: 'linear'/);
  expect(await read('.bv-head .bv-tiles')).toBe(picture);
  expect(await page.$('canvas')).not.toBeNull();

  project.write('model.ts', SMALL_MODEL);
  await version(3);
  await says('');
  expect(await read('.bv-head')).toBe(before);
  expect(problems).toEqual([]);

  const exit = once(child, 'exit');
  child.kill('SIGINT');
  expect(await exit).toEqual([null, 'SIGINT']);
  await says('The build has ended');
  await page.close();
});

test('plans of all targets are shown with a switch, which stays when a save is built', async () => {
  project.write('model.ts', SMALL_MODEL);
  const { page, problems } = await openPage(browser, await start('--target', 'webgpu,wasm'));
  const select = '[aria-label="Plan that is shown"]';
  await page.waitForSelector(`${select}:not([hidden])`);
  const labels = await page.$$eval(`${select} option`, (all) =>
    all.map((each) => each.textContent),
  );
  expect(labels.sort()).toEqual(['model.wasm', 'model.webgpu']);
  const heading = () => page.$eval('h1', (element) => element.textContent);
  const choose = (label: string) =>
    page.$$eval(
      `${select} option`,
      (all, wanted) => {
        const list = all[0].closest('select')!;
        list.selectedIndex = all.findIndex((each) => each.textContent === wanted);
        list.dispatchEvent(new Event('change'));
      },
      label,
    );
  await choose('model.wasm');
  expect(await heading()).toBe('small on WebAssembly');
  await choose('model.webgpu');
  expect(await heading()).toBe('small on WebGPU');
  await page.waitForSelector('#bv-compare .bv-notes li');
  expect(await page.$eval('#bv-compare .bv-notes', (list) => list.textContent)).toContain(
    'another target',
  );
  project.write('model.ts', SMALL_MODEL.replace("'batch', 4", "'batch', 4096"));
  await page.waitForSelector('#btc-view[data-version="2"]');
  expect(await heading()).toBe('small on WebGPU');
  expect(problems).toEqual([]);
  await page.close();
});

test('a model with a mistake at first says so, and its picture comes when it is mended', async () => {
  project.write('model.ts', SMALL_MODEL.replace('linear(3', 'linear(5'));
  const { page } = await openPage(browser, await start());
  await page.waitForFunction(() => document.body.textContent?.includes('BTC2014'));
  project.write('model.ts', SMALL_MODEL);
  await page.waitForSelector('.btc-view canvas');
  await page.close();
});

test('only the page itself is answered', async () => {
  project.write('model.ts', SMALL_MODEL);
  const url = await start();
  const { host, pathname, origin } = new URL(url);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
  expect(await statusOf(url, {})).toBe(200);
  expect(await statusOf(`${url}input`, { origin })).toBe(200);
  expect(await statusOf(`${origin}/`, {})).toBe(404);
  expect(
    await statusOf(`${origin}/${pathname[1] === '0' ? '1' : '0'}${pathname.slice(2)}`, {}),
  ).not.toBe(200);
  expect(await statusOf(`${url}../input`, {})).toBe(404);
  expect(await statusOf(`${url}input`, { host: 'rebound.example' })).toBe(403);
  expect(await statusOf(`${url}input`, { host: host.replace('127.0.0.1', 'evil.example') })).toBe(
    403,
  );
  expect(await statusOf(`${url}input`, { origin: 'https://other.example' })).toBe(403);
  expect(await statusOf(`${url}events`, { origin: 'null' })).toBe(403);
  expect(await statusOf(`${url}input`, { 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await statusOf(`${url}input`, {}, 'POST')).toBe(405);
  expect((await fetch(url)).headers.get('x-frame-options')).toBe('DENY');
});

test('what does not go together is an error', async () => {
  project.write('model.ts', SMALL_MODEL);
  const problem = (...args: string[]) => {
    const { code, stdout, stderr } = project.btc('build', 'model.ts', ...args);
    expect(code).toBe(1);
    return stdout + stderr;
  };
  expect(problem('--view')).toContain("BTC6018: '--watch' must be given");
  expect(problem('--watch', '--view', '--noEmit')).toContain(
    "BTC6016: '--view' cannot be used with '--noEmit'",
  );
  expect(problem('--port', '8080')).toContain("BTC6018: '--view' must be given");
  expect(problem('--watch', '--view', '--port', '70000')).toContain('BTC6011');
  const { port } = new URL(await start());
  expect(problem('--watch', '--view', '--port', port)).toContain(
    `BTC6065: the page cannot be served at port ${port}: another program listens there; give another --port, or none for one that is free`,
  );
});
