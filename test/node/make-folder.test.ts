import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from '../../node/make-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'btc-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('makes what is missing, with the rights that are asked for, and leaves what is there', () => {
  mkdirSync(join(root, 'a'), { mode: 0o755 });
  makeFolder(join(root, 'a/b/c'), 0o700);
  expect(statSync(join(root, 'a/b/c')).isDirectory()).toBe(true);
  expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(0o700);
  expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o755);
  makeFolder(join(root, 'a/b/c'));
  makeFolder('/');
});

test('throws where a file or a link to nothing is in the way', () => {
  writeFileSync(join(root, 'file'), '');
  expect(() => makeFolder(join(root, 'file/inner'))).toThrow(/ENOTDIR/);
  symlinkSync(join(root, 'nowhere'), join(root, 'link'));
  expect(() => makeFolder(join(root, 'link/inner'))).toThrow(/EEXIST/);
});

test.skipIf(process.platform !== 'linux')('throws where a file system takes no folders', () => {
  expect(() => makeFolder('/proc/no-such/folder')).toThrow(/can be made in '\/proc'|EACCES/);
});
