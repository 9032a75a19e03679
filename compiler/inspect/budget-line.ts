/** A budget that is further above what is used than this has no line in a chart of it: the rest would be flat. */
const MOST_ROOM = 2;

/** Whether a budget has a line in a chart that reaches up to what is used. Both in bytes; no budget has none. */
export function isBudgetInChart(budgetBytes: number | null, usedBytes: number): boolean {
  return budgetBytes !== null && budgetBytes <= MOST_ROOM * usedBytes;
}
