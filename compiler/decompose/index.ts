/** Trained matrices as the cores of factorised layers. */
export { decompose } from './decompose.ts';
export type { FormRequest } from './request.ts';
export type {
  DecomposedCore,
  DecomposeOptions,
  DecomposeResult,
  Decomposition,
  DenseMatrix,
} from './result.ts';
export type { Ranks } from './source.ts';
export {
  type DecomposedWeights,
  type DecomposeWeightsResult,
  decomposeWeights,
  type WeightsOptions,
} from './weights.ts';
