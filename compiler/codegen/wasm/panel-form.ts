import type { ContractionGroups } from '../contraction-groups.ts';

// Matrix products after Goto, van de Geijn (Anatomy of high-performance matrix multiplication, 2008): blocks of rows, columns
// and terms, of which the factors are copied into panels that the innermost loops read from end to end.

/** Columns of a panel: two vectors. */
export const PANEL_COLUMNS = 8;
/** Rows of a tile of registers. */
export const TILE_ROWS = 4;
/** Blocks of terms whose sums go to one accumulator before these are added to the next: as in cascade.ts. */
export const SUM_BLOCKS = 64;

/** `iterations` blocks of `chunk` neighbours, from `start` on. */
export interface Piece {
  readonly start: number;
  readonly iterations: number;
  readonly chunk: number;
}

/** A contraction as products of panels. */
export interface PanelPlan {
  /** `left` has the rows, `right` the columns. */
  readonly groups: ContractionGroups;
  /** By axis, pieces that cover it one behind the other. */
  readonly pieces: readonly (readonly Piece[])[];
  /** The loops over blocks, outermost first. */
  readonly parallel: readonly number[];
  readonly reduced: readonly number[];
  /** The axes of a block of rows, of terms, outermost first, and that of its columns. */
  readonly rows: readonly number[];
  readonly terms: readonly number[];
  readonly columns: number;
  /** How many of the loops over blocks are open where the blocks of a factor are copied: no more than these have a say in it. */
  readonly leftDepth: number;
  readonly rightDepth: number;
  readonly leftForm: LeftForm;
  /** Bytes from row to row of the left factor and of the result, where these are read and written in place. */
  readonly leftInPlace: number | null;
  readonly resultInPlace: number | null;
  /** Whether sums of blocks are so many that they are summed in blocks themselves. */
  readonly deep: boolean;
  readonly layout: ScratchLayout;
  readonly cost: number;
}

/**
 * How tiles find the left factor: where it is; in a copy, row by row; or in a copy with the rows of each tile side by side, term by
 * term. Copies are cheap where they keep neighbours together.
 */
export type LeftForm = 'in place' | 'rows' | 'tiles';

/** Places in scratch memory, in elements of four bytes. */
export interface ScratchLayout {
  readonly left: number;
  readonly right: number;
  readonly sums: number;
  readonly deepSums: number;
  readonly elements: number;
  /** From row to row of the left factor's copy, or from tile to tile; of the sums; from panel to panel. */
  readonly leftRow: number;
  readonly sumRow: number;
  readonly panel: number;
}

/** A plan that has no price yet. */
export type Blocks = Omit<PanelPlan, 'cost'>;

/** Points of the first piece of an axis, of which none has more. */
export const largest = (pieces: readonly Piece[]) => pieces[0].chunk;

/** From point to point of a block along each of its axes, where points lie one behind the other. */
export function denseStrides(axes: readonly number[], chunkOf: (axis: number) => number): number[] {
  let stride = 1;
  return axes
    .toReversed()
    .map((axis) => {
      const own = stride;
      stride *= chunkOf(axis);
      return own;
    })
    .toReversed();
}
