/** btc: compiles a neural network written in TypeScript into a memory-planned schedule. */

export type { PairwiseStep } from './contract/steps.ts';
export * from './decompose/index.ts';
export type { Category, Diagnostic, RelatedMessage, Suggestion } from './diagnostics.ts';
export { compile, exportOnnx, exportStableHlo, planModel } from './driver/api.ts';
export type {
  ExportOptions,
  OnnxResult,
  StableHloOptions,
  StableHloResult,
  WeightsOf,
} from './driver/export-options.ts';
export type { PassName } from './driver/pass-names.ts';
export type { CompileProgress } from './driver/progress.ts';
export type {
  CompiledPlan,
  CompileOptions,
  CompileResult,
  FailedCompilation,
  ModelSource,
  PassPrinter,
  PassTiming,
  PlanResult,
} from './driver/result.ts';
export type { Core, MatrixNetwork, Network, OrthonormalColumns } from './factorised/network.ts';
export type { Tensors as ModelTensors } from './frontend/model.ts';
export type { Update as ParameterUpdate } from './frontend/optimiser.ts';
export type { Widened } from './frontend/option.ts';
export type { InspectedContraction } from './inspect/contractions.ts';
export {
  formatDot,
  type InspectedActions,
  type InspectedKernel,
  type InspectedProgram,
  type Inspection,
  inspectPlan,
  type PlanGraphNode,
  planGraph,
} from './inspect/index.ts';
export type { InspectedLayer } from './inspect/layers.ts';
export type { InspectedLife, InspectedValue } from './inspect/values.ts';
export { fromOnnx } from './interchange/from-onnx.ts';
export type { FromOnnxOptions, KnownValues, OnnxModel } from './interchange/onnx/options.ts';
export { OnnxError } from './interchange/onnx/refusal.ts';
export type {
  ArgumentRecord,
  Mesh,
  ResultRecord,
  StableHloManifest,
} from './interchange/stablehlo/manifest.ts';
export * from './language.ts';
export type {
  HalfActivations,
  MicroBatches,
  RecomputeStrategy,
  SwapPolicy,
  TileChoice,
} from './plan-search/actions/choices.ts';
export type { DeviceLimits } from './profile/device-limits.ts';
export type { FormRates, RatePoint, RatesByForm, RatesBySize } from './profile/kernel-rates.ts';
export type { LimitsOption } from './profile/limits-option.ts';
export type {
  CooperativeRates,
  DeviceProfile,
  KernelRates,
  ProfileCeilings,
  ProfileUploads,
  TunedKernel,
  WorkgroupRates,
} from './profile/profile.ts';
export type { ProfileName } from './profile/shipped.ts';
export { VERSION } from './version.ts';
