/** Everything that a model is written with: tensors, layers and losses, and the optimisers that train them. */
export * from './frontend/index.ts';
export {
  type AdagradOptions,
  type AdamOptions,
  adagrad,
  adam,
  adamw,
  type LionOptions,
  lion,
  type RmspropOptions,
  rmsprop,
  type SgdOptions,
  sgd,
} from './training/optimisers.ts';
