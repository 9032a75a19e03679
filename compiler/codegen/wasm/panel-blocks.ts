import type { Kernel } from '../../../ir/kernel.ts';
import { type Blocks, denseStrides, PANEL_COLUMNS, type Piece, TILE_ROWS } from './panel-form.ts';
import { epilogueKernel, packingKernel, type Region, type ScratchPlace } from './panel-kernels.ts';

// What is done with the blocks of a contraction, as kernels.

/** One piece per axis, and the loops over blocks that take more than one step. */
export interface Block {
  readonly pieces: readonly Piece[];
  readonly loops: readonly number[];
}

const isLoop = ({ iterations }: Piece) => iterations > 1;

/** The blocks in which each axis is in the given piece. `loops`: the axes whose blocks are walked around it. */
export function blockAt(axes: readonly number[], pieces: readonly Piece[]): Block {
  return { pieces, loops: axes.filter((axis) => isLoop(pieces[axis])) };
}

const loopDigits = ({ pieces, loops }: Block) =>
  loops.map((axis) => ({ axis, stride: pieces[axis].chunk, extent: pieces[axis].iterations }));
const startsOf = ({ pieces }: Block) => pieces.map(({ start }) => start);
const wholeDigits = (axes: readonly number[], { pieces }: Block) =>
  axes.map((axis) => ({ axis, stride: 1, extent: pieces[axis].chunk }));

/** Elements of scratch memory of a block: one stride per digit that is no loop. */
const placed = ({ loops }: Block, offset: number, strides: readonly number[]): ScratchPlace => ({
  offset,
  strides: [...loops.map(() => 0), ...strides],
});

const scratchOf = ({ scratch }: Kernel) => scratch ?? 0;

/** Copies a block of the left factor. */
export function leftPackings(kernel: Kernel, plan: Blocks, block: Block): Kernel[] {
  const { rows, terms, layout, groups, leftForm } = plan;
  if (leftForm === 'in place') return [];
  const inner = rows.at(-1);
  if (leftForm === 'tiles' && inner !== undefined) {
    const width = { lanes: TILE_ROWS, rest: TILE_ROWS, stride: layout.leftRow };
    return packings(kernel, plan, block, groups.left, layout.left, rows.slice(0, -1), inner, width);
  }
  const chunk = (axis: number) => block.pieces[axis].chunk;
  const region: Region = {
    digits: [...loopDigits(block), ...wholeDigits(rows, block), ...wholeDigits(terms, block)],
    starts: startsOf(block),
  };
  const strides = [
    ...denseStrides(rows, chunk).map((stride) => stride * layout.leftRow),
    ...denseStrides(terms, chunk),
  ];
  const place = placed(block, layout.left, strides);
  return [packingKernel(kernel, scratchOf(kernel), groups.left, region, place)];
}

/** Copies a block of the right factor into panels. */
export function rightPackings(kernel: Kernel, plan: Blocks, block: Block): Kernel[] {
  const { columns, layout, groups } = plan;
  const { restColumns } = panelsOf(block.pieces[columns].chunk);
  const width = { lanes: PANEL_COLUMNS, rest: restColumns, stride: layout.panel };
  return packings(kernel, plan, block, groups.right, layout.right, [], columns, width);
}

/** Panels of `lanes` neighbours, `rest` in the last one if it is not full, and elements from panel to panel. */
interface Width {
  readonly lanes: number;
  readonly rest: number;
  readonly stride: number;
}

/**
 * Copies a factor into panels of neighbours along `axis`, term by term; what is left of these is one more panel, whose other
 * lanes are nobody's. Panels of the axes in `around` follow one another.
 */
function packings(
  kernel: Kernel,
  { terms }: Blocks,
  block: Block,
  factor: number,
  offset: number,
  around: readonly number[],
  axis: number,
  { lanes, rest: restLanes, stride }: Width,
): Kernel[] {
  const chunk = (one: number) => block.pieces[one].chunk;
  const panels = Math.floor(chunk(axis) / lanes);
  const rest = chunk(axis) - panels * lanes;
  const packing = (first: number, count: number, filled: number, width: number) => {
    const starts = startsOf(block);
    starts[axis] += first * lanes;
    const digits = [
      ...loopDigits(block),
      ...wholeDigits(around, block),
      ...wholeDigits(terms, block),
      ...(count > 1 ? [{ axis, stride: lanes, extent: count }] : []),
      { axis, stride: 1, extent: filled },
    ];
    const strides = [
      ...denseStrides(around, chunk).map((dense) => dense * panels * stride),
      ...denseStrides(terms, chunk).map((dense) => dense * width),
      ...(count > 1 ? [stride] : []),
      1,
    ];
    const place = placed(block, offset + first * stride, strides);
    return packingKernel(kernel, scratchOf(kernel), factor, { digits, starts }, place);
  };
  return [
    ...(panels > 0 ? [packing(0, panels, lanes, lanes)] : []),
    ...(rest > 0 ? [packing(panels, 1, rest, restLanes)] : []),
  ];
}

/** Panels of a block of columns; what is left over takes one or two vectors. */
export function panelsOf(columns: number) {
  const panels = Math.floor(columns / PANEL_COLUMNS);
  const rest = columns - panels * PANEL_COLUMNS;
  return { panels, rest, restColumns: rest > 4 ? 8 : 4 };
}

/** What follows the sums of a block. */
export function epilogue(kernel: Kernel, plan: Blocks, block: Block): Kernel {
  const { rows, columns, layout, deep } = plan;
  const chunk = (axis: number) => block.pieces[axis].chunk;
  const region: Region = {
    digits: [...loopDigits(block), ...wholeDigits(rows, block), ...wholeDigits([columns], block)],
    starts: startsOf(block),
  };
  const strides = [...denseStrides(rows, chunk).map((stride) => stride * layout.sumRow), 1];
  const place = placed(block, deep ? layout.deepSums : layout.sums, strides);
  return epilogueKernel(kernel, scratchOf(kernel), region, place);
}
