import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAIN } from '../support/commands.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

// Each build is a process of its own: within one, V8 remembers what it has compiled.

let project: Project;
let edits = 0;
const cache = () => join(project.folder, 'cache');
const entries = () =>
  readdirSync(cache())
    .filter((name) => name.startsWith('code-'))
    .map((name) => join(cache(), name));

/** Checks a model that nobody has checked before as it is. */
async function check(
  env: NodeJS.ProcessEnv = { BTC_CACHE: cache() },
  text = SMALL_MODEL,
): Promise<string> {
  const model = join(project.folder, `model-${edits++}.ts`);
  writeFileSync(model, text);
  const { HOME: _, XDG_CACHE_HOME: __, BTC_CACHE: ___, ...inherited } = process.env;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [MAIN, 'build', model, '--noEmit', '--no-pretty'],
    { env: { ...inherited, ...env }, cwd: project.folder },
  );
  expect(stderr).toBe('');
  expect(stdout).toContain('checked');
  return stdout;
}

beforeAll(async () => {
  project = createProject();
  await check();
});
afterAll(() => project.remove());

test('what was compiled is kept, and read by the next build', async () => {
  const kept = entries();
  // TypeScript's, and that of chunks of the compiler.
  expect(kept.length).toBeGreaterThan(3);
  const written = kept.map((file) => statSync(file).mtimeMs);
  await check();
  expect(entries()).toEqual(kept);
  expect(kept.map((file) => statSync(file).mtimeMs)).toEqual(written);
});

test('packages that import the language have the instance that the model has, whoever ran it first', async () => {
  project.write('node_modules/heads/package.json', '{ "type": "module", "exports": "./index.js" }');
  project.write(
    'node_modules/heads/index.js',
    "import { linear } from 'btc-compiler';\nexport const head = linear(3, 2);\n",
  );
  project.write(
    'node_modules/heads/index.d.ts',
    "import type { Tensor } from 'btc-compiler';\nexport declare const head: (x: Tensor) => Tensor;\n",
  );
  const text = SMALL_MODEL.replace('linear(3, 2)(x)', 'head(x)').replace('linear, ', '');
  await check(undefined, `import { head } from 'heads';\n${text}`);
});

const sealed = (data: Buffer) => Buffer.concat([createHash('sha256').update(data).digest(), data]);

describe('an entry is not taken, and is written again,', () => {
  test.each<[string, (file: string) => void]>([
    [
      'that a disk has damaged',
      (file) => {
        const bytes = readFileSync(file);
        for (let at = 7; at < bytes.length; at += 211) bytes[at] ^= 0x55;
        writeFileSync(file, bytes);
      },
    ],
    ['that was cut', (file) => truncateSync(file, statSync(file).size >> 1)],
    ['that is empty', (file) => truncateSync(file, 0)],
    ['that another V8 has written', (file) => writeFileSync(file, sealed(Buffer.alloc(4096, 7)))],
  ])('%s', async (_, damage) => {
    const good = entries().map((file) => [file, statSync(file).size] as const);
    for (const [file] of good) damage(file);
    await check();
    for (const [file, size] of good) {
      const bytes = readFileSync(file);
      expect(sealed(bytes.subarray(32)).equals(bytes)).toBe(true);
      expect(bytes.length).toBeGreaterThan(size / 2);
    }
  });
});

describe('a build without a cache is a build', () => {
  test.each<[string, () => NodeJS.ProcessEnv]>([
    ['where it is turned off', () => ({ BTC_CACHE: 'off' })],
    [
      'where a file is in its place',
      () => {
        writeFileSync(join(project.folder, 'file'), '');
        return { BTC_CACHE: join(project.folder, 'file') };
      },
    ],
    ['where it cannot be made', () => ({ BTC_CACHE: '/dev/null/cache' })],
    ['where a file system knows no such folder', () => ({ BTC_CACHE: '/proc/none/cache' })],
    ['where the user has a home of no name', () => ({ HOME: '', XDG_CACHE_HOME: '' })],
    [
      'where entries are folders',
      () => {
        const other = join(project.folder, 'folders');
        for (const file of entries()) mkdirSync(file.replace(cache(), other), { recursive: true });
        return { BTC_CACHE: other };
      },
    ],
  ])('%s', async (_, env) => {
    await check(env());
  });

  test('and the system is asked where the user has one where no variable says so', async () => {
    const home = join(project.folder, 'home');
    await check({ HOME: home, LOCALAPPDATA: home });
    expect(readdirSync(home, { recursive: true, encoding: 'utf8' }).join()).toContain('code-');
  });
});

test('two builds that find nothing there do not disturb each other', async () => {
  rmSync(cache(), { recursive: true });
  await Promise.all([check(), check(), check()]);
  for (const file of entries()) {
    const bytes = readFileSync(file);
    expect(sealed(bytes.subarray(32)).equals(bytes)).toBe(true);
  }
  expect(
    readdirSync(cache()).filter((name) => !/^(code|check)-\w+\.(bin|json)$/.test(name)),
  ).toEqual([]);
});
