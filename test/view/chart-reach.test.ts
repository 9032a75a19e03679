import { expect, test } from 'vitest';
import { isBudgetInChart } from '../../compiler/inspect/budget-line.ts';
import { chartReach } from '../../view/data/chart-reach.ts';

test('a chart reaches up to what is used, and to budgets that leave it at least half of the height', () => {
  for (const [used, budgets, reach] of [
    [100, [], 100],
    [100, [null], 100],
    [100, [150], 150],
    [100, [200], 200],
    [100, [201], 100],
    [100, [2 ** 53 - 1], 100],
    [100, [50], 100],
    [100, [120, null, 190, 5000], 190],
  ] as const) {
    expect(chartReach(used, budgets)).toBe(reach);
    for (const budget of budgets)
      expect(isBudgetInChart(budget, used)).toBe(budget !== null && budget <= reach);
  }
});
