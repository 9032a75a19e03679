import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

// A command never writes over what it reads, nor two things to one file.

const PLAN = 'out/model.wasm.plan.json';
let project: Project;

beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts', '--target', 'wasm', '--no-pretty').code).toBe(0);
});
afterAll(() => project.remove());

const READ = [
  ['run', PLAN, '--steps', '1', '--classes', '2', '--plot', PLAN],
  ['run', PLAN, '--steps', '1', '--classes', '2', '--log', PLAN],
  ['run', PLAN, '--steps', '1', '--classes', '2', '--trace', 'out/../out/model.wasm.plan.json'],
  ['inspect', PLAN, '--timeline', PLAN],
  ['inspect', PLAN, '--snapshot', PLAN],
] as const;

describe('what a command reads stays', () => {
  test.each(READ.map((words) => [words.join(' '), words] as const))('btc %s', (_, words) => {
    const before = readFileSync(join(project.folder, PLAN));
    const { code, stderr } = project.btc(...words);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error BTC5005: '.*' is not written: --\w+ names a file that/);
    expect(readFileSync(join(project.folder, PLAN)).equals(before)).toBe(true);
  });

  test.each(['onnx', 'stablehlo'])('btc export --format %s', (format) => {
    const { code, stdout } = project.btc(
      'export',
      'model.ts',
      '--format',
      format,
      '-o',
      'model.ts',
    );
    expect(stdout).toContain("error BTC5005: 'model.ts' is not written");
    expect(code).toBe(1);
    expect(readFileSync(join(project.folder, 'model.ts'), 'utf8')).toBe(SMALL_MODEL);
  });
});

test.each([
  ['run', '--log', '--plot'],
  ['run', '--plot', '--trace'],
  ['inspect', '--timeline', '--snapshot'],
])('btc %s does not write %s and %s to one file', (command, first, second) => {
  const steps = command === 'run' ? ['--steps', '1', '--classes', '2'] : [];
  const { code, stderr } = project.btc(command, PLAN, ...steps, first, 'same', second, 'same');
  expect(code).toBe(1);
  expect(stderr).toContain(
    `BTC5005: 'same' is not written: ${first} and ${second} name the same file`,
  );
});
