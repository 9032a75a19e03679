import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROFILE_FORMAT } from '../../compiler/profile/profile.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

// The same mistake has the same number and the same words in each command, and is found before any work is done.

const PLAN = 'out/model.wasm.plan.json';
const WEIGHTS = 'out/model.safetensors';
let project: Project;

beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts', '--target', 'wasm', '--no-pretty').code).toBe(0);
  const files = {
    'text.json': 'text',
    'odd.safetensors': 'odd',
    'profile.json': JSON.stringify({ format: PROFILE_FORMAT }),
    'net.onnx': '',
  };
  for (const [name, text] of Object.entries(files)) project.write(name, text);
});
afterAll(() => project.remove());

/** The first line that a command prints of a mistake, on either stream. */
function refused(words: readonly string[]): string {
  const { code, stdout, stderr } = project.btc(...words);
  expect({ words, code, stdout, stderr }).toMatchObject({ code: 1 });
  return `${stdout}${stderr}`.split('\n')[0].replace(/ \(btc explain.*\)$/, '');
}

const DECOMPOSE = ['--layer', 'linear1', '--to', 'low-rank', '--rank', '1'];
const EXPORT = ['export', 'model.ts', '--format', 'onnx'];
const TRACE = ['inspect', PLAN, '--kernels', '--trace'];
const RUN = ['run', PLAN, '--steps', '1', '--classes', '2'];

/** Commands that read a file, by what it must be; the file stands behind the words, or where there is a `?`. */
const READERS = {
  plan: [['inspect'], ['view'], ['run'], ['verify'], ['tune']],
  'device profile': [['build', 'model.ts', '--target', 'wasm', '--noEmit', '--profile']],
  'limits of a device': [['build', 'model.ts', '--target', 'webgpu', '--noEmit', '--limits']],
  trace: [TRACE, ['view', PLAN, '--trace']],
  'file of weights': [['weights'], ['decompose', '?', ...DECOMPOSE], [...EXPORT, '--weights']],
  'model of ONNX': [['import']],
} as const;

const CASES = Object.entries(READERS).flatMap(([wanted, commands]) =>
  commands.map((words) => ({ wanted, words, name: words.join(' ') })),
);
const withFile = (words: readonly string[], file: string) =>
  words.includes('?') ? words.map((word) => (word === '?' ? file : word)) : [...words, file];

describe.each(CASES)('btc $name FILE', (one) => {
  const { wanted, words } = one;
  test('names a file that is not there', () => {
    expect(refused(withFile(words, './none.x'))).toBe("error BTC6003: './none.x' does not exist");
  });

  test('names a folder', () => {
    expect(refused(withFile(words, 'out'))).toBe(
      "error BTC5002: 'out' cannot be read: it is a folder",
    );
  });

  test('says what a file of another kind is', () => {
    // It takes models as well.
    if (words[0] === 'tune') return;
    const said = refused(withFile(words, 'model.ts'));
    const article = wanted.startsWith('limits') ? '' : 'a ';
    expect(said).toMatch(/^error BTC6006: 'model\.ts' is not .*: it is a model$/);
    expect(said).toContain(`is not ${article}${wanted}`);
  });
});

test.each(CASES.filter(({ wanted }) => !/model|weights/.test(wanted)))(
  'btc $name FILE says that FILE is not JSON',
  ({ words }) => {
    expect(refused(withFile(words, 'text.json'))).toMatch(
      /^error BTC6091: 'text\.json' is not JSON, as .* must be$/,
    );
  },
);

test.each(CASES.filter(({ wanted }) => wanted === 'file of weights'))(
  'btc $name FILE says why FILE is no safetensors file',
  ({ words }) => {
    expect(refused(withFile(words, 'odd.safetensors'))).toMatch(
      /^error BTC5010: 'odd\.safetensors' is not a valid safetensors file: the file ends/,
    );
  },
);

