import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MESSAGES } from '../../compiler/diagnostics.ts';
import { ROOT } from '../support/btc.ts';
import { launchChromium, newPage, serve, type WatchedPage } from '../support/chromium.ts';

// The documentation as `npm run site` builds it, in a browser that has no network: `npm run site:test`. VitePress itself ends the build
// where a link of a page leads nowhere.

const BASE = '/some/where/';

let folder: string;
let server: { origin: string; close(): Promise<void> };
let browser: Browser;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'btc-site-'));
  const args = ['site/build.mjs', '--base', BASE, '--outDir', join(folder, BASE)];
  execFileSync(process.execPath, args, { cwd: ROOT, stdio: 'pipe' });
  server = await serve(folder, {});
  browser = await launchChromium({ webgpu: false });
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens a page of the site; what it asks for elsewhere is refused and remembered, with what goes wrong. */
async function open(path: string, width = 1280): Promise<WatchedPage> {
  const { page, problems } = await newPage(browser);
  await page.setViewport({ width, height: 844 });
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    if (request.url().startsWith(server.origin) || request.url().startsWith('data:'))
      return request.continue();
    problems.push(`asks for ${request.url()}`);
    return request.abort();
  });
  await page.goto(`${server.origin}${BASE}${path}`, { waitUntil: 'networkidle0' });
  return { page, problems };
}

const textOf = (page: Page, selector: string) =>
  page.$eval(selector, (element) => element.textContent ?? '');

test('the start leads into the guide, without loading the page anew', async () => {
  const { page, problems } = await open('');
  expect(await textOf(page, '.VPHero')).toContain('If it builds, it fits.');
  await page.evaluate('globalThis.stays = true');
  await page.click('.VPHero a.VPButton');
  await page.waitForFunction("document.querySelector('h1')?.innerText.startsWith('Start in five')");
  expect(await page.evaluate('globalThis.stays')).toBe(true);
  expect(problems).toEqual([]);
});

test.each([
  ['conv2d', /conv2d/],
  ['BTC2014', /BTC2014: A layer of other features/],
  ['tensorTrain', /tensorTrain/],
])('the search finds %s without a network', async (text, found) => {
  const { page, problems } = await open('guide/models.html');
  await page.click('.VPNavBarSearch button');
  await page.waitForSelector('.VPLocalSearchBox input');
  await page.type('.VPLocalSearchBox input', text);
  await page.waitForSelector('.VPLocalSearchBox .result');
  expect(await textOf(page, '.VPLocalSearchBox .results')).toMatch(found);
  expect(problems).toEqual([]);
});

test('each message has its page at its short address', async () => {
  const there = readdirSync(join(folder, BASE, 'e'), { withFileTypes: true });
  const pages = there.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(pages.sort()).toEqual(Object.keys(MESSAGES).sort());
  const { page, problems } = await open('e/2014/');
  expect(await textOf(page, 'h1')).toContain('BTC2014: A layer of other features');
  const text = await textOf(page, '.vp-doc');
  expect(text).toContain(
    "error BTC2014: 'linear': the input has 3 features, the layer was made for 4",
  );
  expect(text).toMatch(/Wrong.*linear\(4, 2\).*Right.*linear\(3, 2\)/s);
  expect(problems).toEqual([]);
});

test('the reference has what is exported, and leads to messages', async () => {
  const { page, problems } = await open('api/btc-compiler/functions/conv2d.html');
  expect(await textOf(page, '.vp-doc')).toContain('function conv2d(');
  await page.click('.vp-doc a[href$="/e/2031/"]');
  await page.waitForFunction("document.querySelector('h1')?.innerText.startsWith('BTC2031')");
  expect(problems).toEqual([]);
  for (const name of [
    'runtime/functions/fit',
    'node/functions/saveCheckpointFile',
    'ir/functions/readPlan',
    'view/functions/mountView',
  ])
    expect(existsSync(join(folder, BASE, 'api/btc-compiler', `${name}.html`)), name).toBe(true);
});

