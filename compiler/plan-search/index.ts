export {
  ACTIONS,
  type ActionOption,
  GRAPH_ACTIONS,
  MICRO_BATCH_CHOICES,
  type MicroBatches,
  RECOMPUTE_STRATEGIES,
  type RecomputeStrategy,
  SCHEDULE_ACTIONS,
  SWAP_POLICIES,
  type SwapPolicy,
} from './actions/index.ts';
export type { ExactSearch } from './exact/choice.ts';
export { loadSolver, NoExact } from './exact/solve.ts';
export type { FeasibleBudget } from './fit.ts';
export type { ContractionBound, GraphKnobs } from './knobs.ts';
export type { ActionSet } from './memory-actions.ts';
export type { ChosenActions, PlacementOptions, SchedulePasses } from './placement.ts';
export { emitChosen } from './placement.ts';
export type { ScheduleBounds } from './plan-bounds.ts';
export {
  type ActionOptions,
  type MemoryOptions,
  type MemoryPlan,
  planMemory,
} from './plan-memory.ts';
export { type PlanSearch, type SearchOptions, type SmallestPlan, searchPlans } from './search.ts';
