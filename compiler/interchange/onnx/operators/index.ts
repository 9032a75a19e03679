import { ACTIVATIONS } from './activations.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { INDEXING } from './indexing.ts';
import { LINEAR_ALGEBRA } from './linear-algebra.ts';
import { NORMALISATION } from './normalisation.ts';
import { REDUCTIONS } from './reductions.ts';
import type { OperatorRow, OperatorTable } from './row.ts';
import { SHAPES } from './shapes.ts';
import { WINDOWS } from './windows.ts';

/** The row of every operator, by domain: '' is ONNX's own. */
export const OPERATORS: Readonly<Record<string, OperatorTable>> = {
  '': {
    ...ACTIVATIONS,
    ...ELEMENTWISE,
    ...INDEXING,
    ...LINEAR_ALGEBRA,
    ...NORMALISATION,
    ...REDUCTIONS,
    ...SHAPES,
    ...WINDOWS,
  },
};

/** The row of an operator, or null. */
export function operatorRow(domain: string, op: string): OperatorRow | null {
  const table = Object.hasOwn(OPERATORS, domain) ? OPERATORS[domain] : null;
  return table && Object.hasOwn(table, op) ? table[op] : null;
}
