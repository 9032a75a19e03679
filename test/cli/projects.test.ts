import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

// What `btc build` writes, in projects of Node: as ES modules and as CommonJS, on the caller's thread and in a worker.

let project: Project;
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  // As `npm init` makes it.
  project.write('package.json', '{ "name": "project", "version": "1.0.0", "type": "commonjs" }');
  build('out');
});
afterAll(() => project.remove());

function build(outDir: string, file = 'model.ts'): string[] {
  const { code, stdout } = project.btc(
    'build',
    file,
    '--outDir',
    outDir,
    '--target',
    'wasm',
    '--no-pretty',
  );
  expect(code, stdout).toBe(0);
  return project.list(outDir);
}

const INPUTS = `const inputs = {
  x: Float32Array.from({ length: 12 }, (_, k) => Math.sin(k)),
  y: Int32Array.from([0, 1, 1, 0]),
};
const errorOf = (promise) => promise.then(() => 'none', ({ name, code, message }) => [name, code, message]);
`;

/** Runs a script of the project; it ends by itself, in time, and says nothing but JSON. */
function run(name: string, text: string, flags: readonly string[] = []): unknown {
  project.write(name, INPUTS + text);
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, name], {
    cwd: project.folder,
    encoding: 'utf8',
    timeout: 500_000,
  });
  expect([
    status,
    stderr.replace(/\(node:\d+\) ExperimentalWarning: [\s\S]*?created\)\n?/, ''),
  ]).toEqual([0, '']);
  return JSON.parse(stdout);
}

const TRAIN = `const train = async (load) => {
  const session = await load({ target: 'wasm' });
  const losses = [];
  for (let i = 0; i < 3; i++) losses.push((await session.run('train', inputs)).loss[0]);
  session.destroy();
  return losses[2] < losses[0];
};
`;

test('a model imports JavaScript that is CommonJS, from where it is', () => {
  project.write('mixed/sizes.cjs', "exports.classes = require('./more/classes.js');");
  project.write('mixed/more/classes.js', 'module.exports = 3;');
  project.write('mixed/bias.js', "exports.bias = require('node:path').sep.length;");
  project.write(
    'mixed/mixed.ts',
    `import { defineModel, linear, mul, tensor } from 'btc-compiler';
import { classes } from './sizes.cjs';
import { bias } from './bias.js';
const fc = linear(4, classes);
export default defineModel({
  name: 'mixed', inputs: { x: tensor([2, 4]) }, build: ({ x }) => ({ y: mul(fc(x), bias) }),
});
`,
  );
  project.write(
    'mixed/tsconfig.json',
    '{ "compilerOptions": { "allowJs": true, "checkJs": false } }',
  );
  expect(build('mixed/out', 'mixed/mixed.ts')).toContain('mixed.wasm.plan.json');
});

