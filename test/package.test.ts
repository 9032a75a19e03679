import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from './support/btc.ts';

let folder: string;
let files: string[];

// The tarball's own files in a place of their own, with the dependencies that npm would install beside it.
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'btc-package-'));
  const packed = execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
    { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const [{ filename, files: listed }] = JSON.parse(packed) as [
    { filename: string; files: { path: string }[] },
  ];
  files = listed.map(({ path }) => path);
  const target = join(folder, 'node_modules', 'btc-compiler');
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['xzf', join(folder, filename), '--strip-components=1', '-C', target]);
  for (const path of dependencies()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(folder, path));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Folders of the packages that a user's npm installs with this one: `node_modules/commander`. */
function dependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; peer?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer)
    .map(([path]) => path);
}

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
  expect(files.filter((path) => !/^(dist\/|README\.md|LICENSE|package\.json)/.test(path))).toEqual(
    [],
  );
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
