import { describe, expect, test } from 'vitest';
import {
  adamw,
  type CompiledPlan,
  type CompileOptions,
  compile,
  convolution,
  crossEntropy,
  defineModel,
  linear,
  lstm,
  type Model,
  maxPool2d,
  type Optimiser,
  relu,
  reshape,
  sgd,
  type Tensor,
  tensor,
} from '../../compiler/index.ts';
import { inspectPlan } from '../../compiler/inspect/index.ts';
import { verifyCode } from '../../compiler/verify/index.ts';
import { planLimits } from '../../ir/plan-limits.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';
import { openSession } from '../support/agreement.ts';
import { randomInputs } from '../support/reference.ts';

// Training steps whose independent steps share dispatches. The first three models are those of the bench.

function trains(
  shape: readonly number[],
  network: (x: Tensor) => Tensor,
  optimizer: Optimiser = sgd({ learningRate: 0.01 }),
): () => Model {
  return () =>
    defineModel({
      name: 'network',
      inputs: { x: tensor(shape), label: tensor([shape[0]], 'i32') },
      build: ({ x }) => ({ logits: network(x) }),
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer,
      },
    });
}

const block = (x: Tensor, from: number, to: number) =>
  maxPool2d(relu(convolution(from, to, { kernel: 3, padding: 1 })(x)), 2, {
    stride: 2,
    padding: 0,
  });

const mlp = (batch: number, sizes: readonly number[], optimizer?: Optimiser) =>
  trains(
    [batch, sizes[0]],
    (x) =>
      sizes
        .slice(1)
        .reduce(
          (y, size, k) =>
            k === sizes.length - 2 ? linear(sizes[k], size)(y) : relu(linear(sizes[k], size)(y)),
          x,
        ),
    optimizer,
  );

const MODELS = {
  mlp: mlp(128, [784, 512, 256, 10]),
  cnn: trains([32, 28, 28, 1], (x) => {
    const pooled = block(block(x, 1, 16), 16, 32);
    return linear(1568, 10)(reshape(pooled, [32, 1568]));
  }),
  lstm: trains([32, 16, 64], (x) => linear(128, 10)(lstm(64, 128)(x).state.hidden)),
  small: mlp(8, [24, 16, 16, 5]),
  // 14 parameters, with rules of their own for biases, whose updates wait for the norm of all gradients.
  deep: mlp(
    8,
    [24, ...new Array(5).fill(16), 12, 5],
    adamw({
      clipNorm: 0.5,
      groups: [{ parameters: /bias$/, settings: { weightDecay: 0 }, learningRateFactor: 2 }],
    }),
  ),
} as const;

async function compiled(
  model: keyof typeof MODELS,
  options: CompileOptions = {},
): Promise<CompiledPlan> {
  const result = await compile(MODELS[model], { target: 'webgpu', ...options });
  if (!result.plan) throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));
  return result;
}

/** Dispatches that a training step takes at most. */
const BARS = [
  ['mlp', 12],
  ['cnn', 30],
  ['lstm', 45],
] as const;

