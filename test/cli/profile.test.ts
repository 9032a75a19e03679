import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TARGETS } from '../../compiler/targets/index.ts';
import { btcProcess } from '../support/btc.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

let project: Project;
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  const profile = { ...TARGETS.wasm.profile, name: 'my laptop' };
  writeFileSync(join(project.folder, 'wasm.json'), JSON.stringify(profile));
  writeFileSync(join(project.folder, 'absurd.json'), JSON.stringify({ ...profile, overlap: 7 }));
});
afterAll(() => project.remove());

test('btc profile says in a sentence why there is nothing to measure', () => {
  const env = { VK_ICD_FILENAMES: '/nowhere', VK_DRIVER_FILES: '/nowhere' };
  const { code, stdout, stderr } = btcProcess(['profile'], { cwd: project.folder, env });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^error BTC6019: .*; --target wasm profiles WebAssembly$/m);
});

test('what was measured stays when a signal ends it, and the rest is of another profile', async () => {
  const main = join(project.folder, 'node_modules/btc-compiler/dist/compiler/cli/main.js');
  const args = [main, 'profile', '--target', 'wasm', '-o', 'part.json'];
  const child = spawn(process.execPath, args, { cwd: project.folder });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
    if (/: arithmetic alone$/m.test(said)) child.kill('SIGINT');
  });
  const signal = await new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  expect(signal).toBe('SIGINT');
  expect(said).toMatch(
    /^interrupted: \d+ of \d+ measured so far, all else as in the profile 'wasm' → part\.json$/m,
  );
  const part = JSON.parse(readFileSync(join(project.folder, 'part.json'), 'utf8'));
  expect(part.name).toMatch(/, in part$/);
  expect(part.undetermined).toContain('operationsPerSecond.contraction');
  const { contraction } = TARGETS.wasm.profile.operationsPerSecond;
  expect(part.operationsPerSecond.contraction).toBe(contraction);
  expect(part.sizes.memory.length).toBeGreaterThan(3);
  const built = project.btc('build', 'model.ts', '--target', 'wasm', '--profile', 'part.json');
  expect(built.code).toBe(0);
});

describe('btc build --limits', () => {
  const WIDE = `import { defineModel, mean, relu, tensor } from 'btc-compiler';
export default defineModel({
  name: 'wide',
  inputs: { x: tensor([160, 1048576]) },
  build: ({ x }) => ({ y: relu(mean(relu(x))) }),
});
`;
  const build = (...options: string[]) =>
    project.btc('build', 'wide.ts', '--noEmit', '--target', 'webgpu', ...options);
  beforeAll(() => {
    project.write('wide.ts', WIDE);
    project.write(
      'limits.json',
      JSON.stringify({ maxBindingBytes: 2 ** 30, maxBufferBytes: 2 ** 31 }),
    );
    project.write(
      'adapter.json',
      JSON.stringify({ maxStorageBufferBindingSize: 5e8, maxBufferSize: 7e8 }),
    );
    project.write('small.json', JSON.stringify({ maxBindingBytes: 2 ** 20 }));
    project.write('broken.json', '{');
  });

  test('names and files', () => {
    expect(build().stdout).toMatch(
      /BTC4002: tensor 'predict\/x' takes 640\.00 MiB, over maxStorageBufferBindingSize of WebGPU's default limits, which is 128/,
    );
    expect(build('--limits', 'h100').code).toBe(0);
    expect(build('--limits', 'limits.json').code).toBe(0);
    expect(build('--limits', 'adapter.json').stdout).toMatch(
      /over maxStorageBufferBindingSize of adapter\.json, which is 476\.84 MiB/,
    );
    expect(build('--limits', 'small.json').stdout).toMatch(/of small\.json, which is 1\.00 MiB/);
    expect(build('--limits', 'broken.json').stdout).toBe(
      "error BTC6091: 'broken.json' is not JSON, as limits of a device must be\n",
    );
    expect(build('--limits', 'none.json').stdout).toMatch(/^error BTC6003: /);
    expect(build('--limits', 'adaptr').stdout).toMatch(
      /^error BTC5025: there are no limits 'adaptr', .* did you mean 'adapter'\?\n$/,
    );
  });

  test('are of WebGPU alone', () => {
    const wasm = ['build', 'model.ts', '--noEmit', '--limits', 'h100', '--target'];
    expect(project.btc(...wasm, 'wasm').stdout).toBe(
      "error BTC5027: limits 'h100' are of WebGPU, but plans are built for wasm\n",
    );
    expect(project.btc(...wasm, 'wasm,webgpu').code).toBe(0);
  });

  test('of an adapter that is not there are not known', () => {
    const env = { VK_ICD_FILENAMES: '/nowhere', VK_DRIVER_FILES: '/nowhere' };
    const args = ['build', 'model.ts', '--noEmit', '--limits', 'adapter'];
    const { code, stdout } = btcProcess(args, { cwd: project.folder, env });
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/^error BTC5026: the limits of the adapter are not known: /),
    ]);
  });
});

