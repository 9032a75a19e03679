import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openPlan } from '../../compiler/cli/run-session.ts';
import type { Plan } from '../../ir/plan.ts';
import { createProject, type Project, SMALL_MODEL } from '../support/project.ts';
import { swappedWasm } from '../support/swapped-plan.ts';

// These tests are of what happens where there is no adapter, whether or not there is one.
vi.mock('../../node/gpu.ts', () => ({
  findNodeGpu: async () => ({ gpu: null, reason: 'no WebGPU adapter was found' }),
}));

const WASM = 'out/model.wasm.plan.json';
const WEBGPU = 'out/model.webgpu.plan.json';

let project: Project;
const path = (name: string) => join(project.folder, name);
const read = (name: string) => readFileSync(path(name), 'utf8');
beforeAll(() => {
  project = createProject();
  project.write('model.ts', SMALL_MODEL);
  expect(project.btc('build', 'model.ts').code).toBe(0);
});
afterAll(() => project.remove());

describe('btc inspect', () => {
  test('shows memory, the programs with their inputs and outputs, and kernels', () => {
    const { stdout } = project.btc('inspect', WASM);
    expect(stdout).toContain('small for wasm');
    expect(stdout).toMatch(/live at the peak, step \d+/);
    expect(stdout).toMatch(
      /train: .*\n {2}input {3}x {13}f32 \[4, 3\]\n {2}input {3}y {13}i32 \[4\]/,
    );
    expect(stdout).toMatch(/input {3}learningRate {2}f32 \[\] +default 0\.01\n/);
    expect(stdout).toMatch(/output {2}logits {2}f32 \[4, 2\]\n/);
    expect(stdout).not.toContain('linear1.weight');
    expect(project.btc('inspect', WASM, '--all').stdout).toMatch(
      /24 B +0:0 +linear1\.weight +f32 \[3, 2\] +parameter +persistent\n/,
    );
  });

  test('says how many kernels it leaves out, and shows them with --all', () => {
    const plan = JSON.parse(read(WASM)) as Plan;
    const kernels = [...plan.kernels];
    for (let k = 0; k < 20; k++) kernels.push({ ...plan.kernels[0], name: `copy${k}` });
    project.write('many.wasm.plan.json', JSON.stringify({ ...plan, kernels }));
    const hidden = kernels.length - 12;
    const some = project.btc('inspect', 'many.wasm.plan.json').stdout;
    expect(some).toContain(`  and ${hidden} more (--all)\n`);
    const all = project.btc('inspect', 'many.wasm.plan.json', '--all').stdout;
    expect(all).toContain('copy19\n');
    expect(all).not.toContain('more (--all)');
  });

  test('gives data or a graph, not both', () => {
    const data = JSON.parse(project.btc('inspect', WASM, '--json').stdout);
    expect(data.memory.deviceBytes).toBe(65536);
    expect(data.programs.map(({ name }: { name: string }) => name)).toEqual(['predict', 'train']);
    expect(data.programs[0]).toMatchObject({
      inputs: [{ name: 'x', dtype: 'f32', shape: [4, 3], default: null, counter: false }],
      outputs: [{ name: 'logits', dtype: 'f32', shape: [4, 2] }],
    });
    expect(project.btc('inspect', WASM, '--dot').stdout).toMatch(
      /^digraph "small" \{[\s\S]*"tensor:\d+" -> "train:0"/,
    );
    const { code, stderr } = project.btc('inspect', WASM, '--dot', '--json');
    expect(code).toBe(1);
    expect(stderr).toContain("BTC6016: '--dot' cannot be used with '--json'");
  });
});

describe('btc run', () => {
  test('trains on random inputs, and says which', () => {
    const { stdout } = project.btc('run', WASM, '--steps', '2', '--classes', '2');
    expect(stdout).toMatch(/ x +f32 \[4, 3\] +random in \[-1, 1\)\n/);
    expect(stdout).toMatch(/ y +i32 \[4\] +random in \[0, 2\)\n/);
    expect(stdout).toMatch(/ learningRate +f32 \[\] +default 0\.01\n/);
    expect(stdout).toMatch(/step 1 .* ms {2}loss \d/);
  });

  test('gives times of every step and every scalar output as data', () => {
    const figures = JSON.parse(
      project.btc('run', WASM, '--steps', '5', '--classes', '2', '--json').stdout,
    );
    expect(figures.milliseconds.steps).toHaveLength(5);
    expect(figures.milliseconds.first).toBe(figures.milliseconds.steps[0]);
    const warm = figures.milliseconds.steps.slice(1).sort((a: number, b: number) => a - b);
    expect(figures.milliseconds.median).toBe((warm[1] + warm[2]) / 2);
    expect(Object.keys(figures.metrics)).toEqual(['loss']);
    expect(figures.metrics.loss).toHaveLength(5);
    expect(figures.metrics.loss[4]).toBeLessThan(figures.metrics.loss[0]);
    expect(figures.allocatedBytes).toBe(figures.deviceBytes);
  });

  test('says what it keeps on the host, and spills where it is told to', async () => {
    const plan = JSON.parse(read(WASM)) as Plan;
    const draw = { seed: 1, hosted: 10, swapped: 10, recomputed: 0, tiers: ['file'] } as const;
    const swapped = await swappedWasm(plan, draw);
    const file = { ...swapped.plan.module!, file: 'spill.wasm' };
    project.write('spill.wasm.plan.json', JSON.stringify({ ...swapped.plan, module: file }));
    writeFileSync(path('spill.wasm'), swapped.module);
    const args = ['spill.wasm.plan.json', '--steps', '2', '--classes', '2'];
    const spilled = project.btc('run', ...args, '--spillDirectory', project.folder).stdout;
    expect(spilled).toMatch(
      /\nhost memory: (?:\d+ B|[\d.]+ KiB) held for swaps and snapshots, (\d+ B|[\d.]+ KiB) in a file\n/,
    );
    const elsewhere = project.btc('run', ...args, '--spillDirectory', path('missing'));
    expect(elsewhere.stderr).toMatch(
      /^error BTC6019: the spill file of \d+ bytes cannot be made: no such file or directory/m,
    );
  });

  test('a program without scalar outputs: shape, mean and norm', () => {
    const args = ['run', WASM, '--program', 'predict', '--input', 'x=0.5', '--steps', '1'];
    const text = project.btc(...args).stdout;
    expect(text).toMatch(/ x +f32 \[4, 3\] +0\.5\n/);
    const [, mean, norm] = /logits {2}f32 \[4, 2\] {2}mean (\S+) {2}norm (\S+)\n/.exec(text)!;
    const { outputs } = JSON.parse(project.btc(...args, '--json').stdout);
    expect(outputs.logits.mean).toBeCloseTo(Number(mean), 4);
    expect(outputs.logits.norm).toBeCloseTo(Number(norm), 4);
    // All rows are equal, so the norm is twice that of a row.
    expect(outputs.logits.norm).toBeGreaterThan(2 * Math.SQRT2 * Math.abs(outputs.logits.mean));
  });

  test('refuses what it cannot use, in a sentence', () => {
    const problem = (...args: string[]) => project.btc('run', WASM, ...args).stderr;
    expect(problem('--program', 'fly')).toContain("has no program 'fly'; it has predict, train");
    expect(problem('--seed', 'x')).toContain('it must be an integer from 0 to 4294967295');
    expect(problem('--input', 'z=1')).toContain(
      "the program has no input 'z'; its inputs are x, y, learningRate",
    );
    expect(problem('--input', 'x=none.safetensors')).toContain(
      "error BTC6003: 'none.safetensors' does not exist",
    );
    for (const value of ['1.5', '3e9'])
      expect(problem('--input', `y=${value}`)).toContain(
        `input 'y': '${value}' is not an integer of 32 bits, because the tensor is i32`,
      );
    expect(problem('--input', 'x=1e39')).toContain(
      "input 'x': '1e39' is beyond the numbers of f32",
    );
  });

  test('refuses a truncated and a tampered plan, naming the field', () => {
    const text = read(WASM);
    project.write('broken.wasm.plan.json', text.slice(0, 1000));
    expect(project.btc('inspect', 'broken.wasm.plan.json').stderr).toContain('error BTC6091');
    const plan = JSON.parse(text);
    plan.tensors[1].offset += 16;
    project.write('broken.wasm.plan.json', JSON.stringify(plan));
    expect(project.btc('run', 'broken.wasm.plan.json').stderr).toMatch(
      /error BTC5001: .* is not a valid plan: (tensors|programs\.\w+\.steps)\[\d+\]/,
    );
    expect(project.btc('inspect', 'none.plan.json').stderr).toContain('error BTC6003');
  });
});

describe('a WebGPU plan where there is no adapter', () => {
  let files: Record<string, string>;
  let log: string[];
  const open = () =>
    openPlan(path(WEBGPU), JSON.parse(read(WEBGPU)) as Plan, (line) => log.push(line));
  beforeEach(() => {
    log = [];
    files ??= { [WASM]: read(WASM) };
    for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text);
  });

  test('runs as the wasm plan beside it', async () => {
    const session = await open();
    expect(session.plan.target).toBe('wasm');
    expect(log).toEqual(['target: WebAssembly, because no WebGPU adapter was found']);
    session.destroy();
  });

  test.each<[string, (plan: Plan) => Plan]>([
    ['of another name', (plan) => ({ ...plan, name: 'other' })],
    [
      'with another output',
      (plan) => {
        const { predict } = plan.programs;
        const outputs = [{ ...predict.outputs[0], name: 'scores' }];
        return { ...plan, programs: { ...plan.programs, predict: { ...predict, outputs } } };
      },
    ],
  ])('refuses a wasm plan %s', async (_, change) => {
    writeFileSync(path(WASM), JSON.stringify(change(JSON.parse(files[WASM]) as Plan)));
    await expect(open()).rejects.toThrow(
      `${path(WASM)} is of another build than ${path(WEBGPU)}; build the model again with --target webgpu,wasm`,
    );
  });

  test('refuses a wasm plan of another batch', async () => {
    const args = ['--target', 'wasm', '--set', 'batch=2', '--outDir', 'other'];
    expect(project.btc('build', 'model.ts', ...args).code).toBe(0);
    writeFileSync(path(WASM), read('other/model.wasm.plan.json'));
    await expect(open()).rejects.toThrow('is of another build than');
  });

  test('says which file is not there', async () => {
    rmSync(path(WASM));
    await expect(open()).rejects.toThrow(
      `no WebGPU adapter was found, and there is no ${path(WASM)} to run instead; build the model with --target webgpu,wasm`,
    );
    writeFileSync(path(WASM), files[WASM]);
    const module = readFileSync(path('out/model.wasm'));
    rmSync(path('out/model.wasm'));
    await expect(open()).rejects.toThrow(
      `${path('out/model.wasm')}, which holds the kernels of the plan, does not exist`,
    );
    writeFileSync(path('out/model.wasm'), module);
  });
});
