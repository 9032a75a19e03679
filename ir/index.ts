/** The representations that flow through btc: graphs, kernels, schedules and plans; print, parse, verify, interpret. */
export { type AllocationChecks, verifyAllocated } from './allocated-verify.ts';
export * from './dtypes.ts';
export * from './einsum.ts';
export * from './graph.ts';
export * from './graph-text.ts';
export * from './index-range.ts';
export * from './interpret.ts';
export * from './kernel.ts';
export { type KernelCost, kernelCost } from './kernel-cost.ts';
export { interpretKernel } from './kernel-interpret.ts';
export { parseKernel, printKernel } from './kernel-text.ts';
export { verifyKernel } from './kernel-verify.ts';
export { type ModuleChecks, verifyModule } from './module-verify.ts';
export * from './ops.ts';
export * from './plan.ts';
export {
  PLAN_FEATURES,
  type PlanFeature,
  planFeatures,
  planMatrices,
  planSubgroupSize,
} from './plan-features.ts';
export { type PlanLimits, planLimits } from './plan-limits.ts';
export { type PlanRead, readPlan, verifyPlan } from './plan-verify.ts';
export { type AddedField, PLAN_VERSION } from './plan-version.ts';
export * from './random.ts';
export * from './safetensors.ts';
export type { SafetensorsEntry } from './safetensors-header.ts';
export * from './scalar.ts';
export * from './schedule.ts';
export type { Handover } from './schedule-flow.ts';
export { sameMeaning } from './schedule-meaning.ts';
export type { MeantSchedule } from './schedule-memory.ts';
export { parseSchedule, printSchedule } from './schedule-text.ts';
export { type ScheduleChecks, verifySchedule } from './schedule-verify.ts';
export * from './source.ts';
export { isTarget, TARGET_NAMES, TARGET_RULES, type TargetRules } from './targets.ts';
export * from './tensor.ts';
export * from './verify.ts';