describe('btc build --profile', () => {
  test('plans know what they should take; run and inspect show it', () => {
    const built = project.btc(
      ...['build', 'model.ts', '--target', 'wasm', '--profile', 'wasm.json'],
    );
    expect(built.code).toBe(0);
    const run = project.btc('run', 'out/model.wasm.plan.json', '--steps', '3');
    expect(run.stdout).toMatch(
      /predicted: [\d.]+ ms, [\d.]+ of the measured, by the profile 'my laptop'\n/,
    );
    const inspected = project.btc('inspect', 'out/model.wasm.plan.json');
    expect(inspected.stdout).toMatch(/predicted: [\d.]+ [mun]s per run, of that .*\(my laptop\)\n/);
    const why = project.btc('inspect', 'out/model.wasm.plan.json', '--why', 'logit');
    expect([why.code, why.stdout]).toEqual([1, '']);
    expect(why.stderr).toMatch(
      /^error BTC6008: plan 'out\/model\.wasm\.plan\.json' has no tensor 'logit'; names near to it are predict\/logits, /,
    );
    const known = project.btc('inspect', 'out/model.wasm.plan.json', '--why', 'logits', '--json');
    expect(JSON.parse(known.stdout)).toMatchObject({ name: 'predict/logits', fate: 'kept' });
  });

  test('a name is a profile that comes with btc, whatever files there are', () => {
    writeFileSync(join(project.folder, 'swiftshader'), 'not a profile');
    const target = ['--target', 'webgpu', '--noEmit'];
    const build = (profile: string) =>
      project.btc('build', 'model.ts', ...target, '--profile', profile);
    expect(build('swiftshader').code).toBe(0);
    expect(build('./swiftshader').stdout).toMatch(/^error BTC6091: /);
    expect(build('h10').stdout).toBe(
      "error BTC5023: there is no device profile 'h10', by name or as a file; the names are h100, swiftshader, lavapipe, wasm; did you mean 'h100'?\n",
    );
    expect(build('h10.json').stdout).toMatch(/^error BTC6003: 'h10\.json' does not exist/);
    expect(build('wasm').stdout).toBe(
      "error BTC5022: device profile 'wasm' is of target wasm, but plans are built for webgpu\n",
    );
  });

  test('absurd profiles and those of other targets are refused', () => {
    const absurd = project.btc('build', 'model.ts', '--profile', 'absurd.json');
    expect([absurd.code, absurd.stdout]).toEqual([
      1,
      "error BTC5021: device profile 'my laptop': 'overlap' is 7; it must be at most 1; 0 would do\n",
    ]);
    const other = project.btc(
      ...['build', 'model.ts', '--target', 'webgpu', '--profile', 'wasm.json'],
    );
    expect(other.stdout).toBe(
      "error BTC5022: device profile 'my laptop' is of target wasm, but plans are built for webgpu\n",
    );
  });
});
