import type { Diagnostic } from '../diagnostics.ts';
import type { MatrixNetwork } from '../factorised/network.ts';
import type { Ranks } from './source.ts';

/** A matrix in row-major order. */
export interface DenseMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: ArrayLike<number>;
}

/** How {@link decompose} looks for the cores. */
export interface DecomposeOptions {
  /** Gates that stand side by side in the columns: 4 of an LSTM, 3 of a GRU. They are folded into the first output mode. Default 1. */
  readonly gates?: number;
  /** Most sweeps of the iterative methods (Tucker, CP, block-term, tensor-ring). Default 200. */
  readonly sweeps?: number;
  /** Sweeps that lower the relative error by less than this part of it end the iteration. Default 1e-5. */
  readonly tolerance?: number;
  /** Random starts of CP, block-term and tensor-ring beside the form's own. Default 2. */
  readonly starts?: number;
  /** Of the random starts; an integer from 0. Default 0. */
  readonly seed?: number;
  /** Hears of each sweep: the rank, where one is being looked for, and the relative error so far. */
  readonly onSweep?: (sweep: { readonly parameters: number; readonly error: number }) => void;
}

/** One trained tensor of the factorised layer. */
export interface DecomposedCore {
  /** What follows the weight's name in the parameter's: `factor1`, `core`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float64Array;
}

/** The cores of a matrix in one form, and what the form costs. */
export interface Decomposition {
  /** The network that a layer with this factorisation declares. */
  readonly matrix: MatrixNetwork;
  /** In the order and under the names in which the layer declares them. */
  readonly cores: readonly DecomposedCore[];
  /** ‖W - Ŵ‖ / ‖W‖ in the Frobenius norm, from the reconstruction. */
  readonly relativeError: number;
  readonly parameters: number;
  /** Multiply-adds of one row times the factorised matrix, in the cheapest order. */
  readonly macs: number;
  /** Of a form of btc's own, as its function takes them: one rank per place, or a list per block. Else null. */
  readonly ranks: Ranks | null;
  /** Blocks of block-term. */
  readonly blocks: number | null;
  /** What to write in the model: `blockTerm({ … })`; null for a form that is not btc's own. */
  readonly source: string | null;
  readonly seconds: number;
}

/** A decomposition, or nothing but diagnostics. */
export type DecomposeResult =
  | { readonly decomposition: Decomposition; readonly diagnostics: readonly Diagnostic[] }
  | { readonly decomposition: null; readonly diagnostics: readonly Diagnostic[] };