test('what JSON is shows what it is of', () => {
  expect(refused(['inspect', 'profile.json'])).toMatch(/BTC6006: .*: it is a device profile$/);
  expect(refused(['weights', PLAN])).toMatch(/BTC6006: .*: it is a plan$/);
  expect(refused(['build', 'out'])).toBe("error BTC5002: 'out' cannot be read: it is a folder");
  for (const words of [['build'], ['sweep'], ['export', '--format', 'onnx']]) {
    const said = (file: string) => refused([...words, file]);
    expect(said(PLAN)).toMatch(
      /^error BTC6006: '.*' is not a model: TypeScript or .*: it is a plan$/,
    );
    expect(said('odd.safetensors')).toMatch(/BTC6006: .*: it is a file of weights$/);
    expect(said('text.json')).toMatch(/BTC6006: .* made by defineModel$/);
  }
  expect(refused([...RUN, '--input', 'x=out/none.safetensors'])).toContain('BTC6003');
  expect(refused([...RUN, '--input', 'x=odd.safetensors'])).toContain('BTC5010');
});

/** Commands that write a file, which stands behind the words. */
const WRITERS = [
  [...RUN, '--log'],
  [...RUN, '--plot'],
  [...RUN, '--trace'],
  ['inspect', PLAN, '--timeline'],
  ['inspect', PLAN, '--snapshot'],
  ['view', PLAN, '-o'],
  ['profile', '--target', 'wasm', '-o'],
  ['tune', PLAN, '-o'],
  ['decompose', WEIGHTS, ...DECOMPOSE, '-o'],
  [...EXPORT, '-o'],
] as const;
const NAMED = WRITERS.map((words) => ({ words, name: words.join(' ') }));

test.each(NAMED)('btc $name FOLDER does not begin', ({ words }) => {
  expect(refused([...words, 'out'])).toBe("error BTC5003: 'out' cannot be written: it is a folder");
});

test.each(NAMED)('btc $name in a file as if it were a folder does not begin', ({ words }) => {
  expect(refused([...words, 'model.ts/f'])).toMatch(
    /^error BTC5003: 'model\.ts\/f' cannot be written: (a part of its path|'?.*) is not a folder$/,
  );
});

test.each(NAMED.slice(0, 5))('btc $name in no folder does not begin', ({ words }) => {
  expect(refused([...words, 'no/such/f'])).toBe(
    "error BTC5003: 'no/such/f' cannot be written: there is no folder 'no/such'",
  );
});

test.each([
  ['view', PLAN, '-o', PLAN],
  ['tune', PLAN, '-o', PLAN],
  [...EXPORT, '--weights', WEIGHTS, '-o', WEIGHTS],
])('btc %s %s … writes over nothing that it reads', (...words) => {
  const file = words[words.length - 1];
  const before = readFileSync(join(project.folder, file));
  expect(refused(words)).toBe(
    `error BTC5005: '${file}' is not written: --output names a file that the command reads`,
  );
  expect(readFileSync(join(project.folder, file)).equals(before)).toBe(true);
});

test('folders are checked before the work too', () => {
  expect(refused(['build', 'model.ts', '--outDir', 'model.ts'])).toBe(
    "error BTC5003: 'model.ts' cannot be written: it is not a folder",
  );
  expect(refused(['import', 'net.onnx', '--outDir', 'model.ts'])).toContain('BTC5003');
  expect(refused([...RUN, '--spillDirectory', 'model.ts'])).toContain('BTC5003');
  expect(refused(['profile', '--target', 'wasm', '--folder', 'model.ts'])).toContain('BTC5003');
});

test.skipIf(!existsSync('/proc'))(
  'a file system that takes no folders is told, and not asked for ever',
  () => {
    const gone = '/proc/no-such/folder';
    const told = (file: string) =>
      new RegExp(
        `^error BTC5003: '${file}' cannot be written: (no folder can be made in '/proc'|permission is denied)$`,
      );
    expect(refused(['build', 'model.ts', '--target', 'wasm', '--outDir', gone])).toMatch(
      told(gone),
    );
    for (const words of WRITERS.slice(-2))
      expect(refused([...words, `${gone}/f`])).toMatch(told(`${gone}/f`));
    expect(refused(['view', PLAN, '-o', `${gone}/f`])).toMatch(told(`${gone}/f`));
  },
);

test('-o and --outDir are told apart', () => {
  const several = /writes several files: name their folder with --outDir$/;
  expect(refused(['build', 'model.ts', '-o', 'x'])).toMatch(several);
  for (const words of [['view', PLAN], ['tune', PLAN], ['profile'], EXPORT])
    expect(refused([...words, '--outDir', 'x'])).toMatch(/BTC6092: .* one file: name it with -o$/);
  expect(refused(['import', 'none.onnx', '-o', 'x'])).toContain('BTC6003');
});
