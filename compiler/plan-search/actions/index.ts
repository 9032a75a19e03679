import { KEEP, type Method, RECOMPUTE, SWAP } from '../decisions.ts';
import type { GraphAction, ScheduleAction } from './action.ts';
import { fewerParts } from './fewer-parts.ts';
import { half } from './half.ts';
import { keep } from './keep.ts';
import { microBatch } from './micro-batch.ts';
import { recompute } from './recompute.ts';
import { reorder } from './reorder.ts';
import { separate } from './separate.ts';
import { slice } from './slice.ts';
import { split } from './split.ts';
import { swap } from './swap.ts';
import { tiles } from './tiles.ts';

export type { ActionOption, GraphAction, GraphSpace, Residency, ScheduleAction } from './action.ts';
export {
  HALF_CHOICES,
  type HalfActivations,
  MICRO_BATCH_CHOICES,
  type MicroBatches,
  RECOMPUTE_STRATEGIES,
  type RecomputeStrategy,
  SWAP_POLICIES,
  type SwapPolicy,
  TILE_CHOICES,
  type TileChoice,
} from './choices.ts';

/** By method: a method without a row is an error of types. */
const BY_METHOD: Readonly<Record<Method, ScheduleAction>> = {
  [KEEP]: keep,
  [RECOMPUTE]: recompute,
  [SWAP]: swap,
};

/** In the order of their methods, which decides between actions of equal cost. */
export const SCHEDULE_ACTIONS: readonly ScheduleAction[] = Object.values(BY_METHOD);

/** From the one that costs least to the dearest: a search tries them in this order. */
export const GRAPH_ACTIONS: readonly GraphAction[] = [
  separate,
  fewerParts,
  slice,
  reorder,
  tiles,
  half,
  microBatch,
  split,
];

/** All that a search may do to keep a budget. */
export const ACTIONS: readonly (GraphAction | ScheduleAction)[] = [
  ...GRAPH_ACTIONS,
  ...SCHEDULE_ACTIONS,
];
