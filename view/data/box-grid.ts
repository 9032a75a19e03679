import type { Boxes } from './boxes.ts';

/** Boxes by the cells of a grid that they reach into, so that what is at a point is found without looking at all of them. */
interface Grid {
  readonly columns: number;
  /** The cell of a place, held within the grid. */
  column(x: number): number;
  row(y: number): number;
  /** Where the boxes of each cell begin in `boxes`, row by row, and behind the last cell the end. */
  readonly starts: Int32Array;
  readonly boxes: Int32Array;
}

/** Most cells along a side: what lies through a whole side is in each of them. */
const MOST_CELLS = 64;

const grids = new WeakMap<Boxes, Grid>();

/** Visits the boxes that come within a distance of a point, some of them several times, and others that are near. */
export function eachBoxNear(
  boxes: Boxes,
  x: number,
  y: number,
  reach: { readonly x: number; readonly y: number },
  visit: (box: number) => void,
): void {
  const grid = grids.get(boxes) ?? makeGrid(boxes);
  grids.set(boxes, grid);
  const [from, to] = [grid.column(x - reach.x), grid.column(x + reach.x)];
  const [low, high] = [grid.row(y - reach.y), grid.row(y + reach.y)];
  for (let row = low; row <= high; row++)
    for (let cell = row * grid.columns + from; cell <= row * grid.columns + to; cell++)
      for (let at = grid.starts[cell]; at < grid.starts[cell + 1]; at++) visit(grid.boxes[at]);
}

function makeGrid({ count, x0, x1, y0, y1 }: Boxes): Grid {
  const side = Math.min(MOST_CELLS, Math.max(1, Math.ceil(Math.sqrt(count))));
  const axis = (low: Float64Array, high: Float64Array) => {
    const least = low.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const most = high.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const scale = most > least ? side / (most - least) : 0;
    return (at: number) => Math.max(0, Math.min(side - 1, Math.floor((at - least) * scale) || 0));
  };
  const [column, row] = [axis(x0, x1), axis(y0, y1)];
  const eachCell = (box: number, visit: (cell: number) => void) => {
    const [from, to] = [column(x0[box]), column(x1[box])];
    for (let at = row(y0[box]); at <= row(y1[box]); at++)
      for (let cell = at * side + from; cell <= at * side + to; cell++) visit(cell);
  };
  const starts = new Int32Array(side * side + 1);
  for (let box = 0; box < count; box++) eachCell(box, (cell) => starts[cell + 1]++);
  for (let cell = 0; cell < side * side; cell++) starts[cell + 1] += starts[cell];
  const next = starts.slice();
  const boxes = new Int32Array(starts[side * side]);
  for (let box = 0; box < count; box++) {
    eachCell(box, (cell) => {
      boxes[next[cell]++] = box;
    });
  }
  return { columns: side, column, row, starts, boxes };
}