describe('a project as npm init makes it', () => {
  test('gets loaders for both kinds of modules, and a description that makes them so', () => {
    expect(project.list('out')).toEqual([
      'model.cjs',
      'model.d.cts',
      'model.d.ts',
      'model.js',
      'model.safetensors',
      'model.wasm',
      'model.wasm.plan.json',
      'model.worker.js',
      'package.json',
    ]);
    expect(JSON.parse(readFileSync(join(project.folder, 'out/package.json'), 'utf8')).type).toBe(
      'module',
    );
  });

  test('imports them', () => {
    const text = `${TRAIN}
import * as js from './out/model.js';
import * as cjs from './out/model.cjs';
console.log(JSON.stringify([
  await train(js.load), await train(js.loadInWorker), await train(cjs.load), await train(cjs.loadInWorker),
  JSON.stringify(js.programs) === JSON.stringify(cjs.programs),
]));`;
    expect(run('imports.mjs', text)).toEqual([true, true, true, true, true]);
  });

  test.each([
    ['./out/model.cjs', []],
    // As every Node 20 does before 20.19.
    ['./out/model.cjs', ['--no-experimental-require-module']],
  ])('requires %s, with flags %o', (file, flags) => {
    const text = `${TRAIN}
const { load, loadInWorker } = require('${file}');
Promise.all([train(load), train(loadInWorker)]).then((done) => console.log(JSON.stringify(done)));`;
    expect(run('requires.js', text, flags)).toEqual([true, true]);
  });

  test.runIf(process.features.require_module)('requires the ES module, where Node does', () => {
    const text = `${TRAIN}
const { load } = require('./out/model');
train(load).then((done) => console.log(JSON.stringify(done)));`;
    expect(run('requires-esm.js', text)).toBe(true);
  });

  test('requires the compiler itself, where Node does, and is told elsewhere what does', () => {
    const text = `try {
  const { compile, defineModel, tensor } = require('btc-compiler');
  const { load } = require('btc-compiler/runtime');
  const model = defineModel({ name: 'm', inputs: { x: tensor([2]) }, build: ({ x }) => ({ y: x.mul(2) }) });
  compile(model, { target: 'wasm' })
    .then(({ plan, module }) => load(plan, { module }))
    .then((session) => session.run('predict', { x: [1, 2] }))
    .then(({ y }) => console.log(JSON.stringify([...y])));
} catch ({ code, message }) {
  console.log(JSON.stringify([code, message.includes('dynamic import()')]));
}`;
    const refused = ['ERR_REQUIRE_ESM', true];
    const works = process.features.require_module === true;
    expect(run('compiles.cjs', text)).toEqual(works ? [2, 4] : refused);
    expect(run('compiles.cjs', text, ['--no-experimental-require-module'])).toEqual(refused);
  });

  test.each(['cjs', 'cts'])('a model that is CommonJS is refused: .%s', (ending) => {
    project.write(`common.${ending}`, "module.exports = require('btc-compiler');");
    const { code, stdout } = project.btc('build', `common.${ending}`, '--no-pretty');
    expect(code).toBe(1);
    expect(stdout).toBe(
      `error BTC6032: 'common.${ending}' is CommonJS, and a model is an ES module: name it .m${ending.slice(1)}, with import and export\n`,
    );
  });

  test("keeps what its own files are: beside those the loaders' names say it", () => {
    project.write('src/own.js', 'module.exports = 1;');
    const files = build('src');
    expect(files).not.toContain('package.json');
    expect(files).toContain('model.mjs');
    const text = `${TRAIN}
const { load } = require('./src/model.js');
import('./src/model.mjs').then(async (loader) =>
  console.log(JSON.stringify([require('./src/own.js'), await train(load), await train(loader.loadInWorker)])));`;
    expect(run('beside.js', text)).toEqual([1, true, true]);
    // When they become ES modules, the others go.
    project.write('src/package.json', '{ "type": "module" }');
    expect(build('src').filter((name) => /\.mjs$|\.d\.mts$/.test(name))).toEqual([]);
  });
});

test('a project of ES modules gets no description of its own in the folder', () => {
  project.write('esm/package.json', '{ "type": "module" }');
  expect(build('esm/out')).not.toContain('package.json');
  const text = `${TRAIN}
import { load } from './out/model.js';
console.log(JSON.stringify(await train(load)));`;
  expect(run('esm/main.js', text)).toBe(true);
});

test('names that mean something in addresses are only names', () => {
  const name = "a#b 100%25?'c";
  project.write(`${name}.ts`, SMALL_MODEL);
  build('odd', `${name}.ts`);
  const text = `${TRAIN}
const folder = new URL('./odd/', import.meta.url);
const { load, loadInWorker } = await import(new URL(encodeURIComponent(${JSON.stringify(`${name}.js`)}), folder));
const cjs = await import(new URL(encodeURIComponent(${JSON.stringify(`${name}.cjs`)}), folder));
console.log(JSON.stringify([await train(load), await train(loadInWorker), await train(cjs.load)]));`;
  expect(run('odd.mjs', text)).toEqual([true, true, true]);
});

