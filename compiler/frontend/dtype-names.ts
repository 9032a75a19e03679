import { DTYPE_NAMES, isDType } from '../../ir/dtypes.ts';
import type { DType } from '../../ir/tensor.ts';
import { report } from '../reporting/report.ts';

/** What models call dtypes: those of tensors, and `bool`, which is a mask: i32 that is 0 or 1, as comparisons give it. */
export type DTypeName = DType | 'bool';

const NAMES: readonly string[] = [...DTYPE_NAMES, 'bool'];
const WANTED = NAMES.map((name) => `'${name}'`).join(' or ');

/** Whether a name is that of masks, so that elements are 0 where a number is 0, and else 1. */
export const isMask = (name: DTypeName): boolean => name === 'bool';

/** The dtype of a name; null after a report (BTC2015) of one that does not exist. */
export function resolveDType(op: string, name: DTypeName): DType | null {
  if (isMask(name)) return 'i32';
  if (isDType(name)) return name;
  const choice = { given: String(name), among: NAMES };
  report(2015, { op, name: 'dtype', value: choice.given, wanted: WANTED }, choice);
  return null;
}
