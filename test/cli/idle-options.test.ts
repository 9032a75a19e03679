import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  idleBuildOptions,
  idleExportOptions,
  idleInspectOptions,
  idleRunOptions,
  idleSweepOptions,
  idleVerifyOptions,
  idleWeightsOptions,
} from '../../compiler/cli/idle-options.ts';
import { givenOptions, withOptions } from '../../compiler/frontend/option.ts';
import { type CompileOptions, planModel } from '../../compiler/index.ts';
import type { Plan, PlanInput, Target } from '../../ir/plan.ts';
import { once } from '../support/once.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';

let project: Project;
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
});
afterAll(() => project.remove());

const said = (found: readonly { readonly message: string; readonly category: string }[]) =>
  found.map(({ message, category }) => `${category}: ${message}`);

type Run = Partial<Parameters<typeof idleRunOptions>[0]>;

const planFor = (target: Target, spillBytes = 0) => ({ target, memory: { spillBytes } }) as Plan;
const input = (name: string, change: Partial<PlanInput> = {}): PlanInput => ({
  ...{ name, tensor: 0, dtype: 'f32', shape: [2], default: null, counter: false },
  ...change,
});

test.each<[Run, Target, readonly string[]]>([
  [{ threads: 2, relaxedSimd: true }, 'wasm', []],
  [{}, 'webgpu', []],
  [{ relaxedSimd: false }, 'webgpu', []],
  [{ threads: 1 }, 'webgpu', ['--threads']],
  [{ threads: 2, relaxedSimd: true }, 'webgpu', ['--threads', '--relaxed-simd']],
])('btc run with %o on %s', (options, target, idle) => {
  expect(said(idleRunOptions({ seed: 1, ...options }, 'm.plan.json', planFor(target), []))).toEqual(
    idle.map(
      (option) =>
        `warning: '${option}' changes nothing here: it is for plans for wasm, and 'm.plan.json' is one for webgpu`,
    ),
  );
});

test.each<[Run, readonly PlanInput[], readonly string[]]>([
  [{ seed: 1 }, [], []],
  [{ seed: 2 }, [input('x')], []],
  [{ seed: 2, input: { x: 1 } }, [input('x'), input('rate', { default: 1 })], ['--seed']],
  [{ classes: 3 }, [input('x'), input('y', { dtype: 'i32' })], []],
  [{ classes: 3 }, [input('x', { ranges: [{ low: 0, high: 9 }] })], []],
  [{ classes: 3, input: { y: 1 } }, [input('x'), input('y', { dtype: 'i32' })], ['--classes']],
])('btc run with %o of inputs %o', (options, inputs, idle) => {
  const found = idleRunOptions({ seed: 1, ...options }, 'm.plan.json', planFor('wasm'), inputs);
  expect(said(found)).toEqual(
    idle.map((option) => expect.stringContaining(`'${option}' changes nothing here`)),
  );
});

test('btc run where a plan spills, and where it does not', () => {
  const found = (bytes: number) =>
    idleRunOptions({ seed: 1, spillDirectory: 'f' }, 'm.plan.json', planFor('wasm', bytes), []);
  expect(found(8)).toEqual([]);
  expect(said(found(0))).toEqual([
    "warning: '--spillDirectory' changes nothing here: it is for plans that spill to a file, and 'm.plan.json' does not",
  ]);
});

type Build = Omit<Parameters<typeof idleBuildOptions>[0], 'outDir' | 'target'> & {
  readonly target?: readonly Target[];
  readonly outDir?: string;
};
const BUILD = { outDir: 'out', target: ['webgpu', 'wasm'] } as const;
const SIZED = { minSubgroupSize: 32 };
const MATRIX = { component: 'f16', m: 8, n: 8, k: 8, subgroupSize: 32 } as const;

const FOR_WEBGPU = (option: string) =>
  `'${option}' changes nothing here: it is for webgpu, and plans are built for wasm`;
const FOR_BUDGETS = (option: string) =>
  `'${option}' changes nothing here: it is for plans within a --budget, and none is given`;
const FOR_SWAPS = (option: string) =>
  `'${option}' changes nothing here: it is for values that a --budget or a policy of --swap swaps, and none is swapped`;

