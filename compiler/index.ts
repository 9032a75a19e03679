/** btc: compiles a neural network written in TypeScript into a memory-planned schedule. */
export { compile, type ModelSource } from './compile.ts';
export * from './decompose/index.ts';
export type { Category, Diagnostic } from './diagnostics.ts';
export * from './frontend/index.ts';
export {
  formatDot,
  type Inspection,
  inspectPlan,
  type PlanGraphNode,
  planGraph,
} from './inspect.ts';
export type { RecomputeStrategy, SwapPolicy } from './memory/index.ts';
export type { PassName, PassPrinter } from './pipeline.ts';
export type { DeviceProfile } from './profile/profile.ts';
export type {
  CompiledPlan,
  CompileOptions,
  CompileResult,
  FailedCompilation,
} from './result.ts';
export { VERSION } from './version.ts';
