import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { writeOutputs } from '../../compiler/cli/emit.ts';
import { obsoleteOutputs } from '../../compiler/cli/obsolete.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof fs>();
  return { ...actual, rename: vi.fn(actual.rename), link: vi.fn(actual.link) };
});

let project: Project;
let out: string;
beforeEach(() => {
  project = createProject();
  out = join(project.folder, 'out');
});
afterEach(() => {
  vi.restoreAllMocks();
  project.remove();
});
const contents = () =>
  Object.fromEntries(
    project.list('out').map((name) => [name, readFileSync(join(out, name), 'utf8')]),
  );

describe('writing', () => {
  const OLD = { 'out/a': 'old a', 'out/b': 'old b', 'out/d': 'old d' };
  const files = [
    { path: 'a', content: 'new a' },
    { path: 'b', content: 'new b' },
    { path: 'c', content: 'new c' },
  ];
  beforeEach(() => {
    for (const [name, text] of Object.entries(OLD)) project.write(name, text);
  });

  test('replaces files, adds files and removes obsolete ones', async () => {
    await writeOutputs(out, files, ['d']);
    expect(contents()).toEqual({ a: 'new a', b: 'new b', c: 'new c' });
  });

  test('works where the file system has no links', async () => {
    vi.mocked(fs.link).mockRejectedValue(new Error('EPERM'));
    await writeOutputs(out, files, ['d']);
    expect(contents()).toEqual({ a: 'new a', b: 'new b', c: 'new c' });
  });

  test.each([1, 2, 3])('that fails at rename %i leaves everything as it was', async (which) => {
    const { rename } = await vi.importActual<typeof fs>('node:fs/promises');
    let calls = 0;
    vi.mocked(fs.rename).mockImplementation((from, to) =>
      ++calls === which ? Promise.reject(new Error('EIO')) : rename(from, to),
    );
    await expect(writeOutputs(out, files, ['d'])).rejects.toThrow('EIO');
    expect(contents()).toEqual({ a: 'old a', b: 'old b', d: 'old d' });
  });

  test('changes nothing where a folder is in the way', async () => {
    mkdirSync(join(out, 'c'));
    await expect(writeOutputs(out, files)).rejects.toThrow(`'${join(out, 'c')}' is a folder`);
    expect(readFileSync(join(out, 'a'), 'utf8')).toBe('old a');
    expect(project.list('out')).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('obsolete files of an earlier build', () => {
  test('are only what btc wrote', async () => {
    const plan = { format: 'btc-plan', producer: 'btc-compiler 0.0.1' };
    const wasm = { ...plan, module: { file: 'm.wasm', bytes: 3 } };
    const obsolete = (...written: string[]) => obsoleteOutputs(out, 'm', written);
    project.write('out/m.webgpu.plan.json', JSON.stringify(plan));
    project.write('out/m.wasm.plan.json', JSON.stringify(wasm));
    project.write('out/m.wasm', 'abc');
    expect(await obsolete()).toEqual(['m.webgpu.plan.json', 'm.wasm.plan.json', 'm.wasm']);
    expect(await obsolete('m.wasm.plan.json', 'm.wasm')).toEqual(['m.webgpu.plan.json']);
    writeFileSync(join(out, 'm.wasm'), 'of someone else');
    expect(await obsolete('m.webgpu.plan.json')).toEqual(['m.wasm.plan.json']);
    project.write('out/m.wasm.plan.json', JSON.stringify({ ...wasm, producer: 'hand' }));
    project.write('out/m.webgpu.plan.json', 'not JSON');
    expect(await obsolete()).toEqual([]);
  });

  test('go with a build for fewer targets', () => {
    project.write('model.ts', SMALL_MODEL);
    expect(project.btc('build', 'model.ts').code).toBe(0);
    expect(project.btc('build', 'model.ts', '--target', 'webgpu').code).toBe(0);
    expect(project.list('out')).toEqual([
      'model.cjs',
      'model.d.cts',
      'model.d.ts',
      'model.js',
      'model.safetensors',
      'model.webgpu.plan.json',
      'model.worker.js',
      'package.json',
    ]);
  });
});

describe('a build that would overwrite', () => {
  test('its own outputs builds nothing', () => {
    project.write('model.ts', SMALL_MODEL);
    project.write('other/model.ts', SMALL_MODEL);
    const { code, stdout } = project.btc('build', 'other/model.ts', 'model.ts', '--no-pretty');
    expect(code).toBe(1);
    expect(stdout).toBe(
      "error BTC5004: 'out/model.js' cannot be written: it would be overwritten by the outputs of 'other/model.ts' and 'model.ts'; rename one or build it into another --outDir\n",
    );
    expect(project.list('out')).toEqual([]);
    // One file named twice is one file.
    expect(project.btc('build', 'model.ts', './model.ts', '--noEmit').code).toBe(0);
  });

  test('its own source says so', () => {
    project.write('model.js', SMALL_MODEL);
    const { code, stdout } = project.btc('build', 'model.js', '--outDir', '.', '--no-pretty');
    expect(code).toBe(1);
    expect(stdout).toContain(
      "error BTC5003: 'model.js' cannot be written: it is a source file of the model",
    );
    expect(readFileSync(join(project.folder, 'model.js'), 'utf8')).toBe(SMALL_MODEL);
  });
});
