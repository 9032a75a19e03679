import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import SIGNATURES from '../../compiler/signatures.json' with { type: 'json' };
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

  test.each([
    ["import './layer.js';", 8, "no file layer.js; did you mean './layers.js'?"],
    [
      "import * as all from './blok/inner.js';",
      22,
      "no file blok/inner.js; did you mean './block/inner.js'?",
    ],
    ["await import('./nothing/of/it.js');", 14, 'no file nothing/of/it.js'],
    ["export * from './style.css';", 15, "Node imports code and JSON, not '.css' files"],
    [
      "import './block';",
      8,
      "block is a folder, and Node imports files; did you mean './block/index.mjs'?",
    ],
    [
      "import 'lodahs/fp';",
      8,
      "package 'lodahs' is in no folder node_modules beside the file or above it; did you mean 'lodash/fp'?",
    ],
    [
      "import 'btc-compiler/runtme';",
      8,
      "package 'btc-compiler' is there, and exports no './runtme'; did you mean 'btc-compiler/runtime'?",
    ],
    ["import 'node:fss';", 8, "Node has no such module; did you mean 'node:fs'?"],
    ["import '#inside';", 8, 'the nearest package.json has no such entry in its "imports"'],
  ])(
    '%s in JavaScript: the place, what was looked for and what comes near',
    (line, column, message) => {
      project.write('layers.js', 'export const height = 3;');
      project.write('style.css', '');
      project.write('block/inner.js', '');
      project.write('block/index.mjs', '');
      project.write('node_modules/lodash/package.json', '{"name":"lodash","version":"1.0.0"}');
      project.write('model.js', `${line}\n${SMALL_MODEL}`);
      const { code, lines } = check('model.js');
      expect(code).toBe(1);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(`model.js(1,${column}): error BTC5230: `);
      expect(lines[0]).toContain(message);
    },
  );

  test('in a file that the model imports, also a CommonJS one: the place there', () => {
    project.write('middle.js', "\nimport './gone.js';\n");
    project.write('old.cjs', "const gone = require('./gone.cjs');\n");
    for (const [name, place] of [
      ['middle.js', '(2,8)'],
      ['old.cjs', '(1,14)'],
    ]) {
      project.write('model.js', `import './${name}';\n${SMALL_MODEL}`);
      const { lines } = check('model.js');
      expect(lines).toEqual([expect.stringContaining(`${name}${place}: error BTC5230: './gone.`)]);
    }
    project.write('older.cjs', "\nthrow new TypeError('too old');\n");
    project.write('model.js', `import './older.cjs';\n${SMALL_MODEL}`);
    expect(check('model.js').lines).toEqual([
      'older.cjs(2,7): error BTC1002: the model could not be evaluated: TypeError: too old',
    ]);
  });

  test('in TypeScript: what TypeScript says, and what comes near', () => {
    project.write('layers.ts', 'export const height = 3;');
    project.write('model.ts', `import { height } from './layer.ts';\n${SMALL_MODEL}void height;\n`);
    const { lines } = check('model.ts');
    expect(lines).toEqual([
      expect.stringMatching(
        /^model\.ts\(1,24\): error TS2307: .* Did you mean '\.\/layers\.ts'\?$/,
      ),
    ]);
  });
});

