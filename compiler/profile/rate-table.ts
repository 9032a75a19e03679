import type { RatePoint } from './kernel-rates.ts';

/** The rate at a size: linear in logarithms between the points of a table, constant beyond them. */
export function rateAt(table: readonly RatePoint[], bytes: number): number {
  const after = table.findIndex((point) => point.bytes >= bytes);
  if (after < 0) return table[table.length - 1].perSecond;
  if (after === 0) return table[0].perSecond;
  const [low, high] = [table[after - 1], table[after]];
  const share = Math.log(bytes / low.bytes) / Math.log(high.bytes / low.bytes);
  return low.perSecond * (high.perSecond / low.perSecond) ** share;
}
