import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recordAnswers, stillHold } from '../../compiler/load/answers.ts';
import { cacheIn } from '../../compiler/load/cache-folder.ts';
import { createTypeChecker } from '../../compiler/load/check.ts';
import { DISK, decodedText } from '../../compiler/load/disk.ts';
import { modelChecks } from '../../compiler/load/index.ts';
import { startChecker } from '../../dist/compiler/cli/checker.js';

let folder: string;
const at = (name: string) => join(folder, name);
const write = (name: string, text: string) => {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
};
/** A file as it was written long ago: its times say that nobody has touched it since. */
const old = (name: string, text: string) => {
  write(name, text);
  utimesSync(at(name), new Date(2020, 1), new Date(2020, 1));
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('what the file system answered', () => {
  const changes: Readonly<Record<string, () => void>> = {
    'a file that was read says something else': () => write('read.ts', 'other'),
    'and looks as it did': () => {
      const { atime, mtime } = statSync(at('read.ts'));
      write('read.ts', 'text!'.slice(0, 3) + '!'.repeat(1));
      utimesSync(at('read.ts'), atime, mtime);
    },
    'a file that was read is gone': () => rmSync(at('read.ts')),
    'a file that was there is a folder': () => {
      rmSync(at('there.ts'));
      mkdirSync(at('there.ts'));
    },
    'a file appears': () => write('absent.ts', ''),
    'a file that could not be read appears': () => write('unread.ts', ''),
    'a folder appears': () => mkdirSync(at('nowhere')),
    'a folder is gone': () => rmSync(at('folder'), { recursive: true }),
    'a folder has another folder': () => mkdirSync(at('folder/new')),
    'a link leads elsewhere': () => {
      rmSync(at('link'));
      symlinkSync(at('folder/inner'), at('link'));
    },
  };
  const ask = () => {
    const { system, answers } = recordAnswers();
    system.readBytes(at('read.ts'));
    system.readBytes(at('unread.ts'));
    for (const name of ['there.ts', 'absent.ts', 'read.ts']) system.fileExists(at(name));
    for (const name of ['folder', 'nowhere']) system.directoryExists(at(name));
    system.getDirectories(at('folder'));
    system.realpath(at('link'));
    return answers();
  };
  beforeEach(() => {
    old('read.ts', 'text');
    old('there.ts', '');
    mkdirSync(at('folder/inner'), { recursive: true });
    symlinkSync(at('folder'), at('link'));
  });

  test('holds where nothing changed, and where a file was only touched or written again', () => {
    const answers = JSON.parse(JSON.stringify(ask()));
    expect(stillHold(answers)).toBe(true);
    write('read.ts', 'text');
    write('folder/file.ts', '');
    expect(stillHold(answers)).toBe(true);
  });

  test.each(Object.keys(changes))('does not where %s', (change) => {
    const answers = ask();
    changes[change]();
    expect(stillHold(answers)).toBe(false);
  });

  test('is asked once, whatever happens meanwhile', () => {
    const { system } = recordAnswers();
    expect(system.readBytes(at('read.ts'))?.toString()).toBe('text');
    rmSync(at('read.ts'));
    expect(system.readBytes(at('read.ts'))?.toString()).toBe('text');
  });

  test('reads text by its mark', () => {
    const marked = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
    expect(decodedText(Buffer.from('\ufeffä'))).toBe('ä');
    expect(decodedText(Buffer.from('ä'))).toBe('ä');
    expect(decodedText(marked('ä'))).toBe('ä');
    expect(decodedText(marked('ä').swap16())).toBe('ä');
    expect(DISK.readBytes(at('nothing'))).toBeNull();
  });
});

describe('a model that was checked before', () => {
  const check = async (model = 'model.ts') => {
    const checks = modelChecks(cacheIn(at('cache')));
    const checked = await checks.check(at(model));
    return { ...checked, isRepeated: checks.parsed() > 0 };
  };
  beforeEach(() => {
    old('tsconfig.json', '{ "compilerOptions": { "lib": ["es5"], "types": [] } }');
    old('net/index.ts', 'export const width: number = 3;');
    old('model.ts', "import { width } from './net';\nexport default width.toFixed(1);\n");
  });

  test('is not checked again: TypeScript parses nothing, and the result is the same', async () => {
    const first = await check();
    expect(first).toMatchObject({ isRepeated: true, typescript: [] });
    expect(first.code?.modules).toHaveLength(2);
    expect(await check()).toEqual({ ...first, isRepeated: false });
  });

  const changes: readonly (readonly [string, () => void, string[]])[] = [
    ['itself changed', () => write('model.ts', 'export default 1;'), []],
    [
      'what it imports changed',
      () => write('net/index.ts', "export const width = 'a';"),
      ['TS2339'],
    ],
    ['an import leads elsewhere', () => write('net.ts', 'export const width = true;'), ['TS2339']],
    [
      'its configuration changed',
      () => write('tsconfig.json', '{ "compilerOptions": { "lib": ["es5"], "strict": 1 } }'),
      ['TS5024'],
    ],
  ];
  test.each(changes)('is checked again where %s', async (_, change, errors) => {
    await check();
    change();
    const { isRepeated, typescript } = await check();
    expect(isRepeated).toBe(true);
    expect(typescript.map(({ code }) => code)).toEqual(errors);
  });

  test('and once more where there were errors: only what has no fault is remembered', async () => {
    await check();
    write('net/index.ts', 'export const height = 3;');
    for (const _ of [1, 2]) {
      const { isRepeated, typescript } = await check();
      expect(isRepeated).toBe(true);
      expect(typescript.map(({ code }) => code)).toEqual(['TS2305']);
    }
    // As it was when it had none.
    write('net/index.ts', 'export const width: number = 3;');
    expect(await check()).toMatchObject({ isRepeated: false, typescript: [] });
  });

  test('a damaged cache, or one that others may write to, is none', async () => {
    const first = await check();
    const [name] = readdirSync(at('cache'));
    const entry = readFileSync(at(`cache/${name}`));
    writeFileSync(at(`cache/${name}`), entry.subarray(0, entry.length / 2));
    expect(await check()).toEqual(first);
    expect((await check()).isRepeated).toBe(false);
    if (process.platform === 'win32') return;
    chmodSync(at('cache'), 0o777);
    expect((await check()).isRepeated).toBe(true);
  });

  test('a file in the place of the cache is left alone', async () => {
    write('cache', 'mine');
    expect((await check()).isRepeated).toBe(true);
    expect(readFileSync(at('cache'), 'utf8')).toBe('mine');
  });

  test('old entries are removed with the next one', () => {
    const cache = cacheIn(at('cache'));
    cache.write('a', 'old');
    utimesSync(at('cache/a'), new Date(2020, 1), new Date(2020, 1));
    cache.write('b', 'new');
    expect(readdirSync(at('cache'))).toEqual(['b']);
    expect(cache.read('a')).toBeNull();
    expect(cache.read('b')?.toString()).toBe('new');
  });
});

describe('a type checker that goes on', () => {
  beforeEach(() => {
    write('tsconfig.json', '{ "compilerOptions": { "lib": ["es5"], "types": [] } }');
    write('net.ts', 'export const width: number = 3;');
    write('model.ts', "import { width } from './net';\nexport default width.toFixed(1);\n");
  });

  test('parses what changed and nothing else, and finds what one that starts anew finds', () => {
    const checker = createTypeChecker();
    const check = () => checker.check(at('model.ts'), undefined, DISK).model;
    expect(check().typescript).toEqual([]);
    const all = checker.parsed();
    check();
    expect(checker.parsed()).toBe(all);
    for (const [text, codes] of [
      ["export const width = 'a';", ['TS2339']],
      ['export const height = 1;', ['TS2305']],
      ['export const width = 4;', []],
    ] as const) {
      write('net.ts', text);
      const before = checker.parsed();
      const found = check();
      expect(checker.parsed()).toBe(before + 1);
      expect(found.typescript.map(({ code }) => code)).toEqual(codes);
      expect(found).toEqual(createTypeChecker().check(at('model.ts'), undefined, DISK).model);
    }
    renameSync(at('net.ts'), at('other.ts'));
    expect(check().typescript.map(({ code }) => code)).toEqual(['TS2307']);
  });

  test('parses anew what other options read in another way', () => {
    const checker = createTypeChecker();
    const check = () => checker.check(at('model.ts'), undefined, DISK).model.typescript;
    write('model.ts', 'export const of = (x) => x;\n');
    check();
    write(
      'tsconfig.json',
      '{ "compilerOptions": { "lib": ["es5"], "types": [], "strict": true } }',
    );
    expect(check().map(({ code }) => code)).toEqual(['TS7006']);
  });

  test('in a thread of its own', async () => {
    const checker = startChecker();
    try {
      const first = await checker.check(at('model.ts'));
      write('net.ts', "export const width = 'a';");
      const second = await checker.check(at('model.ts'));
      expect(second.parsed).toBe(first.parsed + 1);
      expect(second.model.typescript.map(({ code }) => code)).toEqual(['TS2339']);
    } finally {
      await checker.end();
    }
  });
});
