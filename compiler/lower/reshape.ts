import { type Affine, type Axis, constantAffine } from '../../ir/kernel.ts';
import { append } from '../../ir/lists.ts';
import { rowMajorStrides, type Shape } from '../../ir/tensor.ts';
import { delinearise, flatten } from './affine.ts';

/** Axes of two shapes with the same elements: from the first to below the last of each. */
interface Group {
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
}

/** The finest groups of neighbouring axes that a reshape leaves apart: [6, 2, 5] to [2, 3, 10] is [6] to [2, 3] and [2, 5] to [10]. */
function groupsOf(from: Shape, to: Shape): Group[] {
  const groups: Group[] = [];
  for (let a = 0, b = 0; a < from.length || b < to.length; ) {
    const first = [a, b] as const;
    let left = a < from.length ? from[a++] : 1;
    let right = b < to.length ? to[b++] : 1;
    while (left !== right) {
      if (left < right) left *= from[a++];
      else right *= to[b++];
    }
    // Axes of extent 1 go with what stands before them.
    while (from[a] === 1 && a < from.length) a++;
    while (to[b] === 1 && b < to.length) b++;
    groups.push({ from: [first[0], a], to: [first[1], b] });
  }
  return groups;
}

/**
 * Coordinates in a value of shape `to` of the element at `coordinates` in its reshape to `from`, group by group: an axis that
 * stays as it is keeps its coordinate, be that within bounds or not.
 *
 * @returns as {@link delinearise}
 */
export function coordinatesBeforeReshape(
  coordinates: readonly Affine[],
  from: Shape,
  to: Shape,
  axes: readonly Axis[],
): ReturnType<typeof delinearise> {
  const digits: Affine[] = [];
  for (const group of groupsOf(from, to)) {
    const extents = to.slice(...group.to);
    const outer = from.slice(...group.from);
    const own = coordinates.slice(...group.from);
    const long = own.filter((_, k) => outer[k] > 1);
    if (long.length === extents.filter((extent) => extent > 1).length && long.length <= 1) {
      const zero = constantAffine(0, axes.length);
      digits.push(...extents.map((extent) => (extent > 1 ? long[0] : zero)));
      continue;
    }
    const flat = flatten(own, outer, axes.length);
    const found = delinearise(flat, axes, rowMajorStrides(extents), extents);
    if (!found || 'split' in found) return found;
    append(digits, found.digits);
  }
  return { digits };
}
