import {
  type IndexRange,
  intersect,
  type PartAxis,
  positionOf,
  visitPart,
} from '../../ir/index-range.ts';
import { elementCount, type Shape } from '../../ir/tensor.ts';

/** Sets of elements that take more boxes than this are given up. */
const MOST_PARTS = 64;

/** The marked elements as boxes: one with steps where that is all of them, else the runs along the last axis; null where there are too many. */
export function partsOf(marks: Uint8Array, shape: Shape): PartAxis[][] | null {
  const box = boxOf(marks, shape);
  if (box) return [box];
  const runs: PartAxis[][] = [];
  const width = shape[shape.length - 1];
  for (let element = 0; element < marks.length; ) {
    if (marks[element] === 0) {
      element++;
      continue;
    }
    const column = element % width;
    let length = 1;
    while (column + length < width && marks[element + length] === 1) length++;
    runs.push([...positionOf(element, shape).slice(0, -1).map(single), [column, length, 1]]);
    if (runs.length > MOST_PARTS) return null;
    element += length;
  }
  return runs;
}

const single = (start: number): PartAxis => [start, 1, 1];

/** The box with steps whose elements are exactly the marked ones, or null. */
function boxOf(marks: Uint8Array, shape: Shape): PartAxis[] | null {
  const used = shape.map((extent) => new Uint8Array(extent));
  let count = 0;
  marks.forEach((mark, element) => {
    if (mark === 0) return;
    count++;
    positionOf(element, shape).forEach((index, axis) => {
      used[axis][index] = 1;
    });
  });
  const box = used.map((positions): PartAxis | null => {
    const all = [...positions.keys()].filter((index) => positions[index] === 1);
    const step = all.length > 1 ? all[1] - all[0] : 1;
    return all.every((index, k) => index === all[0] + k * step) ? [all[0], all.length, step] : null;
  });
  if (box.some((axis) => axis === null)) return null;
  const axes = box as PartAxis[];
  return elementCount(axes.map(([, length]) => length)) === count ? axes : null;
}

/**
 * All that is noted of one input, joined: parts with the same range into one where they make a box or all of it, and one
 * range for all elements out of several.
 */
export function joinRanges(noted: readonly IndexRange[], shape: Shape): IndexRange[] {
  const groups = new Map<string, IndexRange[]>();
  for (const range of noted) {
    const key = JSON.stringify([range.low, range.high, [...(range.except ?? [])].sort()]);
    groups.set(key, [...(groups.get(key) ?? []), range]);
  }
  const joined = [...groups.values()].flatMap((group) => joinParts(group, shape));
  const everywhere = joined.filter(({ part }) => !part);
  if (everywhere.length === 0) return joined;
  const whole = everywhere.reduce(intersect);
  const narrower = joined
    .filter(({ part }) => part)
    .map((range) => intersect(range, whole))
    .filter(({ part: _, ...range }) => JSON.stringify(range) !== JSON.stringify(whole));
  return [whole, ...narrower];
}

/** Ranges that differ in their parts alone. */
function joinParts(group: readonly IndexRange[], shape: Shape): IndexRange[] {
  const [{ part: _, ...range }] = group;
  if (group.some(({ part }) => !part)) return [range];
  const marks = new Uint8Array(elementCount(shape));
  for (const { part } of group)
    visitPart(part!, shape, (element) => {
      marks[element] = 1;
      return true;
    });
  if (!marks.includes(0)) return [range];
  const parts = partsOf(marks, shape);
  return parts ? parts.map((part) => ({ ...range, part })) : [...group];
}
