import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

const PLAN = 'out/model.wasm.plan.json';
let project: Project;
const read = (name: string) => readFileSync(join(project.folder, name), 'latin1');

beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts', '--target', 'wasm').code).toBe(0);
});
afterAll(() => project.remove());

/** Every option that names a file which a command writes beside its answer. */
const WRITES = [
  ['view', PLAN, '-o'],
  ['run', PLAN, '--steps', '2', '--classes', '2', '--plot'],
  ['run', PLAN, '--steps', '2', '--classes', '2', '--log'],
  ['run', PLAN, '--steps', '2', '--classes', '2', '--trace'],
  ['inspect', PLAN, '--timeline'],
  ['inspect', PLAN, '--snapshot'],
] as const;

test('what is there is written over where it is of the kind, or empty; what is of another never is', () => {
  for (const [k, args] of WRITES.entries()) {
    const own = `own${k}`;
    project.write(own, '');
    for (let twice = 0; twice < 2; twice++)
      expect([args, project.btc(...args, own).stderr]).toEqual([
        args,
        expect.not.stringContaining('error'),
      ]);
    expect(read(own)).not.toBe('');
  }
  for (const [k, args] of WRITES.entries()) {
    const foreign = ['model.ts', 'out/model.js', 'out/model.safetensors'].concat(
      WRITES.flatMap((other, o) => (o === k || isAlike(args, other) ? [] : [`own${o}`])),
    );
    for (const file of foreign) {
      const before = read(file);
      const { code, stderr, stdout } = project.btc(...args, file);
      expect([args, code, stdout]).toEqual([args, 1, '']);
      expect(stderr).toMatch(
        /error BTC(6060: '.*' is no (log|page|picture|snapshot|trace) of btc|5005)/,
      );
      expect(read(file)).toBe(before);
    }
  }
});

/** Traces are one kind, whoever writes them. */
const isAlike = (...[a, b]: readonly (readonly string[])[]) =>
  [a, b].every((args) => ['--trace', '--timeline'].includes(args.at(-1)!));

test('a device is no file of anybody', () => {
  expect(project.btc('run', PLAN, '--steps', '2', '--plot', '/dev/null').code).toBe(0);
});
