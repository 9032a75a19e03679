/** Trained matrices as the cores of factorised layers. */
export {
  type DecomposedCore,
  type DecomposeOptions,
  type DecomposeResult,
  type Decomposition,
  type DenseMatrix,
  decompose,
} from './decompose.ts';
export type { FormRequest } from './request.ts';
export {
  type DecomposedWeights,
  type DecomposeWeightsResult,
  decomposeWeights,
  type WeightsOptions,
} from './weights.ts';
