/** The language that models are written in. Importing it has no effects. */
export type { DType, Shape } from '../../ir/tensor.ts';
export {
  type BlockTermOptions,
  blockTerm,
  type CpOptions,
  cp,
  type Factorisation,
  hierarchicalTucker,
  lowRank,
  type ModeOptions,
  type TrainOptions,
  type TuckerOptions,
  tensorRing,
  tensorTrain,
  tucker,
} from '../factorised/factorisation.ts';
export { fitted, type ShapeBudget } from '../factorised/fit.ts';
export type { FormName } from '../factorised/form-names.ts';
export {
  cpKernel,
  type KernelFactorisation,
  type TrainKernelOptions,
  tensorTrainKernel,
  tuckerKernel,
} from '../factorised/kernel.ts';
export { factoriseDimension } from '../factorised/modes.ts';
export * from './activations.ts';
export * from './adaptive-pooling.ts';
export { averaged } from './averages.ts';
export {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
} from './binary-cross-entropy.ts';
export { type ConstantValues, constant, type NestedValues } from './constants.ts';
export type { FrozenOptions } from './context.ts';
export { einsum, matmul } from './contractions.ts';
export { type ConvolutionOptions, conv1d, conv2d, conv3d } from './convolution.ts';
export { type CtcOptions, ctcLoss } from './ctc.ts';
export * from './distances.ts';
export type { DTypeName } from './dtype-names.ts';
export * from './elementwise.ts';
export {
  dropout,
  logSoftmax,
  logSumExp,
  normalise,
  randomUniform,
  softmax,
} from './functions.ts';
export * from './global-norm.ts';
export {
  scatterAddAlongAxis,
  scatterAlongAxis,
  take,
  takeAlongAxis,
} from './indexing.ts';
export * as init from './init.ts';
export type { Initialiser } from './initialisers.ts';
export {
  type InterpolationMode,
  type InterpolationOptions,
  interpolate,
} from './interpolation.ts';
export { type LoraOptions, lora, mergedWeights } from './layers/adapters.ts';
export {
  type Attention,
  type AttentionMasks,
  type AttentionOptions,
  attention,
  type DotProductAttentionOptions,
  type RotaryOptions,
  rotary,
  scaledDotProductAttention,
} from './layers/attention.ts';
export {
  type Convolution,
  type ConvolutionLayerOptions,
  convolution,
  convolution1d,
  convolution3d,
  type PlainConvolutionOptions,
} from './layers/convolution.ts';
export type { VarianceLaw } from './layers/core-initialiser.ts';
export {
  type Embedding,
  type EmbeddingOptions,
  embedding,
  type LayerOptions,
  type Linear,
  type LinearOptions,
  linear,
} from './layers/dense.ts';
export {
  type ChannelNorm,
  type ChannelNormOptions,
  groupNorm,
  instanceNorm,
  rmsNorm,
} from './layers/group-normalisation.ts';
export {
  type BatchNorm,
  type BatchNormOptions,
  batchNorm,
  type LayerNorm,
  type LocalResponseNormOptions,
  layerNorm,
  localResponseNorm,
} from './layers/normalisation.ts';
export {
  gru,
  lstm,
  type Nonlinearity,
  type Recurrent,
  type RecurrentOptions,
  type RecurrentResult,
  type RecurrentStack,
  type RecurrentStackOptions,
  type RecurrentState,
  rnn,
  type SequenceOptions,
} from './layers/recurrent.ts';
export {
  type TransposedConvolutionOptions,
  transposedConvolution,
  transposedConvolution1d,
  transposedConvolution3d,
} from './layers/transposed-convolution.ts';
export type { LossReduction } from './loss-reduction.ts';
export {
  type CrossEntropyOptions,
  crossEntropy,
  type NegativeLogLikelihoodOptions,
  negativeLogLikelihood,
} from './losses.ts';
export {
  type BuildContext,
  defineModel,
  type InputSpec,
  type Inputs,
  type Model,
  type ModelDefinition,
  type Outputs,
  type ProgramFunction,
  type Training,
  type Trainings,
  tensor,
} from './model.ts';
export type {
  Average,
  AverageDecay,
  AverageOptions,
  ClippingOptions,
  GroupOptions,
  Optimiser,
  OptimiserGroup,
  ParameterFilter,
  ParameterGroup,
} from './optimiser.ts';
export { type OptionValue, option } from './option.ts';
export type { PaddingMode } from './padding.ts';
export { frozen, param, type State, state } from './parameter.ts';
export { fold, pixelShuffle, pixelUnshuffle, unfold } from './patches.ts';
export {
  type AveragePoolingOptions,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  globalAveragePool,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type PoolingOptions,
} from './pooling.ts';
export type { DynamicLossScale, LossScale, Precision } from './precision.ts';
export { bernoulli, categorical, randomInteger, randomNormal } from './random.ts';
export * from './rearranging.ts';
export {
  all,
  any,
  argmax,
  argmin,
  max,
  mean,
  min,
  type ReductionOptions,
  sum,
  sumOfSquares,
  type VarianceOptions,
  variance,
} from './reductions.ts';
export * from './regression-losses.ts';
export * from './scans.ts';
export { scope } from './scope.ts';
export * from './sorting.ts';
export type { Tensor, TensorLike } from './tensor.ts';
export {
  conv1dTranspose,
  conv2dTranspose,
  conv3dTranspose,
  type TransposedOptions,
} from './transposed-convolution.ts';
export {
  arange,
  broadcastTo,
  concat,
  expandDims,
  full,
  gather,
  iota,
  oneHot,
  ones,
  pad,
  reshape,
  slice,
  split,
  squeeze,
  stack,
  transpose,
  zeros,
} from './views.ts';
export type { PerAxis, WindowOptions } from './windows.ts';
