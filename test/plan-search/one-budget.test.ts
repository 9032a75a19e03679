import { expect, test } from 'vitest';
import {
  type CompileOptions,
  crossEntropy,
  defineModel,
  linear,
  lstm,
  planModel,
  sgd,
  tensor,
} from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';

// Builds that know nothing of one another: what more may be done, or more memory, never makes a plan slower.

const recurrent = (batch: number, time: number, hidden: number, layers: number) => () =>
  defineModel({
    name: 'recurrent',
    inputs: { rows: tensor([batch, time, 7]), label: tensor([batch], 'i32') },
    build: ({ rows }) => {
      let states = rows;
      let last = rows;
      for (let k = 0; k < layers; k++) {
        const { outputs, state } = lstm(k === 0 ? 7 : hidden, hidden, { name: `r${k}` })(states);
        states = outputs;
        last = state.hidden;
      }
      return { logits: linear(hidden, 5, { name: 'output' })(last) };
    },
    train: {
      loss: ({ logits }, { label }) => crossEntropy(logits, label),
      optimizer: sgd({ learningRate: 0.01, momentum: 0.9 }),
    },
  });

type Model = ReturnType<typeof recurrent>;

const planned = async (model: Model, options: CompileOptions): Promise<Plan | null> =>
  (await planModel(model, { planSeconds: 0, ...options })).plan;

const secondsOf = (plan: Plan | null) =>
  plan === null
    ? Number.POSITIVE_INFINITY
    : Object.values(plan.programs).reduce((sum, { predicted }) => sum + predicted!.seconds, 0);

// Buffers for staging are a large part of such budgets, and take memory only where something is copied.
test.each([
  ['webgpu', recurrent(8, 2, 31, 2)],
  ['wasm', recurrent(32, 2, 64, 2)],
] as const)('both actions on %s take no longer than either alone', async (target, model) => {
  const full = (await planned(model, { target }))!.memory.deviceBytes;
  for (const share of target === 'webgpu' ? [0.85] : [0.65]) {
    const within = { target, budgetBytes: Math.floor(full * share) };
    const both = secondsOf(await planned(model, within));
    const copies = secondsOf(await planned(model, { ...within, recompute: 'none' }));
    const again = secondsOf(await planned(model, { ...within, swap: 'none' }));
    expect(both, `${share} of ${full} bytes`).toBeLessThanOrEqual(Math.min(copies, again));
  }
});

test('budgets of as many pages have one plan', async () => {
  const model = recurrent(32, 4, 48, 1);
  const page = 65536;
  const full = (await planned(model, { target: 'wasm' }))!.memory.deviceBytes;
  const budgets = [full - page, full - page + 1000, full - 1];
  const plans = await Promise.all(
    budgets.map((budgetBytes) => planned(model, { target: 'wasm', budgetBytes })),
  );
  const [exact] = plans;
  expect(exact!.memory.deviceBytes).toBe(full - page);
  for (const plan of plans) expect(plan!.programs).toEqual(exact!.programs);
});
