/** A budget that is further above what is used than this has no line in a chart of it: the rest would be flat. */
const MOST_ROOM = 2;

/** Whether a budget has a line in a chart that reaches up to what is used. Both in bytes; no budget has none. */
export function isBudgetInChart(budgetBytes: number | null, usedBytes: number): boolean {
  return budgetBytes !== null && budgetBytes <= MOST_ROOM * usedBytes;
}

/** Up to which of several budgets a chart of `usedBytes` reaches: to each that has a line in it. In bytes. */
export function chartReach(usedBytes: number, budgets: readonly (number | null)[]): number {
  return budgets.reduce<number>(
    (most, bytes) => (isBudgetInChart(bytes, usedBytes) ? Math.max(most, bytes!) : most),
    usedBytes,
  );
}
