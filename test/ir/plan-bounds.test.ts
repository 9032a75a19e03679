import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';
import type { Plan } from '../../ir/plan.ts';
import { verifyPlan } from '../../ir/plan-verify.ts';

const model = btc.defineModel({
  name: 'small',
  inputs: { x: btc.tensor([64, 16]), label: btc.tensor([64], 'i32') },
  build: ({ x }) => {
    const layers = [0, 1, 2, 3, 4, 5].map((i) => btc.linear(16, 16, { name: `layer${i}` }));
    return { logits: layers.reduce((value, layer) => btc.relu(layer(value)), x) };
  },
  train: {
    loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
    optimizer: btc.adam({ learningRate: 1e-3 }),
  },
});

async function planOf(options: btc.CompileOptions = {}): Promise<Plan> {
  const { plan, diagnostics } = await btc.compile(model, options);
  if (!plan) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return plan;
}

const free = await planOf();
const bounded = await planOf({ budgetBytes: Math.floor(0.8 * free.memory.deviceBytes) });

describe('the bounds of a plan', () => {
  test('are of its own figures, and not above them', () => {
    for (const { memory, programs } of [free, bounded]) {
      const { packing, step } = memory.bounds!;
      expect(packing).toMatchObject({ value: memory.arenaBytes, method: 'live sum' });
      expect(packing.lowerBound).toBe(memory.peakLiveBytes);
      expect(step).toMatchObject({ value: memory.deviceBytes, method: 'largest step' });
      expect(step.lowerBound).toBeLessThanOrEqual(memory.deviceBytes);
      expect(step.lowerBound).toBeGreaterThan(0);
      for (const { bound, predicted } of Object.values(programs)) {
        expect(bound!.value).toBe(predicted!.seconds);
        expect(bound!.lowerBound).toBeLessThanOrEqual(predicted!.seconds);
      }
    }
  });

  test('prove a plan without a budget to be the fastest in its order', () => {
    for (const { bound } of Object.values(free.programs))
      expect(bound).toMatchObject({ gap: 0, method: 'sum of steps' });
  });

  test('are at least the time without a budget where one is kept', () => {
    for (const [name, { bound }] of Object.entries(bounded.programs))
      expect(bound!.lowerBound).toBeGreaterThanOrEqual(
        free.programs[name].bound!.lowerBound * (1 - 1e-12),
      );
  });

  const train = 'programs.train.bound';
  // biome-ignore lint/suspicious/noExplicitAny: tampering is what types forbid
  test.each<[string, (plan: any) => void]>([
    ['memory.bounds.packing.value: ', (plan) => plan.memory.bounds.packing.value++],
    ['memory.bounds.packing.lowerBound: ', (plan) => plan.memory.bounds.packing.lowerBound++],
    ['memory.bounds.step.value: ', (plan) => plan.memory.bounds.step.value--],
    [
      'memory.bounds.step.lowerBound: ',
      (plan) => {
        plan.memory.bounds.step.lowerBound = 1e12;
      },
    ],
    [
      'memory.bounds.step.gap: ',
      (plan) => {
        plan.memory.bounds.step.gap = 0.123;
      },
    ],
    [
      'memory.bounds.step.gap: ',
      (plan) => {
        plan.memory.bounds.step.gap = null;
      },
    ],
    [
      'memory.bounds.step.gap',
      (plan) => {
        plan.memory.bounds.step.gap = -1;
      },
    ],
    [
      `${train}.value: `,
      (plan) => {
        plan.programs.train.bound.value *= 2;
      },
    ],
    [
      `${train}.lowerBound: `,
      (plan) => {
        plan.programs.train.bound.lowerBound = 2 * plan.programs.train.bound.value;
      },
    ],
    [
      `${train}.method`,
      (plan) => {
        plan.programs.train.bound.method = 7;
      },
    ],
    [
      `${train}: there is no prediction`,
      (plan) => {
        delete plan.programs.train.predicted;
      },
    ],
  ])('are refused where they are not true: %s', (start, tamper) => {
    const plan = structuredClone(bounded);
    tamper(plan);
    expect(verifyPlan(plan)).toEqual(expect.arrayContaining([expect.stringContaining(start)]));
  });

  test('need not be there: plans of 3.0 have none', () => {
    const { bounds: _, ...memory } = free.memory;
    const programs = Object.fromEntries(
      Object.entries(free.programs).map(([name, { bound: _, ...program }]) => [name, program]),
    );
    expect(verifyPlan({ ...free, version: '3.0', memory, programs })).toEqual([]);
  });
});