describe('names that a model computes', () => {
  test('are found from the file that has them, and refused at the import', () => {
    project.write('net.ts', 'export const width = 3;');
    project.write('more.mjs', 'export const height = 2;');
    project.write(
      'model.ts',
      `import { crossEntropy, defineModel, linear, sgd, tensor } from 'btc-compiler';
import { width } from './net.ts';
const from = async (...parts: string[]) => import(parts.join(''));
const { height } = await from('./mo', 're.mjs');
const same = await from('./n', 'et');
const language = await from('btc-', 'compiler');
const installed = await import(import.meta.resolve('btc-compiler'));
if (same.width !== width || language.linear !== linear || installed.linear !== linear) throw new Error('other');
if (import.meta.resolve('./net.ts') !== new URL('./net.ts', import.meta.url).href) throw new Error('place');
export default defineModel({ name: 'm', inputs: { x: tensor([4, width]), y: tensor([4], 'i32') },
  build: ({ x }) => ({ logits: linear(width, height)(x) }),
  train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: sgd() } });
`,
    );
    expect(check('model.ts', '--target', 'wasm')).toMatchObject({ code: 0 });
    for (const [line, place, message] of [
      [
        "const at = './no'; await import(at + 'where.js');",
        33,
        "'./nowhere.js' cannot be imported: there is no file nowhere.js",
      ],
      [
        "const at = 'lodahs'; await import(at + '/fp');",
        35,
        "'lodahs/fp' cannot be imported: package 'lodahs' is in no folder",
      ],
      [
        "const at = './no'; import(at + 'where.js');",
        27,
        "'./nowhere.js' cannot be imported: there is no file nowhere.js",
      ],
    ] as const)
      for (const file of ['model.ts', 'model.mjs']) {
        project.write(file, `${line}\n${SMALL_MODEL}`);
        expect(check(file).lines).toEqual([
          expect.stringContaining(`${file}(1,${place}): error BTC5230: ${message}`),
        ]);
      }
    project.write('model.ts', `import.meta.resolve('lodahs');\n${SMALL_MODEL}`);
    expect(check('model.ts').lines).toEqual([
      expect.stringContaining("model.ts(1,1): error BTC5230: 'lodahs' cannot be imported"),
    ]);
  });
});

describe('what is thrown and has no stack', () => {
  test.each([
    ['throw {};', '(1,1)', 'it threw {}'],
    ['if (1) throw null;', '(1,8)', 'it threw null'],
    ["throw 'as text';", '(1,1)', 'as text'],
    ['throw undefined;', '(1,1)', 'it threw undefined'],
    ['const f = (n: number) => { throw { at: n }; }; f(3);', '(1,28)', 'it threw {"at":3}'],
    ['const later = () => Promise.reject(5); await later();', '(1,40)', 'it threw 5'],
    ['await new Promise((_, no) => setTimeout(no, 1, false));', '(1,1)', 'it threw false'],
    ["try { throw 1; } catch (e) { throw e === 1 ? 'second' : e; }", '(1,30)', 'second'],
    ['void Promise.reject(7);', '(1,1)', 'it threw 7'],
    [
      "setTimeout(() => { throw ['late']; }, 0); await new Promise((go) => setTimeout(go, 20));",
      '(1,20)',
      'it threw ["late"]',
    ],
  ])('%s is told where it was', (line, place, reason) => {
    project.write('model.ts', `${line}\n${SMALL_MODEL}`);
    const { code, lines } = check('model.ts', '--target', 'wasm');
    expect(code).toBe(1);
    expect(lines[0]).toBe(
      `model.ts${place}: error BTC1002: the model could not be evaluated: ${reason}`,
    );
  });

  test('as a function of the model runs, or out of a file that is not emitted', () => {
    project.write(
      'model.ts',
      SMALL_MODEL.replace('linear(3, 2)(x) }', 'none(x) }')
        .replace(
          'export default',
          `const none = (x: unknown): never => { throw [typeof x]; };\nexport default`,
        )
        .replace(' linear,', ''),
    );
    expect(check('model.ts', '--target', 'wasm').lines.slice(0, 2)).toEqual([
      'model.ts(3,39): error BTC1002: the model could not be evaluated: it threw ["object"]',
      expect.stringContaining('called from here'),
    ]);
    project.write('old.cjs', 'throw 4;');
    project.write('model.ts', `import './old.cjs';\n${SMALL_MODEL}`);
    expect(check('model.ts').lines).toEqual([
      'model.ts(1,1): error BTC1002: the model could not be evaluated: it threw 4',
    ]);
  });
});

