import type { OnnxNode } from '../node.ts';
import type { Value } from '../values.ts';

/** What an operator of ONNX is in the language. */
export interface OperatorRow {
  /** Its results: one, or a list. Errors: BTC5110 and BTC5111, by `refuse` and `constant` of the node. */
  readonly make: (node: OnnxNode) => Value | readonly Value[];
  /** Whether it is computed at once where all its inputs are known; true where it is left out. */
  readonly folds?: boolean;
  /** What is not taken, for the documentation. */
  readonly limits?: string;
}

/** Rows by operator. */
export type OperatorTable = Readonly<Record<string, OperatorRow>>;

export const row = (make: OperatorRow['make'], limits?: string): OperatorRow =>
  limits === undefined ? { make } : { make, limits };
