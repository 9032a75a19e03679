// The runtime: loads a plan, runs it, keeps its parameters. No dependency; browsers, Node and Deno alike.
export type { Plan, PlanInput, PlanOutput, PlanProgram, PlanTensor, Target } from '../ir/plan.ts';
export type {
  CopyTime,
  RunTime,
  SessionTrace,
  StepTime,
  TimeSpan,
  TraceClock,
} from '../ir/trace.ts';
export { load } from './any-target.ts';
export type { Address as BuildAddress, BuildBase, BuildFiles, Href } from './build-files.ts';
export { type BuiltLoadOptions, type BuiltModel, loadBuilt } from './built.ts';
export { requestDevice } from './device.ts';
export { RuntimeError, type RuntimeErrorCode } from './errors.ts';
export type {
  BufferUse,
  DeviceRange,
  Executor,
  Handed as HandedRun,
  TensorData,
  Value as TensorValue,
  Wanted as WantedOutput,
} from './executor.ts';
export type {
  BatchOptions,
  PartialBatches,
  PartialReport,
  RunsPrograms,
} from './fit/batch-runner.ts';
export type { Batches, StopSignal } from './fit/batches.ts';
export { type Evaluation, evaluate } from './fit/evaluate.ts';
export { fit } from './fit/fit.ts';
export type { FitOptions, FitResult, FitStep } from './fit/loop.ts';
export type { Batch } from './fit/partial-batch.ts';
export * from './fit/schedules.ts';
export type { FoundGpu } from './gpu.ts';
export type {
  Gpu,
  GpuAdapterLike,
  GpuBuffer,
  GpuBufferLike,
  GpuBufferRange,
  GpuDevice,
  GpuDeviceLike,
  GpuFeaturesLike,
  GpuInfoLike,
  GpuLike,
  GpuMatrixLike,
  StandardFeature,
} from './gpu-types.ts';
export type { HostOptions, HostStore } from './host-store.ts';
export type {
  CompileOptions,
  LoadOptions,
  LoadProgress,
  OpenedTarget,
  TargetModule,
  TargetModules,
  TraceOptions,
} from './load.ts';
export type { MemoryLimits } from './memory-limits.ts';
export type { Restored, RestoreOptions } from './restore.ts';
export type {
  OutputPlace,
  PlacedOutput,
  ReadOptions,
  RunInput,
  RunOptions,
  RunOutputs,
  Session,
} from './session.ts';
export type {
  FurtherArrays,
  FurtherElements,
  NestedOf,
  ProgramTypes,
  ReadOutputs,
  TypedArrays,
  TypedInput,
  TypedOutput,
  TypedPlaces,
  TypedRunOutputs,
  TypedSession,
} from './typed.ts';
export type { NarrowIntegers, NestedNumbers, TensorInput } from './values.ts';
export type { BlobLike } from './weights/byte-source.ts';
export type { Weights as WeightsToLoad } from './weights/from-weights.ts';
export type { ForeignOptions } from './weights/options.ts';
export type { WeightsReader, WeightsTensor } from './weights/reader.ts';
export type { SaveOptions } from './weights/save.ts';
export type { WorkerLoadOptions } from './worker-client.ts';
