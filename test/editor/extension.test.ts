import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const { findServer } = createRequire(import.meta.url)('../../examples/vscode/find-server.cjs') as {
  findServer(folders: readonly string[], setting: string, extension: string): string | null;
};

const MAIN = join('dist', 'compiler', 'cli', 'main.js');

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'extension-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (...parts: string[]) => {
  const file = join(root, ...parts);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  return file;
};

test('the project’s own server comes before the setting, and that before the one beside the extension', () => {
  const project = join(root, 'work', 'packages', 'nets');
  mkdirSync(project, { recursive: true });
  const extension = join(root, 'extensions', 'btc');
  const find = (setting: string) => findServer([project], setting, extension);
  expect(find('')).toBeNull();
  expect(find(join(root, 'nowhere.js'))).toBeNull();
  const packed = write('extensions', 'btc', 'server', MAIN);
  expect(find('')).toBe(packed);
  const named = write('other', MAIN);
  expect(find(named)).toBe(named);
  const hoisted = write('work', 'node_modules', 'btc-compiler', MAIN);
  expect(find(named)).toBe(hoisted);
  const nearest = write('work', 'packages', 'nets', 'node_modules', 'btc-compiler', MAIN);
  expect(find(named)).toBe(nearest);
});

test('a checkout of btc is served by what is built there', () => {
  write('checkout', 'compiler', 'cli', 'main.ts');
  const built = write('checkout', MAIN);
  const folder = join(root, 'checkout', 'examples', 'digits');
  mkdirSync(folder, { recursive: true });
  expect(findServer([folder], '', join(root, 'extension'))).toBe(built);
});
