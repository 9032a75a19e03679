import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { niceTicks, plotSvg } from '../../compiler/cli/plot-svg.ts';
import { createThinned } from '../../node/thinned.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const MAIN = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url));

let project: Project;
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  execFileSync(process.execPath, [MAIN, 'build', 'model.ts', '--target', 'wasm'], {
    cwd: project.folder,
  });
});
afterAll(() => project.remove());

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [MAIN, 'run', 'out/model.wasm.plan.json', ...args],
    { cwd: project.folder, encoding: 'utf8' },
  );
  return { status, stdout, stderr };
};

test('each step is a line of the log, which is appended to', () => {
  for (const steps of ['5', '3'])
    expect(run('--steps', steps, '--log', 'log.jsonl').status).toBe(0);
  const lines = readFileSync(join(project.folder, 'log.jsonl'), 'utf8').trimEnd().split('\n');
  const steps = lines.map((line) => JSON.parse(line));
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 1, 2, 3]);
  for (const one of steps)
    expect(one).toEqual({
      ...{ loss: expect.any(Number), program: 'train', step: expect.any(Number) },
      ...{ milliseconds: expect.any(Number), seconds: expect.any(Number) },
    });
  // The same inputs at every step: the losses of both runs begin alike.
  expect(steps.slice(5).map(({ loss }) => loss)).toEqual(steps.slice(0, 3).map(({ loss }) => loss));
});

test('without a terminal the curve is printed once, behind the steps, without sequences', () => {
  const { stdout } = run('--steps', '12');
  const shown = [...stdout.matchAll(/^ {2}step +(\d+)/gm)].map(([, step]) => Number(step));
  expect(shown).toEqual(Array.from({ length: 12 }, (_, k) => k + 1));
  expect(stdout.match(/loss, step 1 +12$/gm)).toHaveLength(1);
  expect(stdout).not.toContain('\u001b');
  expect(run('--steps', '12', '--json').stdout).not.toContain('loss, step 1');
});

test('a picture is written, and a file that cannot be is one error', () => {
  expect(run('--steps', '4', '--plot', 'losses.svg').status).toBe(0);
  const svg = readFileSync(join(project.folder, 'losses.svg'), 'utf8');
  expect(svg).toContain('<path d="M');
  // Before the first step, and in words of the user's own.
  for (const option of ['--plot', '--trace'])
    for (const [file, reason] of [
      ['no/folder/losses.svg', /there is no folder '[^']*no\/folder'/],
      ['out', /it is a folder/],
      ['model.ts/losses.svg', /a part of its path is not a folder/],
    ] as const) {
      const failed = run('--steps', '3', option, file);
      expect(failed.status).toBe(1);
      expect(failed.stderr).toContain(`error BTC5003: '${file}' cannot be written`);
      expect(failed.stderr).toMatch(reason);
      expect(failed.stderr).not.toContain('.btc-');
      expect(failed.stdout).not.toContain('step');
    }
  expect(run('--steps', '1', '--log', 'no/folder/l.jsonl').status).toBe(1);
});

test('ticks are 1, 2 and 5 times powers of ten, within the axis', () => {
  expect(niceTicks(0, 1, 6)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(niceTicks(-0.013, 0.021, 5)).toEqual([-0.01, 0, 0.01, 0.02]);
  expect(niceTicks(3, 4321, 5)).toEqual([1000, 2000, 3000, 4000]);
  expect(niceTicks(7, 7, 5)).toEqual([7]);
});

test('names are text, whatever is in them, and no number of a picture is none', () => {
  const curves = ['<script>alert("1")</script>', 'a&b'].map((name, k) => {
    const curve = createThinned();
    for (const value of [
      [1, Number.NaN, 3],
      [5, 5, 5],
    ][k])
      curve.add(value);
    return { name, curve };
  });
  const svg = plotSvg('</title><script>', curves);
  expect(svg).not.toContain('<script');
  expect(svg).toContain('&lt;script&gt;alert(&quot;1&quot;)');
  expect(svg).toContain('a&amp;b');
  expect(svg).not.toMatch(/NaN|Infinity/);
  const [first] = [...svg.matchAll(/<path d="([^"]+)"/g)].map(([, path]) => path);
  // Two pieces with a gap between them.
  expect(first.match(/M/g)).toHaveLength(2);
  const constant = createThinned();
  for (let k = 0; k < 9; k++) constant.add(0);
  expect(plotSvg('constant', [{ name: 'loss', curve: constant }])).not.toMatch(/NaN|Infinity/);
  expect(plotSvg('nothing', [])).not.toMatch(/NaN|Infinity/);
});
