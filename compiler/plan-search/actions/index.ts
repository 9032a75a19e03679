import type { GraphAction, ScheduleAction } from './action.ts';
import { keep } from './keep.ts';
import { recompute } from './recompute.ts';
import { reorder } from './reorder.ts';
import { slice } from './slice.ts';
import { swap } from './swap.ts';

export type { ActionOption, GraphAction, Residency, ScheduleAction } from './action.ts';
export { RECOMPUTE_STRATEGIES, type RecomputeStrategy } from './recompute.ts';
export { SWAP_POLICIES, type SwapPolicy } from './swap.ts';

/** By method, the cheaper of equal ones first. */
export const SCHEDULE_ACTIONS: readonly ScheduleAction[] = [keep, recompute, swap];

/** From the one that costs least to the dearest: a search tries them in this order. */
export const GRAPH_ACTIONS: readonly GraphAction[] = [slice, reorder];

/** All that a search may do to keep a budget. */
export const ACTIONS: readonly (GraphAction | ScheduleAction)[] = [
  ...GRAPH_ACTIONS,
  ...SCHEDULE_ACTIONS,
];