test.each<[Build, readonly string[]]>([
  [{ tiles: 'never', dispatches: 'single' }, []],
  [{ target: ['wasm'], tiles: 'auto', dispatches: 'shared', subgroups: 'auto' }, []],
  [{ target: ['wasm'] }, []],
  [
    {
      target: ['wasm'],
      ...{ tiles: 'always', dispatches: 'single', subgroups: 'never', subgroupMatrix: true },
    },
    ['--tiles', '--dispatches', '--subgroups', '--subgroup-matrix'].map(FOR_WEBGPU),
  ],
  [
    { subgroups: 'never', subgroupMatrix: true },
    [
      "'--subgroups' changes nothing here: it is for devices whose --limits say how large subgroups are, and none do",
      "'--subgroup-matrix' changes nothing here: it is for devices whose --limits name products of matrices, and none do",
    ],
  ],
  [{ solve: 'exact', planSeconds: 1, half: 'auto', microBatch: 'auto', budget: 1 }, []],
  [
    { solve: 'exact', planSeconds: 1, half: 'auto', microBatch: 'auto' },
    ['--solve', '--plan-seconds', '--half', '--micro-batch'].map(FOR_BUDGETS),
  ],
  [{ solve: 'heuristic', half: 'none', microBatch: 'none', recompute: 'speed', swap: 'conv' }, []],
  [
    { half: 'auto', precision: 'f16', budget: 1 },
    ["'--half' changes nothing here: it is for activations of f32, and --precision says f16"],
  ],
  [{ microBatchNorm: true, microBatch: 2 }, []],
  [{ microBatchNorm: true, microBatch: 'auto', budget: 1 }, []],
  [
    { microBatchNorm: true, budget: 1 },
    [
      "'--micro-batch-norm' changes nothing here: it is for batches that --micro-batch cuts, and none is cut",
    ],
  ],
  [{ hostBudget: 1, spillBudget: 1, budget: 1 }, []],
  [{ hostBudget: 1, spillBudget: 1, swap: 'lru' }, []],
  [{ hostBudget: 1, spillBudget: 1 }, ['--host-budget', '--spill-budget'].map(FOR_SWAPS)],
  [{ hostBudget: 1, swap: 'none', budget: 1 }, ['--host-budget'].map(FOR_SWAPS)],
  [
    { spillBudget: 1, budget: 1 },
    [
      "'--spill-budget' changes nothing here: it is for what a --host-budget has no room for, and none is given",
    ],
  ],
  [{ noEmit: true }, []],
  [
    { noEmit: true, outDir: 'there' },
    ["'--outDir' changes nothing here: it is for builds that write files, and --noEmit is given"],
  ],
])('btc build with %o', (options, idle) => {
  expect(said(idleBuildOptions({ ...BUILD, ...options }, null))).toEqual(
    idle.map((message) => `warning: ${message}`),
  );
});

test('btc build for devices that have subgroups, and btc sweep', () => {
  const options = { ...BUILD, subgroups: 'never', subgroupMatrix: true } as const;
  expect(idleBuildOptions(options, { ...SIZED, subgroupMatrices: [MATRIX] })).toEqual([]);
  expect(said(idleBuildOptions(options, SIZED)).join()).toMatch(
    /^[^,]*'--subgroup-matrix'[^,]*, and none do$/,
  );
  const swept = { ...BUILD, outDir: '', noEmit: true, half: 'auto', hostBudget: 1 } as const;
  expect(idleSweepOptions(swept, null)).toEqual([]);
  expect(said(idleSweepOptions({ ...swept, target: ['wasm'], tiles: 'never' }, null))).toEqual([
    `warning: ${FOR_WEBGPU('--tiles')}`,
  ]);
});

test('other commands', () => {
  const found = [
    idleExportOptions({ format: 'onnx', mesh: 2 }),
    idleInspectOptions({ all: true, kernels: true, json: true }),
    idleInspectOptions({ all: true, why: 'x' }),
    idleVerifyOptions({ module: 'm.wasm' }, 'm.plan.json', planFor('webgpu')),
    idleWeightsOptions({ layout: 'pytorch', rename: [[/a/, 'b']], set: { batch: 1 } }),
  ];
  expect(found.map((those) => said(those).map((text) => /'(--[a-z]+)'/.exec(text)![1]))).toEqual([
    ['--mesh'],
    ['--all', '--kernels'],
    ['--all'],
    ['--module'],
    ['--layout', '--rename', '--set'],
  ]);
  expect(
    [
      idleExportOptions({ format: 'stablehlo', mesh: 2 }),
      idleExportOptions({ format: 'onnx' }),
      idleInspectOptions({ all: true, kernels: true }),
      idleInspectOptions({ json: true, why: 'x' }),
      idleVerifyOptions({ module: 'm.wasm' }, 'm.plan.json', planFor('wasm')),
      idleVerifyOptions({}, 'm.plan.json', planFor('webgpu')),
      idleWeightsOptions({ json: true }),
    ].flat(),
  ).toEqual([]);
});

const planned = once(async () => {
  const { model, set } = SMALL_NETWORKS['u-net'];
  const { result: made } = await withOptions(givenOptions(set), model);
  return { made, plain: (await planModel(made)).plan };
});

test.each<CompileOptions>([
  { solve: 'exact' },
  { planSeconds: 0 },
  { half: 'auto' },
  { microBatch: 'auto' },
  { microBatchNorm: true },
  { hostBudgetBytes: 0 },
  { spillBudgetBytes: 2 ** 30 },
  { subgroups: 'never', subgroupMatrix: true },
])('without a budget %o leaves the plan as it is', async (options) => {
  const { made, plain } = await planned();
  expect(plain).not.toBeNull();
  expect((await planModel(made, options)).plan).toEqual(plain);
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
