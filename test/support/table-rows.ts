import { vi } from 'vitest';

/** The rows of a table of functions that give something while `run` runs: neither null nor a list of nothing but null. */
export function rowsThatGive(table: object, run: () => void): Set<string> {
  const rows = table as Record<string, (...args: unknown[]) => unknown>;
  const reached = new Set<string>();
  const spies = Object.keys(rows).map((row) => {
    const original = rows[row];
    return vi.spyOn(rows, row).mockImplementation((...args) => {
      const result = original(...args);
      if ([result].flat().some((value) => value !== null)) reached.add(row);
      return result;
    });
  });
  try {
    run();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return reached;
}
