import { DTYPES } from './dtypes.ts';
import type { PlanInput } from './plan.ts';
import type { IndexRange, PartAxis } from './plan-fields/program.ts';
import { elementCount, rowMajorStrides, type Shape } from './tensor.ts';

export type { IndexRange, PartAxis } from './plan-fields/program.ts';

/** The last index of an axis, and no more than an index can be: indices are i32. */
export const lastIndex = (extent: number): number => Math.min(extent - 1, DTYPES.i32.greatest);

/** Whether an index, cut to an integer, is in a range or one of its exceptions. */
export function isAllowed({ low, high, except }: IndexRange, value: number): boolean {
  const index = Math.trunc(value);
  return (index >= low && index < high) || (except?.includes(index) ?? false);
}

/** `from 0 to 9`, `from 0 to 9 or -1`. */
export function formatIndexRange({ low, high, except = [] }: IndexRange): string {
  return [`from ${low} to ${high - 1}`, ...except].join(' or ');
}

/** `[:, 0]`, `[:, 1:9:2]` in numpy's notation. */
export function formatPart(part: readonly PartAxis[], shape: Shape): string {
  const axes = part.map(([start, count, step], axis) => {
    if (start === 0 && count === shape[axis] && step === 1) return ':';
    if (count === 1) return String(start);
    return `${start}:${start + (count - 1) * step + 1}${step > 1 ? `:${step}` : ''}`;
  });
  return `[${axes.join(', ')}]`;
}

/** `index from 0 to 9`, `[:, 0] index from 0 to 9`: the ranges of an input, for people. */
export function indexNotes({ ranges = [], shape }: Pick<PlanInput, 'ranges' | 'shape'>): string[] {
  return ranges.map(
    (range) =>
      `${range.part ? `${formatPart(range.part, shape)} ` : ''}index ${formatIndexRange(range)}`,
  );
}

/** What both ranges allow, for the elements of the first; empty ranges have `high` = `low`. */
export function intersect(a: IndexRange, b: IndexRange): IndexRange {
  const low = Math.max(a.low, b.low);
  const high = Math.max(low, Math.min(a.high, b.high));
  const candidates = [...(a.except ?? []), ...(b.except ?? [])];
  const except = [...new Set(candidates)].filter(
    (value) => isAllowed(a, value) && isAllowed(b, value) && !(value >= low && value < high),
  );
  return {
    low,
    high,
    ...(except.length > 0 ? { except } : {}),
    ...(a.part ? { part: a.part } : {}),
  };
}

/** The index along every axis of an element in row-major order. */
export function positionOf(element: number, shape: Shape): number[] {
  const at = new Array<number>(shape.length);
  let rest = element;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    at[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return at;
}

/** Calls `visit` with the row-major number of every element of a part, in order, until it returns false. */
export function visitPart(
  part: readonly PartAxis[],
  shape: Shape,
  visit: (element: number) => boolean,
): void {
  const strides = rowMajorStrides(shape);
  const at = new Array<number>(part.length).fill(0);
  let element = part.reduce((sum, [start], axis) => sum + start * strides[axis], 0);
  for (let left = elementCount(part.map(([, count]) => count)); left > 0; left--) {
    if (!visit(element)) return;
    for (let axis = part.length - 1; axis >= 0; axis--) {
      const [, count, step] = part[axis];
      element += step * strides[axis];
      if (++at[axis] < count) break;
      at[axis] = 0;
      element -= count * step * strides[axis];
    }
  }
}

/** The first range of an input that is not sound, and why; null where all are. */
export function indexRangesError({
  ranges = [],
  shape,
  default: initial,
  counter,
}: Pick<PlanInput, 'ranges' | 'shape' | 'default' | 'counter'>): [number, string] | null {
  for (const [k, range] of ranges.entries()) {
    const reason = counter
      ? 'the session counts this input, so that nobody gives its values'
      : rangeError(range, shape);
    if (reason !== null) return [k, reason];
    if (initial !== null && !isAllowed(range, initial))
      return [k, `the default ${initial} is not ${formatIndexRange(range)}`];
  }
  return null;
}

function rangeError({ low, high, except = [], part }: IndexRange, shape: Shape): string | null {
  if (low >= high) return `from ${low} to ${high - 1} there is no value`;
  const inside = except.find((value) => value >= low && value < high);
  if (inside !== undefined) return `the exception ${inside} is in the range`;
  if (new Set(except).size < except.length) return 'an exception is named twice';
  if (!part) return null;
  if (part.length !== shape.length)
    return `the part has ${part.length} axes, the input ${shape.length}`;
  const axis = part.findIndex(
    ([start, count, step], k) => !(count > 0 && step > 0 && start + (count - 1) * step < shape[k]),
  );
  return axis < 0 ? null : `the part does not lie along axis ${axis} of extent ${shape[axis]}`;
}
