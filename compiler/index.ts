/** btc: compiles a neural network written in TypeScript into a memory-planned schedule. */

export * from './decompose/index.ts';
export type { Category, Diagnostic } from './diagnostics.ts';
export { compile, exportOnnx, exportStableHlo, planModel } from './driver/api.ts';
export type {
  ExportOptions,
  OnnxResult,
  StableHloOptions,
  StableHloResult,
} from './driver/export-options.ts';
export type { PassName } from './driver/pass-names.ts';
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
export {
  formatDot,
  type Inspection,
  inspectPlan,
  type PlanGraphNode,
  planGraph,
} from './inspect/index.ts';
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
  RecomputeStrategy,
  SwapPolicy,
  TileChoice,
} from './plan-search/actions/choices.ts';
export type { DeviceLimits } from './profile/device-limits.ts';
export type { DeviceProfile } from './profile/profile.ts';
export type { ProfileName } from './profile/shipped.ts';
export { VERSION } from './version.ts';
