import { describe, expect, test } from 'vitest';
import * as btc from '../../compiler/index.ts';

const model = btc.defineModel({
  name: 'small',
  inputs: { x: btc.tensor([1024, 16]), label: btc.tensor([1024], 'i32') },
  build: ({ x }) => {
    const layers = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => btc.linear(16, 16, { name: `layer${i}` }));
    return { logits: layers.reduce((value, layer) => btc.tanh(layer(value)), x) };
  },
  train: {
    loss: ({ logits }, { label }) => btc.crossEntropy(logits, label),
    optimizer: btc.sgd({ learningRate: 0.1 }),
  },
});

async function planOf(options: btc.CompileOptions) {
  const { plan, diagnostics } = await btc.compile(model, { target: 'webgpu', ...options });
  if (!plan) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return { plan, codes: diagnostics.map(({ code }) => code) };
}

const free = (await planOf({})).plan;

describe("solve: 'exact'", () => {
  const within = { budgetBytes: Math.floor(0.75 * free.memory.deviceBytes) } as const;

  test('gives a plan that is at least as fast, with a bound that is at least as high', async () => {
    const searched = (await planOf({ ...within, swap: 'none' })).plan;
    const { plan, codes } = await planOf({ ...within, swap: 'none', solve: 'exact' });
    const [a, b] = [searched, plan].map(({ programs }) => programs['train']);
    expect(b.predicted!.seconds).toBeLessThanOrEqual(a.predicted!.seconds * (1 + 1e-9));
    expect(b.bound!.lowerBound).toBeGreaterThanOrEqual(a.bound!.lowerBound * (1 - 1e-9));
    expect(plan.memory.deviceBytes).toBeLessThanOrEqual(within.budgetBytes);
    expect(b.steps.some(({ recomputed }) => recomputed)).toBe(true);
    expect(codes).toEqual([]);
  });

  test('says where a plan with copies is that of the search', async () => {
    const { plan, codes } = await planOf({ ...within, recompute: 'auto', solve: 'exact' });
    const copies = Object.values(plan.programs).some(({ transfers = [] }) => transfers.length > 0);
    expect(codes.includes('BTC4012')).toBe(copies);
  });

  test('changes nothing without a budget', async () => {
    const { plan, codes } = await planOf({ solve: 'exact' });
    expect(plan).toEqual(free);
    expect(codes).toEqual([]);
  });

  test('is one of two choices', async () => {
    const { diagnostics } = await btc.compile(model, { solve: 'best' as 'exact' });
    expect(diagnostics.map(({ code, message }) => [code, message])).toEqual([
      ['BTC4006', expect.stringContaining('heuristic, exact')],
    ]);
  });
});
