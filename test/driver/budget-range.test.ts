import { expect, test } from 'vitest';
import { type BudgetRange, budgetRange } from '../../compiler/driver/sweep.ts';
import { givenOptions, withOptions } from '../../compiler/frontend/option.ts';
import { traceModel } from '../../compiler/frontend/trace.ts';
import { compile } from '../../compiler/index.ts';
import type { Target } from '../../ir/plan.ts';
import { SMALL_NETWORKS } from '../support/small-networks.ts';

const CASES: readonly (readonly [string, Target])[] = [
  ['gpt', 'webgpu'],
  ['lstm', 'webgpu'],
  ['resnet', 'webgpu'],
  ['densenet', 'wasm'],
  ['lstm', 'wasm'],
];

test.each(CASES)('every budget that a range of %s on %s tells builds', async (name, target) => {
  const { model, set } = SMALL_NETWORKS[name];
  const { result: made } = await withOptions(givenOptions(set), model);
  const traced = traceModel(made);
  const told: BudgetRange[] = [];
  const shared = { driver: null, smallest: null };
  const range = await budgetRange(made, { target }, { traceOf: () => traced, shared }, (one) =>
    told.push(one),
  );
  expect(told[0]).toEqual({
    leastBytes: range!.mostBytes,
    mostBytes: range!.mostBytes,
    isFinal: false,
  });
  expect(told.at(-1)).toEqual(range);
  expect(range!.isFinal).toBe(true);
  expect(range!.leastBytes).toBeLessThan(range!.mostBytes);
  const budgets = told.map(({ leastBytes }) => leastBytes);
  expect(budgets).toEqual([...budgets].sort((a, b) => b - a));
  for (const budgetBytes of new Set([budgets[Math.floor(budgets.length / 2)], range!.leastBytes])) {
    const { plan } = await compile(made, { target, budgetBytes, planSeconds: 0 });
    expect(plan?.memory.deviceBytes).toBeLessThanOrEqual(budgetBytes);
  }
});