describe('steps that share a dispatch', () => {
  test.each(BARS)('%s takes at most %i dispatches, in the same memory', async (model, most) => {
    const [{ plan: shared, module }, { plan: single }] = [
      await compiled(model),
      await compiled(model, { dispatches: 'single' }),
    ];
    const { steps } = shared.programs.train;
    expect(steps.length).toBeLessThanOrEqual(most);
    expect(steps.length).toBeLessThan(single.programs.train.steps.length);
    expect(single.programs.train.steps.every(({ parts }) => parts === undefined)).toBe(true);
    const parts = steps.reduce((sum, step) => sum + (step.parts?.length ?? 1), 0);
    expect(parts).toBe(single.programs.train.steps.length);
    for (const total of ['deviceBytes', 'arenaBytes', 'persistentBytes', 'stagingBytes'] as const)
      expect(shared.memory[total]).toBe(single.memory[total]);
    // Fewer pipelines, not more.
    expect(shared.kernels.length).toBeLessThanOrEqual(single.kernels.length);
    const flops = (plan: typeof shared) => inspectPlan(plan).layers.map((layer) => layer.flops);
    expect(flops(shared)).toEqual(flops(single));
    const seconds = (plan: typeof shared) => plan.programs.train.predicted!.seconds;
    expect(seconds(shared)).toBeLessThan(seconds(single));
    expect(await verifyCode(shared, module)).toEqual([]);
  });

  test.each(['swiftshader', 'lavapipe'] as const)(
    'keep to these bars on %s too',
    async (profile) => {
      for (const [model, most] of BARS) {
        const { plan, module } = await compiled(model, { profile });
        expect(plan.programs.train.steps.length, model).toBeLessThanOrEqual(most);
        expect(await verifyCode(plan, module)).toEqual([]);
      }
    },
  );

  test('are one dispatch or two for the updates of all small parameters', async () => {
    const { plan, module } = await compiled('deep');
    const updates = plan.programs.train.steps.filter(({ bindings }) =>
      bindings.some((tensor) => plan.tensors[tensor].role === 'optimiser'),
    );
    expect(updates.reduce((sum, { parts = [] }) => sum + parts.length, 0)).toBe(14);
    expect(updates.length).toBeLessThanOrEqual(2);
    expect(planLimits(plan).maxStorageBuffersPerShaderStage).toBeLessThanOrEqual(8);
    expect(await verifyCode(plan, module)).toEqual([]);
    const k = plan.kernels.findIndex(({ spans }) => spans);
    const { spans: _, ...without } = plan.kernels[k];
    const found = await verifyCode({ ...plan, kernels: plan.kernels.with(k, without) }, module);
    expect(found).toEqual([{ path: `kernels[${k}].spans`, reason: 'are not those of the text' }]);
  });

  test.each(['small', 'deep'] as const)('give the same bits: %s', async (model) => {
    // Software GPUs switch threads at every barrier of a tile.
    const seen = [];
    for (const dispatches of ['shared', 'single'] as const) {
      const made = await compiled(model, { dispatches, limits: { maxWorkgroupBytes: 1024 } });
      const session = await openSession(made);
      const losses = [];
      for (let step = 0; step < 3; step++) {
        const inputs = randomInputs(made.plan, 'train', { classes: 5, step, seed: 3 });
        losses.push((await session.run('train', inputs)).loss[0]);
      }
      const parameters = await session.readParameters();
      session.destroy();
      seen.push({ losses, parameters, steps: made.plan.programs.train.steps.length });
    }
    const [shared, single] = seen;
    expect(shared.steps).toBeLessThan(single.steps);
    expect(shared.losses).toEqual(single.losses);
    expect(shared.parameters).toEqual(single.parameters);
  });

  test('are there within a budget too, between transfers and recomputed steps', async () => {
    const { plan } = await compiled('mlp');
    const budgetBytes = Math.ceil(plan.memory.deviceBytes * 0.8);
    const [shared, single] = [
      await compiled('mlp', { budgetBytes }),
      await compiled('mlp', { budgetBytes, dispatches: 'single' }),
    ];
    expect(shared.plan.memory.deviceBytes).toBe(single.plan.memory.deviceBytes);
    expect(verifyPlan(shared.plan)).toEqual([]);
    for (const { steps } of Object.values(shared.plan.programs))
      for (const { recomputed, parts } of steps) if (recomputed) expect(parts).toBeUndefined();
  });

  test('have costs that the plan proves', async () => {
    const { plan, module } = await compiled('mlp');
    const k = plan.programs.train.steps.findIndex(({ parts }) => parts);
    const step = plan.programs.train.steps[k];
    const parts = step.parts!.with(0, { ...step.parts![0], flops: step.parts![0].flops + 1 });
    const steps = (flops: number) => plan.programs.train.steps.with(k, { ...step, parts, flops });
    const tampered = (flops: number) => ({
      ...plan,
      programs: { ...plan.programs, train: { ...plan.programs.train, steps: steps(flops) } },
    });
    const path = `programs.train.steps[${k}].parts`;
    expect(verifyPlan(tampered(step.flops))).toEqual([
      `${path}: their flops are ${step.flops + 1}, not ${step.flops}`,
    ]);
    const found = await verifyCode(tampered(step.flops + 1), module);
    expect(found.map((one) => one.path)).toContain(`${path}[0]`);
  });
});
