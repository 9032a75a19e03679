import {
  formatIndexRange,
  type IndexRange,
  isAllowed,
  positionOf,
  visitPart,
} from '../ir/index-range.ts';
import type { PlanInput } from '../ir/plan.ts';
import { RuntimeError } from './errors.ts';
import type { TensorData } from './executor.ts';

/**
 * Refuses values that the program would use as indices out of range, the first that there is. One pass over the elements.
 * Error: `invalid-input`.
 */
export function checkIndexRanges(
  { shape, ranges = [] }: Pick<PlanInput, 'shape' | 'ranges'>,
  data: TensorData,
  what: string,
): void {
  for (const range of ranges) {
    const element = firstOutside(range, shape, data);
    if (element < 0) continue;
    const at = shape.length === 0 ? '' : ` at [${positionOf(element, shape).join(', ')}]`;
    const given = data[element];
    throw new RuntimeError(
      'invalid-input',
      `${what} is ${given}${at}, but it ${isMask(range) ? 'must be 0 or 1' : `is used as an index ${formatIndexRange(range)}`}`,
    );
  }
}

/** Masks, and indices of two things. */
const isMask = ({ low, high, except }: IndexRange) => low === 0 && high === 2 && !except;

/** The first element of a range's part with a value that is not allowed, or -1. */
function firstOutside(range: IndexRange, shape: readonly number[], data: TensorData): number {
  const { low, high, part } = range;
  const isInside = (value: number) => (value >= low && value < high) || isAllowed(range, value);
  if (!part) {
    for (let i = 0; i < data.length; i++) if (!isInside(data[i])) return i;
    return -1;
  }
  let outside = -1;
  visitPart(part, shape, (element) => {
    if (!isInside(data[element])) outside = element;
    return outside < 0;
  });
  return outside;
}