test('everything that a page names is there', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const missing = new Set<string>();
  for (const file of files.filter(
    (name) => name.endsWith('.html') && !/playground|draw/.test(name),
  ))
    for (const [, path] of readFileSync(join(folder, file), 'utf8').matchAll(
      /(?:href|src)="(\/[^"#?]*)/g,
    )) {
      const target = path.endsWith('/') ? `${path}index.html` : path;
      if (!existsSync(join(folder, target)) && !existsSync(join(folder, `${target}.html`)))
        missing.add(`${file}: ${path}`);
    }
  expect([...missing]).toEqual([]);
});

/** Pages of the documentation, below its base. */
const ownPages = () =>
  readdirSync(join(folder, BASE), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.html') && !/^(?:playground|draw|404)/.test(name),
  );

test('links lead to places that are there, and no tag is shown as text', () => {
  const texts = new Map(
    ownPages().map((name) => [name, readFileSync(join(folder, BASE, name), 'utf8')]),
  );
  const ids = new Map(
    [...texts].map(([name, text]) => [
      name,
      new Set(Array.from(text.matchAll(/\sid="([^"]*)"/g), ([, id]) => id)),
    ]),
  );
  const missing = new Set<string>();
  for (const [name, text] of texts) {
    expect(text.includes('&lt;a id='), name).toBe(false);
    for (const [, href] of text.matchAll(/<a [^>]*href="([^"]*#[^"]+)"/g)) {
      const { pathname, hash, host } = new URL(href, `http://site${BASE}${name}`);
      if (host !== 'site' || !pathname.startsWith(BASE)) continue;
      const path = decodeURIComponent(pathname.slice(BASE.length));
      const page = path === '' || path.endsWith('/') ? `${path}index.html` : path;
      const found = ids.get(page);
      if (found && !found.has(decodeURIComponent(hash.slice(1)))) missing.add(`${name}: ${href}`);
    }
  }
  expect([...missing]).toEqual([]);
});

test('links lead from the start to every page', () => {
  const all = new Set(ownPages());
  const reached = new Set(['index.html']);
  for (const name of reached)
    for (const [, target] of readFileSync(join(folder, BASE, name), 'utf8').matchAll(
      /href="([^"#?]*)/g,
    )) {
      const { host, pathname } = new URL(target, `http://site${BASE}${name}`);
      if (host !== 'site' || !pathname.startsWith(BASE)) continue;
      const path = pathname.slice(BASE.length).replace(/(^|\/)$/, '$1index.html');
      const found = path.endsWith('.html') ? path : `${path}.html`;
      if (all.has(found)) reached.add(found);
    }
  expect([...all].filter((name) => !reached.has(name))).toEqual([]);
});

test('no page names something at another address that it would load', () => {
  const foreign = ownPages().flatMap((name) =>
    Array.from(
      readFileSync(join(folder, BASE, name), 'utf8').matchAll(
        /<(?:script|link|img|iframe|source)\b[^>]+(?:src|href)="(?:https?:)?\/\/[^"]*/g,
      ),
      ([element]) => `${name}: ${element}`,
    ),
  );
  expect(foreign).toEqual([]);
});

describe('at the width of a telephone', () => {
  test.each(['', 'guide/pytorch.html', 'how/plan-format.html', 'e/4001/', 'api/btc-compiler/'])(
    '/%s scrolls down only',
    async (path) => {
      const { page, problems } = await open(path, 390);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
      expect(problems).toEqual([]);
    },
  );
});

test.each(
  ['playground', 'draw'].filter((name) => existsSync(join(ROOT, 'examples', name, 'build.mjs'))),
)('the %s is built beside it', async (name) => {
  const { page, problems } = await open(`${name}/index.html`);
  expect((await textOf(page, 'body')).length).toBeGreaterThan(20);
  expect(problems).toEqual([]);
});
