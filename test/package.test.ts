import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PRODUCER } from '../compiler/version.ts';
import { ROOT } from './support/btc.ts';
import { dependencies, installPacked } from './support/packed.ts';

let folder: string;
let files: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'btc-package-'));
  files = installPacked(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function bytesBelow(path: string): number {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => lstatSync(join(path, name)))
    .reduce((sum, { size }) => sum + size, 0);
}

function run(code: string): string {
  const script = join(folder, 'script.mjs');
  writeFileSync(script, code);
  return execFileSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' });
}

test('holds the built files, the licence and the readme, and no sources or tests', () => {
  expect(files).toContain('README.md');
  expect(files).toContain('LICENSE');
  expect(files).toContain('dist/ir/plan.schema.json');
  // What `btc view` writes into a page, and the module; of the rest of the view, types alone.
  expect(files.filter((path) => /^dist\/view\/.*\.js$/.test(path)).sort()).toEqual([
    'dist/view/index.js',
    'dist/view/page.js',
  ]);
  expect(files).toContain('dist/view/index.d.ts');
  expect(files.filter((path) => !/^(dist\/|README\.md|LICENSE|package\.json)/.test(path))).toEqual(
    [],
  );
});

test('says its version as package.json does', () => {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(run(`import { VERSION } from 'btc-compiler'; console.log(VERSION);`).trim()).toBe(version);
  expect(PRODUCER).toBe(`${name} ${version}`);
});

test('takes at most 34 MB with all that npm installs beside it', () => {
  const packages = ['node_modules/btc-compiler', ...dependencies()];
  const roots = packages.filter((path) => path.lastIndexOf('node_modules') === 0);
  const bytes = roots.map((path) => bytesBelow(realpathSync(join(folder, path))));
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(34e6);
});

test('says in one sentence that the package for GPUs is missing, where there is a loader for their drivers', () => {
  // The check for the loader's file comes first; one by that name passes it.
  writeFileSync(join(folder, 'libvulkan.so.1'), '');
  const script = `
    import { findNodeGpu } from 'btc-compiler/node';
    console.log((await findNodeGpu()).reason);
  `;
  writeFileSync(join(folder, 'gpu.mjs'), script);
  const printed = execFileSync(process.execPath, ['gpu.mjs'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, LD_LIBRARY_PATH: folder },
  });
  expect(printed.trim()).toBe("the package 'webgpu' is not installed (npm install webgpu)");
});

test('trains a model by the API alone, without touching the disk', () => {
  const output = run(`
    import { compile, crossEntropy, defineModel, linear, sgd, tensor, inspectPlan } from 'btc-compiler';
    import { load } from 'btc-compiler/runtime';
    import { verifyPlan } from 'btc-compiler/ir';
    const model = defineModel({
      name: 'small',
      inputs: { x: tensor([4, 3]), y: tensor([4], 'i32') },
      build: ({ x }) => ({ logits: linear(3, 2)(x) }),
      train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: sgd({ learningRate: 1 }) },
    });
    const { plan, module, parameters, diagnostics } = await compile(model, { target: 'wasm' });
    const session = await load(plan, { module, parameters });
    const inputs = { x: [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 1, 1]], y: [0, 1, 0, 1] };
    const losses = [];
    for (let step = 0; step < 20; step++) losses.push((await session.run('train', inputs)).loss[0]);
    console.log(JSON.stringify({
      diagnostics, problems: verifyPlan(plan), programs: inspectPlan(plan).programs.length,
      falls: losses[19] < losses[0] / 2, allocated: session.allocatedBytes === plan.memory.deviceBytes,
    }));
    session.destroy();
  `);
  expect(JSON.parse(output)).toEqual({
    diagnostics: [],
    problems: [],
    programs: 2,
    falls: true,
    allocated: true,
  });
});

test('trains where it was bundled into a program for Node, without anything beside it', async () => {
  const source = join(folder, 'bundled.mjs');
  writeFileSync(
    source,
    `
    import { compile, crossEntropy, defineModel, linear, sgd, tensor } from 'btc-compiler';
    const model = defineModel({
      name: 'small',
      inputs: { x: tensor([4, 3]), y: tensor([4], 'i32') },
      build: ({ x }) => ({ logits: linear(3, 2)(x) }),
      train: { loss: ({ logits }, { y }) => crossEntropy(logits, y), optimizer: sgd() },
    });
    const { plan, diagnostics } = await compile(model, { target: 'wasm' });
    console.log(JSON.stringify({ programs: plan ? Object.keys(plan.programs) : [], diagnostics }));
  `,
  );
  const external = ['typescript', 'webgpu', 'highs'];
  const bundle = await rolldown({ input: source, platform: 'node', external });
  const alone = mkdtempSync(join(tmpdir(), 'btc-bundled-'));
  await bundle.write({ file: join(alone, 'main.mjs'), format: 'esm', codeSplitting: false });
  await bundle.close();
  const [bundled, plain] = [join(alone, 'main.mjs'), source].map((file) =>
    JSON.parse(execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' })),
  );
  rmSync(alone, { recursive: true });
  expect(plain.programs).toEqual(['predict', 'train']);
  expect(bundled).toEqual(plain);
});

test('exports Node’s GPU, the schema and its own description', () => {
  const output = run(`
    import { createRequire } from 'node:module';
    import { findNodeGpu } from 'btc-compiler/node';
    const require = createRequire(import.meta.url);
    console.log(JSON.stringify([
      typeof findNodeGpu,
      require('btc-compiler/plan.schema.json').$schema !== undefined,
      require('btc-compiler/package.json').name,
    ]));
  `);
  expect(JSON.parse(output)).toEqual(['function', true, 'btc-compiler']);
});

test('the binary runs', () => {
  const { version, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const binary = join(folder, 'node_modules', 'btc-compiler', bin.btc);
  const printed = execFileSync(binary, ['--version'], { cwd: folder, encoding: 'utf8' });
  expect(printed.trim()).toBe(version);
});
