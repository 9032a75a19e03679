import { printable } from '../../ir/printable.ts';
import { visibleLength } from './terminal.ts';

/** Columns as wide as their widest cell; the named ones aligned to the right. */
export function table(
  texts: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const rows = texts.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, k) => {
      widths[k] = Math.max(widths[k] ?? 0, visibleLength(cell));
    });
  const space = (cell: string, k: number) => ' '.repeat(widths[k] - visibleLength(cell));
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, k) => (right.includes(k) ? space(cell, k) + cell : cell + space(cell, k)))
          .join('  ')
          .trimEnd()}`,
    )
    .join('\n');
}
