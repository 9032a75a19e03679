import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

let project: Project;
beforeEach(() => {
  project = createProject();
});
afterEach(() => project.remove());

const check = (...args: string[]) => {
  const { code, stdout, stderr } = project.btc('build', '--noEmit', '--no-pretty', ...args);
  expect(stderr).not.toContain('Error');
  return { code, lines: stdout.trim().split('\n') };
};
/** Folders of emitted modules that were not removed; the project is the temporary folder. */
const leftovers = () => project.list('.').filter((name) => name.startsWith('btc-'));

describe('a file that cannot be a model', () => {
  test('is refused in one line, whatever it is', () => {
    project.write('package.json', '{}');
    project.write('model.d.ts', 'export declare const x: number;');
    project.write('src/model.ts', SMALL_MODEL);
    const { code, lines } = check('package.json', 'model.d.ts', 'src', 'nowhere.ts', 'no/where.ts');
    expect(code).toBe(1);
    const refused = (file: string) =>
      `error BTC6006: '${file}' is not a model: TypeScript or JavaScript code with a default export made by defineModel`;
    expect(lines).toEqual([
      refused('package.json'),
      refused('model.d.ts'),
      "error BTC5002: 'src' cannot be read: it is a folder",
      "error BTC6003: 'nowhere.ts' does not exist",
      "error BTC6003: 'no/where.ts' does not exist",
    ]);
  });

  test('a configuration that does not exist is the only message', () => {
    project.write('model.ts', SMALL_MODEL);
    const { code, lines } = check('model.ts', '--project', 'nope.json');
    expect(code).toBe(1);
    expect(lines).toEqual(["error TS5083: Cannot read file 'nope.json'."]);
  });
});

describe('imports', () => {
  test("lead where 'paths' of the configuration says, with or without an extension", () => {
    project.write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          module: 'preserve',
          allowImportingTsExtensions: true,
          noEmit: true,
          types: [],
          paths: { '@/*': ['./src/*'] },
        },
      }),
    );
    project.write('src/sizes.json', '{ "outputs": 2 }');
    project.write('src/net.ts', 'export const width = 3;');
    project.write(
      'model.ts',
      `import { width } from '@/net.ts';
import { width as same } from '@/net';
import sizes from '@/sizes.json' with { type: 'json' };
${SMALL_MODEL.replace('linear(3, 2)', 'linear(width + same - 3, sizes.outputs)')}`,
    );
    const { code, lines } = check('model.ts');
    expect(lines[0]).toContain('model.ts → checked');
    expect(code).toBe(0);
  });

  test('lead to packages of the workspace that are TypeScript, by whatever their description says', () => {
    const workspace = (name: string, description: object, files: Record<string, string>) => {
      const folder = `packages/${name}`;
      project.write(
        `${folder}/package.json`,
        JSON.stringify({ name: `@team/${name}`, ...description }),
      );
      for (const [file, text] of Object.entries(files)) project.write(`${folder}/${file}`, text);
      project.link(folder, `node_modules/@team/${name}`);
    };
    project.write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: { jsx: 'react', strict: true, types: [], customConditions: ['source'] },
      }),
    );
    workspace(
      'layers',
      { type: 'module', exports: { '.': './src/index.ts', './*': './src/*.mts' } },
      {
        'src/index.ts': `import { linear } from 'btc-compiler';
import { inputs } from './sizes.js';
import { outputs } from '@team/sizes';
export { outputs };
export const head = () => linear(inputs, outputs as number);`,
        'src/sizes.ts': 'export const inputs: number = 3;',
        'src/deep.mts': 'export const deep: number = 1;',
      },
    );
    workspace('sizes', { main: 'main.tsx' }, { 'main.tsx': 'export const outputs: number = 2;' });
    workspace(
      'built-later',
      { type: 'module', exports: { types: './src/index.ts', default: './dist/index.js' } },
      { 'src/index.ts': "export { one } from './one.ts';", 'src/one.ts': 'export const one = 1;' },
    );
    workspace(
      'conditional',
      { type: 'module', exports: { source: './two.ts', default: './nowhere.js' } },
      {
        'two.ts':
          'declare global { interface ImportMeta { dirname: string } }\nexport const two = 2;\nexport const folder = import.meta.dirname;',
      },
    );
    // Its own dependencies are where its folder is, not where the model is; a published one may be TypeScript too.
    project.write(
      'packages/layers/node_modules/@team/sizes/package.json',
      JSON.stringify({ name: '@team/sizes', exports: './index.ts' }),
    );
    project.write(
      'packages/layers/node_modules/@team/sizes/index.ts',
      'export const outputs: unknown = 2; const loose: string = 3; void loose;',
    );
    project.write(
      'model.ts',
      `import { crossEntropy, defineModel, sgd, tensor } from 'btc-compiler';
import { one } from '@team/built-later';
import { folder, two } from '@team/conditional';
import { head, outputs as inner } from '@team/layers';
import { deep } from '@team/layers/deep';
import { outputs } from '@team/sizes';
if (one + deep !== two || outputs !== inner || !folder.endsWith('conditional')) throw new Error('wrong');
export default defineModel({
  name: 'small',
  inputs: { x: tensor([4, 3]), y: tensor([4], 'i32') },
  build: ({ x }) => ({ logits: head()(x) }),
  train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: sgd() },
});
`,
    );
    const { code, lines } = check('model.ts', '--target', 'wasm');
    expect(lines[0]).toContain('model.ts → checked');
    expect(code).toBe(0);
    project.write('packages/layers/src/sizes.ts', "export const inputs: number = '3';");
    expect(check('model.ts').lines).toContain(
      "packages/layers/src/sizes.ts(1,14): error TS2322: Type 'string' is not assignable to type 'number'.",
    );
  });

  test.each([
    ["import { width } from './layers.ts';", /^model\.ts\(1,23\): error TS2307: /],
    ["import { width } from 'layers';", /^model\.ts\(1,23\): error TS2307: /],
    ["import { width } from './other.ts';", /^model\.ts\(1,10\): error TS2305: /],
  ])('%s that leads nowhere is reported once', (line, message) => {
    project.write('other.ts', 'export const height = 3;');
    project.write('model.ts', `${line}\n${SMALL_MODEL.replace('linear(3', 'linear(width')}`);
    const { code, lines } = check('model.ts');
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringMatching(message)]);
  });

  test.each([
    [
      "import { relux } from 'btc-compiler';",
      "model.js(1,10): error BTC5204: 'btc-compiler' has no export 'relux'; did you mean 'relu'?",
    ],
    [
      "import { depth, heihgt as tall } from './sizes.js';",
      "model.js(1,17): error BTC5204: 'sizes.js' has no export 'heihgt'; did you mean 'height'?",
    ],
  ])('%s in JavaScript: the place, and the name that was meant', (line, message) => {
    project.write('sizes.js', 'export const height = 3;\nexport const depth = 4;\n');
    project.write('model.js', `${line}\n${SMALL_MODEL}`);
    const { code, lines } = check('model.js');
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringContaining(message)]);
  });

  test("in JavaScript, which TypeScript does not check: the message names the user's file", () => {
    project.write('model.js', `import './layers.js';\n${SMALL_MODEL}`);
    const { lines } = check('model.js');
    expect(lines).toEqual([
      expect.stringMatching(
        /error BTC1002: .*Cannot find module '.*layers\.js' imported from model\.js$/,
      ),
    ]);
  });
});

