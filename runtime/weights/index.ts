// Weights in safetensors files of whatever origin: what is in them, one tensor at a time, and how they fit a plan.
export { RuntimeError, type RuntimeErrorCode } from '../errors.ts';
export type { Place as TensorPlace } from './arrange.ts';
export type { BlobLike } from './byte-source.ts';
export { readWeights } from './from-weights.ts';
export {
  type MatchOptions,
  type MissingTensor,
  matchWeights,
  type TensorMatch,
  type WeightsLayout,
  type WeightsMatch,
} from './match.ts';
export { type OpenOptions, openSafetensors, type WeightsSource } from './open.ts';
export type { ForeignOptions } from './options.ts';
export type { WeightsReader, WeightsTensor } from './reader.ts';
export { type Rename, type RenameFunction, renameFunction } from './rename.ts';
export type { SaveOptions } from './save.ts';
