import { afterAll, beforeAll, expect, test } from 'vitest';
import { idleBuildOptions, idleRunOptions } from '../../compiler/cli/idle-options.ts';
import type { Target } from '../../ir/plan.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';

let project: Project;
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
});
afterAll(() => project.remove());

const said = (found: readonly { readonly message: string; readonly category: string }[]) =>
  found.map(({ message, category }) => `${category}: ${message}`);

test.each<[Parameters<typeof idleRunOptions>[0], Target, readonly string[]]>([
  [{ threads: 2, relaxedSimd: true }, 'wasm', []],
  [{}, 'webgpu', []],
  [{ relaxedSimd: false }, 'webgpu', []],
  [{ threads: 1 }, 'webgpu', ['--threads']],
  [{ threads: 2, relaxedSimd: true }, 'webgpu', ['--threads', '--relaxed-simd']],
])('btc run with %o on %s', (options, target, idle) => {
  expect(said(idleRunOptions(options, 'm.plan.json', target))).toEqual(
    idle.map(
      (option) =>
        `warning: '${option}' changes nothing here: it is for plans for wasm, and 'm.plan.json' is one for webgpu`,
    ),
  );
});

const BUILD = { outDir: 'out' } as const;

test.each<[Omit<Parameters<typeof idleBuildOptions>[0], 'outDir'>, readonly string[]]>([
  [{ target: ['webgpu', 'wasm'], tiles: 'never', dispatches: 'single', subgroups: 'never' }, []],
  [{ target: ['wasm'], tiles: 'auto', dispatches: 'shared', subgroups: 'auto' }, []],
  [{ target: ['wasm'] }, []],
  [
    {
      target: ['wasm'],
      ...{ tiles: 'always', dispatches: 'single', subgroups: 'never', subgroupMatrix: true },
    },
    ['--tiles', '--dispatches', '--subgroups', '--subgroup-matrix'],
  ],
])('btc build with %o', (options, idle) => {
  expect(said(idleBuildOptions({ ...BUILD, ...options }))).toEqual(
    idle.map(
      (option) =>
        `warning: '${option}' changes nothing here: it is for webgpu, and plans are built for wasm`,
    ),
  );
});

test('a build that warns is a build, and btc run says what its plan does not listen to', () => {
  const built = project.btc('build', 'model.ts', '--target', 'wasm', '--tiles', 'never');
  expect(built.code).toBe(0);
  expect(built.stdout).toContain("warning BTC6034: '--tiles' changes nothing here");
  const options = ['--steps', '1', '--relaxed-simd'];
  const listening = project.btc('run', 'out/model.wasm.plan.json', ...options);
  expect([listening.code, listening.stderr]).toEqual([0, '']);
  expect(project.btc('build', 'model.ts', '--target', 'webgpu').code).toBe(0);
  const other = project.btc('run', 'out/model.webgpu.plan.json', ...options);
  expect(other.code).toBe(0);
  expect(other.stderr).toContain("warning BTC6034: '--relaxed-simd' changes nothing here");
});
