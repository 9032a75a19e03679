import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MESSAGES } from '../../compiler/diagnostics.ts';
import { stageExplanations } from '../../site/explain.mjs';
import { stagePages } from '../../site/stage.mjs';
import { SECTIONS } from '../../site/structure.mjs';
import { ROOT } from '../support/btc.ts';
import { pages } from '../support/code-blocks.ts';

// The pages of the site, before VitePress renders them: what needs no package of site/. The rest is test/site/site.tools.ts.

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'btc-pages-'));
  stagePages(ROOT, folder);
  await stageExplanations(ROOT, folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const staged = () =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));

test('no page of the repository is left out', () => {
  const sections: readonly { readonly pages: readonly { readonly file: string }[] }[] = SECTIONS;
  const shown = new Set(sections.flatMap(({ pages }) => pages.map(({ file }) => file)));
  // The README is what the start of the site says; others are of packages and examples.
  const ofProject = pages().filter((page) => /^(?:docs\/|[A-Z]+\.md)/.test(page));
  expect(ofProject.filter((page) => page !== 'README.md' && !shown.has(page))).toEqual([]);
});

test('each message has a page', () => {
  for (const [number, message] of Object.entries(MESSAGES)) {
    const text = readFileSync(join(folder, `e/${number}/index.md`), 'utf8');
    expect(text).toContain(`# BTC${number}: `);
    expect(text).toContain(message);
    expect(text).toMatch(/\n## Wrong\n.*\n## Right\n/s);
  }
});

test('links lead to pages that are there', () => {
  const there = new Set(staged());
  const dead = [...there].flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8').replace(/^```.*?^```$/gms, '');
    return Array.from(text.matchAll(/(?<!!)\[[^\]]*\]\(([^)\s#]+)[^)]*\)/g), ([, target]) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) =>
        posix.join(target.startsWith('/') ? '' : dirname(name), target).replace(/^\//, ''),
      )
      .filter((target) => ![`${target}.md`, `${target}index.md`].some((one) => there.has(one)))
      .map((target) => `${name}: ${target}`);
  });
  expect(dead).toEqual([]);
});

test('blocks that are files say which', () => {
  const text = readFileSync(join(folder, 'guide/getting-started.md'), 'utf8');
  expect(text).toMatch(/\n`model\.ts`:\n\n```ts\nimport /);
  for (const name of staged())
    expect(readFileSync(join(folder, name), 'utf8'), name).not.toMatch(/^```\w+ \S/m);
});

test('indented blocks have become commands or texts', () => {
  for (const name of staged())
    expect(readFileSync(join(folder, name), 'utf8'), name).not.toMatch(/\n\n {4}(?:btc|npm|npx) /);
});