describe('an exception outside of any call', () => {
  test('during the build is a diagnostic, and nothing is left', () => {
    project.write(
      'model.ts',
      `${SMALL_MODEL}setTimeout(() => { throw new Error('too late'); });
void Promise.reject(new TypeError('nobody waits'));
`,
    );
    const { code, stdout, stderr } = project.btcProcess('build', 'model.ts', '--no-pretty');
    expect(code).toBe(1);
    expect(stderr).not.toContain('Error');
    expect(stdout.trim().split('\n')).toEqual([
      'model.ts(9,26): error BTC1002: the model could not be evaluated: Error: too late',
      'model.ts(10,21): error BTC1002: the model could not be evaluated: TypeError: nobody waits',
    ]);
    expect(project.list('out')).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  test('after the build is none of it: the model has ended with it', () => {
    project.write(
      'model.ts',
      `${SMALL_MODEL}setTimeout(() => { throw new Error('later'); }, 60_000);`,
    );
    const { code, stdout } = project.btcProcess(
      'build',
      '--noEmit',
      'model.ts',
      '--target',
      'wasm',
    );
    expect(code).toBe(0);
    expect(stdout).not.toContain('later');
  });
});

describe('emitted modules are removed', () => {
  test('when the model ends the process', () => {
    project.write('model.ts', 'process.exit(3);');
    expect(project.btcProcess('build', 'model.ts').code).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  test('when the build is interrupted', async () => {
    project.write(
      'model.ts',
      "console.log('evaluating');\nawait new Promise((r) => setTimeout(r, 60_000));",
    );
    const child = spawn(process.execPath, [MAIN, 'build', 'model.ts'], {
      cwd: project.folder,
      env: { ...process.env, TMPDIR: project.folder },
    });
    await once(child.stdout, 'data');
    expect(leftovers()).toHaveLength(1);
    child.kill('SIGINT');
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGINT');
    expect(leftovers()).toEqual([]);
  });
});