test('files are read from where base says', () => {
  cpSync(join(project.folder, 'out'), join(project.folder, 'public folder'), { recursive: true });
  const text = `
import { pathToFileURL } from 'node:url';
import { load, loadInWorker } from './out/model.js';
const weight = async (open, base) => {
  const session = await open({ target: 'wasm', base });
  const { code } = await errorOf(session.run('fly')).then(([, code]) => ({ code }));
  session.destroy();
  return code;
};
const beside = (file) => pathToFileURL('public folder/' + file);
console.log(JSON.stringify([
  ...await Promise.all(['public folder', './public folder/', pathToFileURL('public folder'), beside].flatMap(
    (base) => [weight(load, base), weight(loadInWorker, base)])),
  await errorOf(load({ target: 'wasm', base: 'nowhere' })),
]));`;
  const results = run('base.mjs', text) as unknown[];
  expect(results.slice(0, 8)).toEqual(Array(8).fill('unknown-name'));
  expect(results[8]).toEqual([
    'RuntimeError',
    'invalid-checkpoint',
    `'${join(project.folder, 'nowhere/model.safetensors')}' is missing; build the model again`,
  ]);
});

test('a plan that is not the one that was built is refused', () => {
  cpSync(join(project.folder, 'out'), join(project.folder, 'changed'), { recursive: true });
  const file = join(project.folder, 'changed/model.wasm.plan.json');
  const text = readFileSync(file, 'utf8');
  const load = `import { load } from './out/model.js';
console.log(JSON.stringify(await errorOf(load({ base: 'changed' }))));`;
  // Line ends and spaces are not the plan's.
  project.write(
    'changed/model.wasm.plan.json',
    `${JSON.stringify(JSON.parse(text), null, 2).replaceAll('\n', '\r\n')}`,
  );
  expect(run('changed.mjs', load)).toBe('none');
  project.write('changed/model.wasm.plan.json', text.replace('"name":"small"', '"name":"other"'));
  expect(run('changed.mjs', load)).toEqual([
    'RuntimeError',
    'invalid-plan',
    "'model.wasm.plan.json' is not of the build that its loader is of, or was changed since; build the model again",
  ]);
});

