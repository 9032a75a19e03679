import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceProfile } from '../../compiler/profile/profile.ts';
import { SHIPPED_PROFILES } from '../../compiler/profile/shipped.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

let project: Project;
const path = (name: string) => join(project.folder, name);
const profileOf = (name: string) => JSON.parse(readFileSync(path(name), 'utf8')) as DeviceProfile;
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts').code).toBe(0);
});
afterAll(() => project.remove());

const PLAN = 'out/model.webgpu.plan.json';
const FAST = ['--profile', 'swiftshader', '--seconds', '3'];

test('a model is tuned without files of a build, and --json is data alone', () => {
  const { code, stdout } = project.btc('tune', 'model.ts', '-o', 'own.json', ...FAST, '--json');
  expect(code).toBe(0);
  const { kernels, refused } = JSON.parse(stdout);
  expect(kernels.length).toBeGreaterThan(0);
  expect(refused).toEqual([]);
  expect(profileOf('own.json').kernels).toHaveLength(kernels.length);
  expect(profileOf('own.json').name).toMatch(/^swiftshader, tuned on /);
  expect(project.btc('build', 'model.ts', '--target', 'webgpu', '--profile', 'own.json').code).toBe(
    0,
  );
});

test('mistakes of a model are reported, and nothing is written', () => {
  project.write('wrong.ts', SMALL_MODEL.replace('linear(3, 2)', 'linear(4, 2)'));
  const { code, stdout } = project.btc('tune', 'wrong.ts', '-o', 'wrong.json', ...FAST);
  expect(code).toBe(1);
  expect(stdout).toContain('BTC2014');
  expect(existsSync(path('wrong.json'))).toBe(false);
});

test('a profile of WebAssembly is refused, of a plan too', () => {
  for (const file of ['model.ts', PLAN]) {
    const { code, stdout, stderr } = project.btc('tune', file, '-o', 'w.json', '--profile', 'wasm');
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(
      "BTC5022: device profile 'wasm' is of target wasm, but plans are built for webgpu",
    );
    expect(existsSync(path('w.json'))).toBe(false);
  }
});

test('a profile of another adapter is tuned with a warning', () => {
  writeFileSync(
    path('card.json'),
    JSON.stringify({ ...SHIPPED_PROFILES.swiftshader, adapter: 'other card' }),
  );
  const { code, stdout, stderr } = project.btc(
    'tune',
    PLAN,
    '-o',
    'card.json',
    '--seconds',
    '0.01',
  );
  expect(code).toBe(0);
  expect(stderr).toMatch(/warning BTC6022: this adapter is '.*'; kernels .* are for 'other card'/);
  expect(stdout).toMatch(
    /: 0 kernels measured, .* left for want of time: --seconds allows more\nprofile: /,
  );
});

test('a plan whose kernels have texts that are none is named with them', () => {
  const plan = JSON.parse(readFileSync(path(PLAN), 'utf8'));
  plan.kernels[1].text = 'no kernel';
  writeFileSync(path('broken.plan.json'), JSON.stringify(plan));
  const { code, stdout } = project.btc('tune', 'broken.plan.json', '-o', 'broken.json', ...FAST);
  expect(code).toBe(1);
  expect(stdout).toContain(
    "BTC5030: 'broken.plan.json' is not what it says: kernels[1].text: is not a kernel: ",
  );
  expect(existsSync(path('broken.json'))).toBe(false);
});

test('options of models change nothing for a plan, and that is said', () => {
  const words = ['-o', 'idle.json', '--profile', 'swiftshader', '--seconds', '0.01'];
  const { code, stdout } = project.btc('tune', PLAN, ...words, '--limits', 'default');
  expect(code).toBe(0);
  expect(stdout).toContain(
    `warning BTC6034: '--limits' changes nothing here: it is for models, and '${PLAN}' is a plan`,
  );
  expect(stdout).not.toContain('--set');
});

test('what was found stays when a signal ends it', async () => {
  const main = join(project.folder, 'node_modules/btc-compiler/dist/compiler/cli/main.js');
  const args = [main, 'tune', PLAN, '-o', 'part.json', '--profile', 'swiftshader'];
  const child = spawn(process.execPath, args, { cwd: project.folder });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
    // The second kernel is under way: the first is found.
    if (/^ {2}2 of /m.test(said)) child.kill('SIGINT');
  });
  const signal = await new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  expect(signal).toBe('SIGINT');
  expect(said).toMatch(/^interrupted: 1 kernel measured so far → part\.json$/m);
  expect(profileOf('part.json').kernels).toHaveLength(1);
});
