import { elementCount, type Shape } from '../../ir/tensor.ts';

/**
 * How a value is cut into equal parts: `axis` counts `outer · parts · inner` elements, and the middle digit of an index says in
 * which part it is. Of a batch that is the first axis, `outer` is 1 and `inner` the examples of a part; other values come from reshapes.
 */
export interface Layout {
  readonly axis: number;
  readonly outer: number;
  readonly inner: number;
}

export const sameLayout = (a: Layout, b: Layout): boolean =>
  a.axis === b.axis && a.outer === b.outer && a.inner === b.inner;

/** The shape of one part. */
export const partShape = (shape: Shape, { axis, outer, inner }: Layout): Shape =>
  shape.with(axis, outer * inner);

/** The shape with the cut axis as three: outer, parts, inner. */
export const digitShape = (shape: Shape, { axis, outer, inner }: Layout, parts: number): Shape =>
  shape.toSpliced(axis, 1, outer, parts, inner);

/** The layout of the same elements in another shape; null where no axis of that holds the digit of the parts as one. */
export function reshapedLayout(
  from: Shape,
  { axis, outer, inner }: Layout,
  to: Shape,
  parts: number,
): Layout | null {
  const before = elementCount(from.slice(0, axis)) * outer;
  const after = inner * elementCount(from.slice(axis + 1));
  let leading = 1;
  let trailing = elementCount(to);
  for (let at = 0; at < to.length; at++) {
    trailing /= to[at];
    if (before % leading === 0 && after % trailing === 0) {
      const found = { axis: at, outer: before / leading, inner: after / trailing };
      if (found.outer * parts * found.inner === to[at]) return found;
    }
    leading *= to[at];
  }
  return null;
}