describe('a session in a worker', () => {
  test('is the session: the same values, errors and checkpoints', () => {
    const text = `import { load, loadInWorker } from './out/model.js';
const use = async (open) => {
  const session = await open({ target: 'wasm' });
  const { loss } = await session.run('train', inputs);
  const some = await session.run('train', { ...inputs, x: [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1]] }, { read: [] });
  const saved = await session.saveCheckpoint();
  const before = await session.readParameters();
  await session.writeParameters({ 'linear1.bias': [5, 6] });
  const written = await session.readParameters();
  await session.loadCheckpoint(saved);
  const after = await session.readParameters();
  const errors = [
    await errorOf(session.run('fly')), await errorOf(session.run('train', { x: 1 })),
    await errorOf(session.writeParameters({ nothing: [1] })), await errorOf(session.loadCheckpoint(new Uint8Array(9))),
  ];
  const { plan, description, allocatedBytes, hostBytes } = session;
  session.destroy();
  session.destroy();
  errors.push(await errorOf(session.run('train', inputs)));
  return { loss: [...loss], some, saved: [...saved], before, written, after, errors, plan, description, allocatedBytes, hostBytes };
};
const [here, there] = [await use(load), await use(loadInWorker)];
console.log(JSON.stringify({
  same: JSON.stringify(here) === JSON.stringify(there), here, there: { ...there, plan: null, saved: null },
}));`;
    const { same, here, there } = run('same.mjs', text) as Record<string, Record<string, unknown>>;
    expect(there.errors).toEqual(here.errors);
    expect(same, JSON.stringify(there)).toBe(true);
    expect((there.errors as string[][]).map(([, code]) => code)).toEqual([
      'unknown-name',
      'invalid-input',
      'unknown-name',
      'invalid-checkpoint',
      'destroyed',
    ]);
  });

  test('takes weights of other layouts from bytes, Blobs, files and addresses, and gives them back', () => {
    const text = `import { createServer } from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { openSafetensors } from 'btc-compiler/runtime/weights';
import { load, loadInWorker } from './out/model.js';
const first = await load({ target: 'wasm' });
await first.run('train', inputs);
const wanted = await first.saveParameters();
const bytes = await first.saveParameters({ layout: 'pytorch' });
const names = [...(await openSafetensors(bytes)).tensors].map(([name, { shape }]) => [name, ...shape]);
writeFileSync('torch.safetensors', bytes);
const server = createServer((_, response) => response.end(readFileSync('torch.safetensors')));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const sources = [
  bytes, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), new Blob([bytes]),
  'torch.safetensors', pathToFileURL('torch.safetensors'), 'http://127.0.0.1:' + server.address().port,
];
const use = async (open) => {
  const layout = 'pytorch';
  const results = [];
  for (const parameters of sources) {
    const session = await open({ target: 'wasm', parameters, layout });
    results.push(Buffer.from(await session.saveParameters()).equals(wanted), Buffer.from(await session.saveParameters({ layout })).equals(bytes));
    session.destroy();
  }
  const renamed = { 'linear1.weight': 'body.weight', 'linear1.bias': 'body.bias' };
  const errors = [
    // Not turned, by another name, cut off, not there; what stands for names that are given back.
    { parameters: bytes }, { parameters: bytes, layout, rename: renamed }, { parameters: bytes.slice(0, 70), layout },
    { parameters: 'nowhere.safetensors', layout }, { parameters: bytes, layout: 'tensorflow' }, { layout },
  ];
  for (const options of errors) results.push(await errorOf(open({ target: 'wasm', ...options })));
  const some = await open({ target: 'wasm', parameters: new Blob([bytes]), layout, rename: [[/bias/, 'shift']], missing: 'initial', unused: 'ignore' });
  results.push(some.restored);
  some.destroy();
  return results;
};
const [here, there] = [await use(load), await use(loadInWorker)];
const opened = await openSafetensors(bytes);
const unsent = [
  await errorOf(loadInWorker({ target: 'wasm', parameters: opened, layout: 'pytorch' })),
  await errorOf(loadInWorker({ target: 'wasm', parameters: bytes, layout: 'pytorch', rename: (name) => name })),
];
server.close();
console.log(JSON.stringify({ names, here, there, unsent }));`;
    const { names, here, there, unsent } = run('foreign.mjs', text) as Record<string, unknown[]>;
    expect(names).toEqual([
      ['linear1.weight', 2, 3],
      ['linear1.bias', 2],
    ]);
    expect(here.slice(0, 12)).toEqual(Array(12).fill(true));
    expect(there).toEqual(here);
    expect(here.slice(12, 18).map((error) => (error as string[])[1])).toEqual([
      'invalid-checkpoint',
      'invalid-checkpoint',
      'invalid-checkpoint',
      'file-failed',
      'invalid-input',
      'invalid-input',
    ]);
    expect(here[18]).toMatchObject({ ignored: ['linear1.bias'], initial: ['linear1.bias'] });
    expect(unsent.map((error) => (error as string[])[1])).toEqual([
      'invalid-input',
      'invalid-input',
    ]);
  });

  test('takes values at the call and keeps the order of calls', () => {
    const text = `import { load, loadInWorker } from './out/model.js';
// Waits for each call where the worker is not to need that.
const use = async (open, wait) => {
  const parameters = { 'linear1.weight': new Float32Array(6).fill(0.5), 'linear1.bias': new Float32Array(2) };
  const opening = open({ target: 'wasm', parameters });
  if (wait) await opening;
  parameters['linear1.weight'].fill(NaN);
  const session = await opening;
  // Part of a larger array, and memory that threads share.
  const whole = new Float32Array(100).fill(0.25);
  const x = whole.subarray(8, 20);
  const y = new Int32Array(new SharedArrayBuffer(16));
  const calls = [];
  for (let i = 0; i < 4; i++) {
    calls.push(session.run('train', { x, y }));
    if (wait) await calls[i];
    x.fill(i);
    y.fill(i % 2);
  }
  const bias = new Float32Array(2);
  calls.push(session.writeParameters({ 'linear1.bias': bias }));
  if (wait) await calls[4];
  bias.fill(7);
  calls.push(session.readParameters());
  const results = await Promise.all(calls);
  session.destroy();
  return { lengths: [whole.length, x.length], losses: results.slice(0, 4).map(({ loss }) => loss[0]), read: results[5] };
};
console.log(JSON.stringify([await use(load, true), await use(loadInWorker, false)]));`;
    const [here, there] = run('values.mjs', text) as {
      losses: number[];
      lengths: number[];
      read: Record<string, Record<string, number>>;
    }[];
    expect(there).toEqual(here);
    expect(there.lengths).toEqual([100, 12]);
    expect(there.losses.every(Number.isFinite)).toBe(true);
    expect(Object.values(there.read['linear1.bias'])).toEqual([0, 0]);
  });

  test('lets the caller go on while it computes', () => {
    const text = `import { loadInWorker } from './out/model.js';
const session = await loadInWorker({ target: 'wasm' });
let finished = 0;
for (let i = 0; i < 50; i++) session.run('train', inputs).then(() => finished++);
const atOnce = finished;
await session.readParameters();
console.log(JSON.stringify([atOnce, finished]));
session.destroy();`;
    expect(run('busy.mjs', text)).toEqual([0, 50]);
  });

  test('that is forgotten does not keep the process alive; nor do calls that are under way when it is destroyed', () => {
    const text = `import { loadInWorker } from './out/model.js';
const session = await loadInWorker({ target: 'wasm' });
const other = await loadInWorker({ target: 'wasm' });
const pending = errorOf(other.run('train', inputs));
other.destroy();
const [, code] = await pending;
console.log(JSON.stringify([(await session.run('train', inputs)).loss.length, code]));`;
    expect(run('forgotten.mjs', text)).toEqual([1, 'destroyed']);
  });

  test('that does not start or is lost says so, to every call that waits', () => {
    project.write('bad/throws.mjs', "throw new Error('no luck');");
    project.write('bad/exits.mjs', 'process.exit(7);');
    const text = `import { Worker } from 'node:worker_threads';
import { load, loadInWorker } from './out/model.js';
const at = (file) => () => new Worker(new URL(file, import.meta.url));
const start = (file) => errorOf(loadInWorker({ target: 'wasm', worker: at(file) }));
let thread;
const session = await loadInWorker({ target: 'wasm', worker: () => (thread = at('./out/model.worker.js')()) });
// The worker may be done with the first of them before it ends.
const calls = [...Array.from({ length: 2000 }, () => session.run('train', inputs)), session.saveCheckpoint()].map(errorOf).slice(-2);
thread.terminate();
console.log(JSON.stringify([
  await start('./bad/throws.mjs'), await start('./bad/exits.mjs'), await start('./bad/missing.mjs'),
  await errorOf(loadInWorker({ worker: () => { throw new Error('forbidden'); } })),
  ...await Promise.all(calls), await errorOf(session.readParameters()),
  await errorOf(loadInWorker({ target: 'webgpu' })), await errorOf(loadInWorker({ device: {} })),
  await errorOf(loadInWorker({ parameters: { 'linear1.weight': () => 1 } })),
]));`;
    const lost = (reason: string) => [
      'RuntimeError',
      'worker-lost',
      `the worker of the session is lost: ${reason}; load the plan again`,
    ];
    const results = run('lost.mjs', text) as string[][];
    expect(results.slice(0, 2)).toEqual([lost('no luck'), lost('it ended with exit code 7')]);
    expect(results[2][1]).toBe('worker-lost');
    expect(results[3]).toEqual([
      'RuntimeError',
      'worker-lost',
      'the worker does not start: forbidden',
    ]);
    const ended = lost('it ended with exit code 1');
    expect(results.slice(4, 7)).toEqual([ended, ended, ended]);
    expect(results.slice(7).map(([, code]) => code)).toEqual([
      'unknown-name',
      'invalid-input',
      'invalid-input',
    ]);
  });
});
