import { eachBoxNear } from './box-grid.ts';

/** Rectangles over steps and bytes: x from a step's begin (its index) to its end (one more), y in bytes. */
export interface Boxes {
  readonly count: number;
  readonly x0: Float64Array;
  readonly x1: Float64Array;
  readonly y0: Float64Array;
  readonly y1: Float64Array;
  /** Index of the tensor that it is of. */
  readonly tensor: Int32Array;
  /** Index into MEMORY_KINDS. */
  readonly kind: Uint8Array;
  /** 1 where it holds what was there before: recomputed or swapped in. */
  readonly isCopy: Uint8Array;
}

/** One of them. */
export interface Box {
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
  readonly tensor: number;
  readonly kind: number;
  readonly isCopy: boolean;
}

/** Boxes in the order in which they are drawn. */
export function packBoxes(list: readonly Box[]): Boxes {
  return {
    count: list.length,
    x0: Float64Array.from(list, ({ x0 }) => x0),
    x1: Float64Array.from(list, ({ x1 }) => x1),
    y0: Float64Array.from(list, ({ y0 }) => y0),
    y1: Float64Array.from(list, ({ y1 }) => y1),
    tensor: Int32Array.from(list, ({ tensor }) => tensor),
    kind: Uint8Array.from(list, ({ kind }) => kind),
    isCopy: Uint8Array.from(list, ({ isCopy }) => Number(isCopy)),
  };
}

/** The box at a point, or the nearest within a distance that is less than a person can aim; -1 for none. Of several, the last. */
export function boxAt(
  boxes: Boxes,
  x: number,
  y: number,
  reach: { readonly x: number; readonly y: number },
): number {
  const { x0, x1, y0, y1 } = boxes;
  let best = -1;
  let least = 1;
  eachBoxNear(boxes, x, y, reach, (box) => {
    const dx = Math.max(0, x0[box] - x, x - x1[box]) / reach.x;
    const dy = Math.max(0, y0[box] - y, y - y1[box]) / reach.y;
    const distance = Math.max(dx, dy);
    if (distance < least || (distance === least && box > best && best >= 0))
      [best, least] = [box, distance];
  });
  return best;
}
