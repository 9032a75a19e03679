/** Everything that a model is written with: tensors, layers and losses, and the optimisers that train them. */
export * from './frontend/index.ts';
export { type AdamOptions, adam, adamw, type SgdOptions, sgd } from './training/optimisers.ts';
