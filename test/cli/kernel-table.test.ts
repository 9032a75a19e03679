import { stripVTControlCharacters } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { formatKernelTimes, formatPredictedKernels } from '../../compiler/cli/kernel-times.ts';
import {
  compile,
  defineModel,
  linear,
  matmul,
  relu,
  tensor,
  transpose,
} from '../../compiler/index.ts';
import { inspectPlan } from '../../compiler/inspect/index.ts';
import { kernelTimes } from '../../compiler/inspect/kernel-times.ts';
import type { Plan, Target } from '../../ir/plan.ts';

const plans = new Map<Target, Plan>();
beforeAll(async () => {
  for (const target of ['webgpu', 'wasm'] as const) {
    const model = defineModel({
      name: 'kernels',
      inputs: { x: tensor([256, 64]), w: tensor([256, 32]) },
      build: ({ x, w }) => ({
        y: relu(linear(64, 32)(x)),
        z: matmul(w, transpose(linear(64, 32)(x))),
      }),
    });
    plans.set(target, (await compile(model, { target })).plan!);
  }
});

test('each kernel stands there with how it is made, and their shares are of the whole', () => {
  const plan = plans.get('webgpu')!;
  const text = stripVTControlCharacters(formatPredictedKernels(plan, true));
  expect(text).toContain("kernels of predict, predicted by the profile 'h100'");
  const lines = text.split('\n');
  for (const { name, variant } of plan.kernels)
    expect(lines.find((line) => line.endsWith(` ${name}`))).toContain(variant);
  const shares = [...text.matchAll(/^ *([\d.]+) %/gm)].map(([, share]) => Number(share));
  expect(shares).toHaveLength(plan.kernels.length);
  expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(100, 0);
  expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  expect(inspectPlan(plan).kernels.every(({ variant }) => variant !== null)).toBe(true);
});

test('where a kernel can be made in one way alone nothing is said of ways', () => {
  const text = stripVTControlCharacters(formatPredictedKernels(plans.get('wasm')!, true));
  expect(text).not.toContain('variant');
  expect(text).toContain('GFLOP/s');
});

test('on a narrow terminal names stand below the figures, which fit', () => {
  const plan = plans.get('webgpu')!;
  const kernels = kernelTimes(
    plan,
    'predict',
    plan.programs.predict.steps.map(() => 1e-3),
    null,
  );
  const lines = formatKernelTimes(kernels, 1, 'measured', 80).split('\n');
  expect(lines[0]).toMatch(/^ *share +per run .* of peak$/);
  expect(lines[1]).toBe('      kernel: variant');
  expect(lines[3]).toBe(`      ${kernels[0].kernel}: ${kernels[0].variant}`);
  expect(Math.max(lines[0].length, lines[2].length)).toBeLessThanOrEqual(80);
  const wide = formatKernelTimes(kernels, 1, 'measured', 200).split('\n');
  expect(wide[1]).toContain(kernels[0].kernel);
});

test('without a terminal long names stand below the figures too', () => {
  const plan = plans.get('webgpu')!;
  const seconds = plan.programs.predict.steps.map(() => 1e-3);
  const [kernel] = kernelTimes(plan, 'predict', seconds, null);
  const lines = (variant: string) =>
    formatKernelTimes([{ ...kernel, variant }], 1, 'measured').split('\n');
  const { columns } = process.stdout;
  process.stdout.columns = undefined!;
  try {
    expect(lines('private 64')).toHaveLength(2);
    const long = `group of 64: ${'points 1 of 64 | '.repeat(12)}points 1 of 64`;
    expect(lines(long)).toHaveLength(4);
    expect(lines(long)[3]).toBe(`      ${kernel.kernel}: ${long}`);
  } finally {
    process.stdout.columns = columns;
  }
});
