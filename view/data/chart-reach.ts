import { isBudgetInChart } from '../../compiler/inspect/budget-line.ts';

/** Up to which of several budgets a chart of `usedBytes` reaches: to each that has a line in it. In bytes. */
export function chartReach(usedBytes: number, budgets: readonly (number | null)[]): number {
  return budgets.reduce<number>(
    (most, bytes) => (isBudgetInChart(bytes, usedBytes) ? Math.max(most, bytes!) : most),
    usedBytes,
  );
}
