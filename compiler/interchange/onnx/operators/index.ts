import { ACTIVATIONS } from './activations.ts';
import { CONTROL_FLOW } from './control-flow.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { INDEXING } from './indexing.ts';
import { LINEAR_ALGEBRA } from './linear-algebra.ts';
import { LOSSES } from './losses.ts';
import { NORMALISATION } from './normalisation.ts';
import { QUANTISATION } from './quantisation.ts';
import { RANDOM } from './random.ts';
import { RECURRENT } from './recurrent.ts';
import { REDUCTIONS } from './reductions.ts';
import type { OperatorRow, OperatorTable } from './row.ts';
import { SAMPLING } from './sampling.ts';
import { SHAPES } from './shapes.ts';
import { SIGNAL } from './signal.ts';
import { TRAINING } from './training.ts';
import { WINDOWS } from './windows.ts';

/** The row of every operator, by domain: '' is ONNX's own. */
export const OPERATORS: Readonly<Record<string, OperatorTable>> = {
  '': {
    ...ACTIVATIONS,
    ...CONTROL_FLOW,
    ...ELEMENTWISE,
    ...INDEXING,
    ...LINEAR_ALGEBRA,
    ...LOSSES,
    ...NORMALISATION,
    ...QUANTISATION,
    ...RANDOM,
    ...RECURRENT,
    ...REDUCTIONS,
    ...SAMPLING,
    ...SHAPES,
    ...SIGNAL,
    ...WINDOWS,
  },
  'ai.onnx.preview.training': TRAINING,
};

/** The row of an operator, or null. */
export function operatorRow(domain: string, op: string): OperatorRow | null {
  const table = Object.hasOwn(OPERATORS, domain) ? OPERATORS[domain] : null;
  return table && Object.hasOwn(table, op) ? table[op] : null;
}
