import type { Kernel } from '../../../ir/kernel.ts';
import { extentOf } from '../contraction-groups.ts';
import { type Block, blockAt, epilogue, leftPackings, rightPackings } from './panel-blocks.ts';
import { type Blocks, PANEL_COLUMNS, type Piece, TILE_ROWS } from './panel-form.ts';
import { nestTime } from './plan-nest.ts';

// Prices of contractions in panels, in vector additions.

/** Parts for threads to share, if each has so many multiply-adds; what having fewer counts as, as a share of the products. */
const PARTS = { wanted: 8, points: 2 ** 20, missing: 0.02 };
/** Of an element that is copied, in vector additions; for the choice among blocks. */
const COPY = 0.8;
/** A call of a tile; a term of one, with loads, products and additions; its sums on the way to memory. */
const TILE = { call: 22, term: 18, sums: 18 };
const FOLD = 2;
/** Bytes after which a cache begins again with the same place, lines that share one, bytes of the nearest cache; what a line costs. */
const PAGE = 4096;
const WAYS = 8;
const NEAREST = 32 * 1024;
const CONFLICT = 8;

const mainPieces = ({ pieces }: Blocks) => pieces.map(([first]) => first);

/** By how much all blocks of these axes are more than those of their main pieces. */
const wholeOf = (kernel: Kernel, main: readonly Piece[], axes: readonly number[]) =>
  axes.reduce(
    (product, axis) =>
      product * (kernel.axes[axis].extent / (main[axis].iterations * main[axis].chunk)),
    1,
  );

/** All calls of tiles, in vector additions. */
function productsCost(kernel: Kernel, plan: Blocks): number {
  const { parallel, reduced, rows, terms, columns } = plan;
  const main = mainPieces(plan);
  const all = [...parallel, ...reduced];
  const points = (axes: readonly number[]) => axes.reduce((p, axis) => p * main[axis].chunk, 1);
  const blocks = all.reduce((p, axis) => p * main[axis].iterations, wholeOf(kernel, main, all));
  const tiles =
    Math.ceil(points(rows) / TILE_ROWS) * Math.ceil(main[columns].chunk / PANEL_COLUMNS);
  const each = TILE.call + TILE.term * points(terms) + TILE.sums;
  return blocks * tiles * (each + conflicts(plan, points(rows), points(terms)));
}

/**
 * What a tile waits for where its block of the left factor would stay in the nearest cache, but that rows a page apart, which share
 * the same few of its places, do not.
 */
function conflicts({ leftForm, leftInPlace }: Blocks, rows: number, terms: number): number {
  const isApart = leftForm === 'in place' && leftInPlace !== null && leftInPlace % PAGE === 0;
  if (!isApart || leftInPlace === 0 || rows <= WAYS || 4 * rows * terms > NEAREST) return 0;
  return TILE_ROWS * Math.ceil(terms / 16) * CONFLICT;
}

/** About the price of a plan, for the choice among blocks: copies count by their elements. */
export function aboutCost(kernel: Kernel, plan: Blocks): number {
  const { groups, parallel, reduced, pieces, leftForm, leftDepth, rightDepth } = plan;
  const { batch, m, n, k } = groups;
  const all = [...parallel, ...reduced];
  const steps = (axis: number) => pieces[axis].reduce((sum, { iterations }) => sum + iterations, 0);
  const copied = (own: readonly number[], depth: number) =>
    all.slice(0, depth).reduce(
      (times, axis) => {
        return own.includes(axis) ? times : times * steps(axis);
      },
      extentOf(kernel, own),
    );
  const left = leftForm === 'in place' ? 0 : copied([...batch, ...m, ...k], leftDepth);
  const right = copied([...batch, ...n, ...k], rightDepth);
  const products = productsCost(kernel, plan);
  const points = extentOf(kernel, all);
  const wanted = Math.min(PARTS.wanted, Math.floor(points / PARTS.points));
  const missing = steps(parallel[0]) < wanted ? PARTS.missing * products : 0;
  return products + COPY * (left + right) + missing;
}

/** In vector additions, as the price of loops: that of one block of each kind, as often as the kernel has points for. */
export function costOf(kernel: Kernel, plan: Blocks): number {
  const { parallel, reduced, leftDepth, rightDepth, resultInPlace } = plan;
  const main = mainPieces(plan);
  const price = (axes: readonly number[], kernels: (block: Block) => readonly Kernel[]) => {
    const block = blockAt(axes, main);
    const outer = block.loops.length;
    return (
      wholeOf(kernel, main, axes) *
      kernels(block).reduce((sum, one) => sum + nestTime(one, outer), 0)
    );
  };
  const all = [...parallel, ...reduced];
  const left = price(all.slice(0, leftDepth), (block) => leftPackings(kernel, plan, block));
  const right = price(all.slice(0, rightDepth), (block) => rightPackings(kernel, plan, block));
  const behind =
    resultInPlace === null ? price(parallel, (block) => [epilogue(kernel, plan, block)]) + FOLD : 0;
  return productsCost(kernel, plan) + left + right + behind;
}
