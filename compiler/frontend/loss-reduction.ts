import { report } from '../reporting/report.ts';
import { mean, sum } from './reductions.ts';
import type { Tensor } from './tensor.ts';

/** How the losses of single rows become one: their mean, their sum, or as they are. */
export type LossReduction = 'mean' | 'sum' | 'none';

const REDUCTIONS: readonly string[] = ['mean', 'sum', 'none'] satisfies LossReduction[];

/** Reports a reduction that is none (BTC2015); `others` are more that the loss has. */
export function checkReduction(
  op: string,
  reduction: string,
  others: readonly string[] = [],
): boolean {
  if (REDUCTIONS.includes(reduction)) return true;
  const among = [...others, ...REDUCTIONS];
  const names = among.map((name) => `'${name}'`);
  const wanted = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  const given = String(reduction);
  report(2015, { op, name: 'reduction', value: given, wanted }, { given, among });
  return false;
}

/** A loss of the losses of rows or elements. */
export function reduced(rows: Tensor, reduction: LossReduction): Tensor {
  if (reduction === 'none') return rows;
  return reduction === 'sum' ? sum(rows) : mean(rows);
}
