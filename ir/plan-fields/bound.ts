import { type Infer, named, nullable, number, object } from '../form.ts';
import { NAME } from './scalars.ts';

/** A figure of the plan beside what no plan can go below. For inspection; the runtime does not read it. */
export interface PlanBound extends Infer<typeof BOUND> {}
export const BOUND = object({
  /** What no plan for the same steps in the same order can go below, within the budget where there is one. */
  lowerBound: number(0),
  /** What the plan has. */
  value: number(0),
  /** `value / lowerBound - 1`: 0 is proof that the plan is the best; null where the lower bound is 0 and the value is not. */
  gap: nullable(number(0)),
  /** What proves the lower bound: `live sum`, `largest step`, `sum of steps`, `covering`, `integer program`. */
  method: NAME,
});

/** What is proved of the plan's bytes. */
export interface PlanByteBounds extends Infer<typeof BYTE_BOUNDS> {}
export const BYTE_BOUNDS = object({
  /** `arenaBytes`, above the live bytes of the step that has most: how well the offsets are chosen. */
  packing: named<PlanBound>(BOUND),
  /** `deviceBytes`, above the operands and results of the step that has most: what memory actions could still save. */
  step: named<PlanBound>(BOUND),
});