describe('a language that is required', () => {
  const MODEL = SMALL_MODEL.replace(
    /^import (.*) from 'btc-compiler';/,
    "const $1 = require('btc-compiler');",
  ).replace('linear(3, 2)', 'linear(3, 2, {}, 5)');

  test('is the one that imports lead to: arguments too many are told at the call', () => {
    const told = (file: string, place: string) =>
      expect.stringContaining(`${file}${place}: error BTC5222: 'linear' takes 3 arguments, not 4`);
    project.write(
      'asked.mjs',
      `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n${MODEL}`,
    );
    expect(check('asked.mjs').lines).toEqual([told('asked.mjs', '(8,32)')]);
    project.write('common.js', MODEL.replace('export default', 'module.exports ='));
    expect(check('common.js').lines).toEqual([told('common.js', '(6,32)')]);
    project.write(
      'layers.cjs',
      "exports.layer = () => require('btc-compiler').linear(3, 2, {}, 5);",
    );
    project.write(
      'model.mjs',
      `import { createRequire } from 'node:module';\n${SMALL_MODEL.replace('linear(3, 2)', "createRequire(import.meta.url)('./layers' + '.cjs').layer()")}`,
    );
    expect(check('model.mjs').lines[0]).toEqual(told('layers.cjs', '(1,47)'));
  });

  test('makes models that build', () => {
    project.write(
      'common.js',
      MODEL.replace(', {}, 5', '').replace('export default', 'module.exports ='),
    );
    expect(check('common.js', '--target', 'wasm')).toMatchObject({ code: 0 });
  });
});

describe('arguments too many in JavaScript, which nothing checks', () => {
  const most = Object.entries(SIGNATURES).flatMap(([name, overloads]) => {
    const counts = overloads.map((one) => one.most ?? Number.POSITIVE_INFINITY);
    const count = Math.max(...counts);
    return Number.isFinite(count) ? [[name, count] as const] : [];
  });

  test('are BTC5222 for every function', () => {
    expect(most.length).toBeGreaterThan(150);
    project.write(
      'model.js',
      `import * as btc from 'btc-compiler';
const most = ${JSON.stringify(most)};
export default btc.defineModel({ name: 'm', inputs: { x: btc.tensor([2]) }, build: ({ x }) => {
  for (const [name, count] of most) {
    const fn = name.split('.').reduce((at, part) => at[part], btc);
    try { fn(...Array(count + 1).fill(x)); } catch {}
  }
  return { y: btc.exp(x) };
} });
`,
    );
    const said = check('model.js').lines.flatMap(
      (line) =>
        /error BTC5222: '(.*?)' takes (?:no|\d+) arguments?, not \d+;/.exec(line)?.[1] ?? [],
    );
    const short = (name: string) => name.replace(/^.*\./, '');
    expect(said.map(short).sort()).toEqual(most.map(([name]) => short(name)).sort());
  });

  test('are told at the call, and files in TypeScript share one language with it', () => {
    project.write(
      'scale.ts',
      "import { mul, type Tensor } from 'btc-compiler';\nexport const scaled = (x: Tensor) => mul(x, 2);\n",
    );
    const model = (
      call: string,
    ) => `import { defineModel, exp, init, linear, tensor } from 'btc-compiler';
import { scaled } from './scale.ts';
export default defineModel({ name: 'm', inputs: { x: tensor([2, 3]) },
  build: ({ x }) => ({ y: ${call} }) });
`;
    project.write('model.js', model('exp(scaled(x), 1)'));
    expect(check('model.js').lines).toEqual([
      "model.js(4,27): error BTC5222: 'exp' takes 1 argument, not 2; leave out what is behind them",
    ]);
    project.write('model.js', model('scaled(linear(3, 2, { init: init.normal(1) })(exp(x)))'));
    expect(check('model.js', '--target', 'wasm').code).toBe(0);
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
