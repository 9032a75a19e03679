import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../support/btc.ts';
import { launchChromium, openPage, serve } from '../support/chromium.ts';
import { installPacked, unpackPacked } from '../support/packed.ts';

// `npm create btc-compiler` from what npm would publish of both packages, in a folder of its own. Only what npm would download is linked.

const TEMPLATES = ['node', 'vite', 'worker'] as const;
/** Packages that templates name beside btc-compiler. */
const TOOLS = ['vite', 'typescript', '@types/node'];
const BINS = {
  btc: 'btc-compiler/dist/compiler/cli/main.js',
  'create-btc-compiler': 'create-btc-compiler/index.mjs',
  vite: 'vite/bin/vite.js',
  tsc: 'typescript/bin/tsc',
};

let folder: string;
let packed: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'btc-create-'));
  const modules = join(folder, 'node_modules');
  installPacked(folder);
  packed = unpackPacked(join(ROOT, 'create-btc-compiler'), join(modules, 'create-btc-compiler'));
  for (const name of TOOLS) {
    mkdirSync(join(modules, name, '..'), { recursive: true });
    if (!existsSync(join(modules, name)))
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  mkdirSync(join(modules, '.bin'));
  for (const [name, path] of Object.entries(BINS))
    symlinkSync(join('..', path), join(modules, '.bin', name));
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `npm create btc-compiler ARGS` runs it, without a terminal. */
function create(...args: string[]) {
  const command = ['exec', '--offline', '--', 'create-btc-compiler', ...args];
  const { status, stdout, stderr } = spawnSync('npm', command, {
    ...{ cwd: folder, encoding: 'utf8', input: '' },
  });
  return { status, stdout, stderr: stderr.replace(/^npm .*\n/gm, '') };
}

const script = (project: string, ...args: string[]) =>
  execFileSync('npm', ['run', '--silent', ...args], {
    ...{ cwd: join(folder, project), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  });

test('the package holds its templates, and has the version of btc-compiler', () => {
  const version = (path: string) =>
    (JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as { version: string }).version;
  expect(version('create-btc-compiler/package.json')).toBe(version('package.json'));
  for (const name of TEMPLATES) expect(packed).toContain(`templates/${name}/README.md`);
  expect(packed).toContain('templates/common/_gitignore');
});

describe('a project of each template', () => {
  test.each(TEMPLATES)('%s is whole: named, typed, with scripts that run', (name) => {
    const { status, stdout, stderr } = create(name, '--template', name, '--name', `my-${name}`);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`cd ${name}\n  npm install\n  npm start`);
    const made = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8'));
    expect(made).toMatchObject({ name: `my-${name}`, dependencies: { 'btc-compiler': '^0.1.0' } });
    const needed = Object.keys({ ...made.dependencies, ...made.devDependencies });
    for (const one of needed) expect(existsSync(join(folder, 'node_modules', one)), one).toBe(true);
    expect(readFileSync(join(folder, name, '.gitignore'), 'utf8')).toContain('node_modules/');
    const said = readFileSync(join(folder, name, 'README.md'), 'utf8').matchAll(/npm run (\w+)/g);
    for (const [, one] of said) expect(made.scripts).toHaveProperty(one);
  });

  test('node learns, and writes what it has learnt', () => {
    const printed = script('node', 'start');
    const losses = Array.from(printed.matchAll(/loss (\S+)/g), ([, loss]) => Number(loss));
    expect(losses).toHaveLength(10);
    expect(losses[9]).toBeLessThan(0.1 * losses[0]);
    expect(Number(/([\d.]+) % of the points are right/.exec(printed)?.[1])).toBeGreaterThan(98);
    expect(existsSync(join(folder, 'node/out/spirals.safetensors'))).toBe(true);
    script('node', 'check');
  });

  test('vite and worker build pages that learn', async () => {
    // A GPU in software would take minutes for what WebAssembly does in seconds.
    const browser = await launchChromium({ webgpu: false });
    try {
      for (const name of ['vite', 'worker']) {
        script(name, 'build');
        script(name, 'check');
        const server = await serve(join(folder, name, 'dist'), {});
        try {
          const { page, problems } = await openPage(browser, `${server.origin}/index.html`);
          let workers = page.workers().length;
          page.on('workercreated', () => workers++);
          await page
            .waitForFunction("document.querySelector('#status').textContent.startsWith('done')")
            .catch(() => {
              throw new Error(`${name} does not end: ${problems.join('; ')}`);
            });
          const status = await page.$eval('#status', (element) => element.textContent ?? '');
          expect(Number(/([\d.]+) % right/.exec(status)?.[1]), status).toBeGreaterThan(95);
          expect(await page.$eval('#memory', (element) => element.textContent)).toMatch(
            /: \d+ KiB of device memory$/,
          );
          expect(problems).toEqual([]);
          expect(workers).toBe(name === 'worker' ? 1 : 0);
          await page.close();
        } finally {
          await server.close();
        }
      }
    } finally {
      await browser.close();
    }
  });
});

describe('what cannot be made is said in a sentence, and nothing is written', () => {
  test.each([
    [
      ['x', '--template', 'react'],
      "there is no template 'react'; the templates are node, vite, worker",
    ],
    [
      ['x', '--template', 'node', '--name', 'X'],
      "'X' cannot be the name of a package: it has capital letters",
    ],
    [['!!', '--template', 'node'], "'' cannot be the name of a package: it is empty"],
    [['x', '--template', 'node', '--name', '.x'], "'.x' cannot be the name of a package: "],
    [['x', '--template', 'node', '--name', ''], "'' cannot be the name of a package: it is empty"],
    [['full', '--template', 'node'], "the folder 'full' is not empty"],
    [['file', '--template', 'node'], "'file' is a file"],
    [['', '--template', 'node', '--name', 'x'], 'the folder has no name'],
    [['file/x', '--template', 'node'], "'file/x' cannot be made: "],
    [['/proc/nothing/x', '--template', 'node'], "'/proc/nothing/x' cannot be made: "],
    [['x'], 'give --template, one of node, vite, worker'],
    [[], 'name a folder, as in: npm create btc-compiler my-app -- --template node'],
    [['x', 'y', '--template', 'node'], 'one folder is made at a time'],
    [['x', '--tempalte', 'node'], "there is no option '--tempalte'; --help lists the options"],
  ] as const)('%j', (args, message) => {
    mkdirSync(join(folder, 'full'), { recursive: true });
    writeFileSync(join(folder, 'full/own.txt'), 'mine');
    writeFileSync(join(folder, 'file'), 'mine');
    const before = readdirSync(folder).sort();
    const { status, stdout, stderr } = create(...args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error: .*\n$/);
    expect(stderr).toContain(message);
    expect(readdirSync(folder).sort()).toEqual(before);
    expect(readdirSync(join(folder, 'full'))).toEqual(['own.txt']);
  });

  test('a template that cannot be copied leaves no folder, not even one above', async () => {
    const { create: make } = await import('../../create-btc-compiler/create.mjs');
    const deep = join(folder, 'deep/er/app');
    const source = {
      toJSON: () => {
        throw new Error('not to be written');
      },
    } as unknown as string;
    expect(() => make({ folder: deep, template: 'node', source })).toThrow('not to be written');
    expect(existsSync(join(folder, 'deep'))).toBe(false);
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    expect(() => make({ folder: empty, template: 'node', source })).toThrow('not to be written');
    expect(readdirSync(empty)).toEqual([]);
    make({ folder: empty, template: 'node' });
    expect(readdirSync(empty)).toContain('model.ts');
  });
});

test('the name of a folder that npm takes for no package is made one', () => {
  const { status, stdout } = create('My first_App!', '--template', 'node');
  expect(status).toBe(0);
  expect(stdout).toContain('cd "My first_App!"\n');
  const file = join(folder, 'My first_App!/package.json');
  expect(JSON.parse(readFileSync(file, 'utf8')).name).toBe('my-first_app');
});
