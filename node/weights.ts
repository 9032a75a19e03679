// What is in files of weights, and how that fits a plan.
export { RuntimeError } from '../runtime/errors.ts';
export { readWeights } from '../runtime/weights/from-weights.ts';
export { matchWeights, type WeightsLayout, type WeightsMatch } from '../runtime/weights/match.ts';
export { openSafetensors } from '../runtime/weights/open.ts';
export type { WeightsReader, WeightsTensor } from '../runtime/weights/reader.ts';
export { renameFunction } from '../runtime/weights/rename.ts';
