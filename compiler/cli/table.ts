/** Columns as wide as their widest cell; the named ones aligned to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, k) => {
      widths[k] = Math.max(widths[k] ?? 0, cell.length);
    });
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, k) => (right.includes(k) ? cell.padStart(widths[k]) : cell.padEnd(widths[k])))
          .join('  ')
          .trimEnd()}`,
    )
    .join('\n');
}

/** `f32 [32, 784]`. */
export function formatType(type: {
  readonly dtype: string;
  readonly shape: readonly number[];
}): string {
  return `${type.dtype} [${type.shape.join(', ')}]`;
}
