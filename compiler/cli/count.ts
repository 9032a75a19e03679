/** `73.04 M`, with a space before the unit. */
export function formatCount(count: number): string {
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(2)} ${unit}`;
  }
  return `${count} `;
}
