import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import { type ContractionGroups, contractionGroups, extentOf } from '../contraction-groups.ts';
import { aboutCost, costOf } from './panel-cost.ts';
import {
  type Blocks,
  denseStrides,
  type LeftForm,
  largest,
  PANEL_COLUMNS,
  type PanelPlan,
  type Piece,
  type ScratchLayout,
  SUM_BLOCKS,
  TILE_ROWS,
} from './panel-form.ts';

/** Rows and columns of a block at most; small blocks are for kernels that may have little memory, or have few parts. */
const BLOCKS = [
  ...[512, 256, 128, 64, 32, 16].map((columns) => ({ rows: 128, columns })),
  ...[512, 256, 128, 64, 32].map((columns) => ({ rows: 64, columns })),
  ...[256, 64, 32].map((columns) => ({ rows: 32, columns })),
  { rows: 16, columns: 16 },
];
/**
 * Terms of a block at most: no more than an uncut sum of cascade.ts, so that a tile's accumulators are its level 0. A panel of so
 * many terms has 8 KiB and stays in the nearest cache while all rows of a block pass it. Results depend on this number, and on
 * no other of a plan.
 */
const BLOCK_TERMS = 256;
const UNCUT_BLOCKS = 128;

/** Fewer rows, columns or terms are not worth a copy. */
const LEAST = { rows: 4, columns: 4, terms: 8, points: 2 ** 14 };
/** Of the bytes that a kernel binds, what its scratch memory may take; what it may take in any case; and a share of a cache. */
const SCRATCH_SHARE = 0.25;
const SCRATCH_FREE = 32 * 1024;
const SCRATCH_MOST = 512 * 1024;

const plans = new WeakMap<Kernel, PanelPlan | null>();

/** The cheapest way to run a kernel in panels; null where it is no contraction, or one that panels do nothing for. */
export function planPanels(kernel: Kernel): PanelPlan | null {
  let plan = plans.get(kernel);
  if (plan === undefined) {
    plan = cheapestPlan(kernel);
    plans.set(kernel, plan);
  }
  return plan;
}

function cheapestPlan(kernel: Kernel): PanelPlan | null {
  const groups = kernel.staging ? null : contractionGroups(kernel);
  if (!groups || pointCount(kernel, 'parallel') * pointCount(kernel, 'reduced') < LEAST.points)
    return null;
  if (!factorsArePure(kernel, groups)) return null;
  const { left, right, m, n } = groups;
  const most = kernel.scratch === undefined ? scratchAllowed(kernel) : scratchGiven(kernel);
  let best: PanelPlan | null = null;
  for (const turned of [groups, { ...groups, left: right, right: left, m: n, n: m }])
    for (const columns of turned.n)
      for (const plan of plansWith(kernel, turned, columns, most))
        if (plan.cost < (best?.cost ?? Number.POSITIVE_INFINITY)) best = plan;
  return best;
}

const scratchGiven = ({ buffers, scratch }: Kernel) => buffers[scratch!].elements;

function scratchAllowed({ buffers }: Kernel): number {
  const bound = buffers.reduce((sum, { elements }) => sum + elements, 0);
  return Math.min(SCRATCH_MOST / 4, Math.max(SCRATCH_FREE / 4, SCRATCH_SHARE * bound));
}

/** Blocks are read again after others were stored: what is stored may not be part of a factor. */
function factorsArePure({ nodes, stores }: Kernel, { left, right }: ContractionGroups): boolean {
  const stored = new Set(stores.map(({ buffer }) => buffer));
  const needed = new Uint8Array(nodes.length);
  needed[left] = needed[right] = 1;
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index];
    if (!needed[index]) continue;
    if (node.kind === 'load' && stored.has(node.buffer)) return false;
    for (const operand of nodeOperands(node)) needed[operand] = 1;
  }
  return true;
}

/** A plan for each form of the left factor, in the cheapest blocks whose memory is at most `most`. */
function plansWith(
  kernel: Kernel,
  groups: ContractionGroups,
  columns: number,
  most: number,
): PanelPlan[] {
  const { m, k } = groups;
  if (extentOf(kernel, m) < LEAST.rows || kernel.axes[columns].extent < LEAST.columns) return [];
  if (extentOf(kernel, k) < LEAST.terms) return [];
  const plans = new Map<LeftForm, { readonly plan: Blocks; readonly price: number }>();
  // Blocks of more than twice what there is are as those of half their size.
  const isLarger = (most: number, extent: number) => most > 32 && most >= 2 * extent;
  const blocks = BLOCKS.filter(
    (block) =>
      !isLarger(block.rows, extentOf(kernel, m)) &&
      !isLarger(block.columns, kernel.axes[columns].extent),
  );
  for (const block of blocks)
    for (const plan of blocksWith(kernel, groups, columns, block)) {
      if (plan.layout.elements > most) continue;
      const price = aboutCost(kernel, plan);
      if (price < (plans.get(plan.leftForm)?.price ?? Number.POSITIVE_INFINITY))
        plans.set(plan.leftForm, { plan, price });
    }
  return [...plans.values()].map(({ plan }) => ({ ...plan, cost: costOf(kernel, plan) }));
}

function blocksWith(
  kernel: Kernel,
  groups: ContractionGroups,
  columns: number,
  block: (typeof BLOCKS)[number],
): Blocks[] {
  const { m, n, k, batch } = groups;
  const pieces: Piece[][] = kernel.axes.map(({ extent }) => [
    { start: 0, iterations: extent, chunk: 1 },
  ]);
  pieces[columns] = cut(kernel.axes[columns].extent, block.columns, PANEL_COLUMNS);
  const rows = blockOf(kernel, m, block.rows, TILE_ROWS, pieces);
  const terms = blockOf(kernel, k, BLOCK_TERMS, 4, pieces);
  const steps = (axis: number) => pieces[axis].reduce((sum, { iterations }) => sum + iterations, 0);
  const sumBlocks = k.reduce((product, axis) => product * steps(axis), 1);
  if (sumBlocks > SUM_BLOCKS * UNCUT_BLOCKS) return [];
  const deep = sumBlocks > UNCUT_BLOCKS;
  const leftInPlace = rowBytesOfLeft(kernel, groups, rows, terms, pieces);
  const resultInPlace = deep ? null : rowBytesOfResult(kernel, rows, columns, pieces);
  const forms: LeftForm[] = leftInPlace === null ? ['rows'] : ['in place'];
  if (leftInPlace === null && rows.length > 0 && tilesEvenly(pieces, rows)) forms.push('tiles');
  // Loops of one step come last: parts are steps of the first.
  const orderOf = (axes: readonly number[]) =>
    axes.toSorted((a, b) => Number(steps(b) > 1) - Number(steps(a) > 1));
  const [rowsFirst, columnsFirst] = [
    orderOf([...batch, ...m, ...n]),
    orderOf([...batch, ...n, ...m]),
  ];
  const isSame = rowsFirst.every((axis, i) => axis === columnsFirst[i]);
  const orders = isSame ? [rowsFirst] : [rowsFirst, columnsFirst];
  return orders.flatMap((parallel) => {
    const depthOf = (axes: readonly number[]) =>
      [...parallel, ...k].findLastIndex((axis) => steps(axis) > 1 && axes.includes(axis)) + 1;
    const depths = {
      leftDepth: depthOf([...batch, ...m, ...k]),
      rightDepth: depthOf([...batch, ...n, ...k]),
    };
    return forms.map((leftForm) => {
      const blocks = { groups, pieces, parallel, reduced: [...k], rows, terms, columns, ...depths };
      const plan = { ...blocks, leftForm, leftInPlace, resultInPlace, deep };
      return { ...plan, layout: layoutOf(plan) };
    });
  });
}

/** Whether tiles of rows are neighbours along the innermost axis of a block, or all of its rows lie along one axis. */
function tilesEvenly(pieces: readonly (readonly Piece[])[], rows: readonly number[]): boolean {
  return rows.length === 1 || pieces[rows.at(-1)!].every(({ chunk }) => chunk % TILE_ROWS === 0);
}

/** Covers an axis by equal pieces of at most `most`, if it can, or by pieces and a rest. */
function cut(extent: number, most: number, unit: number): Piece[] {
  if (extent <= most) return [{ start: 0, iterations: 1, chunk: extent }];
  const fewest = Math.ceil(extent / most);
  for (let count = fewest; count <= 2 * fewest; count++)
    if (extent % (count * unit) === 0)
      return [{ start: 0, iterations: count, chunk: extent / count }];
  const chunk = Math.min(most, Math.ceil(extent / fewest / unit) * unit);
  const iterations = Math.floor(extent / chunk);
  const rest = extent - iterations * chunk;
  const main = { start: 0, iterations, chunk };
  return rest === 0 ? [main] : [main, { start: extent - rest, iterations: 1, chunk: rest }];
}

/** Cuts a group of axes into blocks of at most `most` points: inner axes whole, one in pieces. The axes of a block. */
function blockOf(
  kernel: Kernel,
  axes: readonly number[],
  most: number,
  unit: number,
  pieces: Piece[][],
): number[] {
  const block: number[] = [];
  let points = 1;
  for (const axis of axes.toReversed()) {
    const { extent } = kernel.axes[axis];
    const room = Math.floor(most / points);
    if (room < 2) break;
    pieces[axis] = cut(extent, room, points % unit === 0 ? 1 : unit);
    block.unshift(axis);
    if (extent > room) break;
    points *= extent;
  }
  return block;
}

/** By how much `coefficients` grow from point to point of a block; null where the points are not evenly spaced. */
function spacing(
  coefficients: readonly number[],
  axes: readonly number[],
  pieces: readonly (readonly Piece[])[],
): number | null {
  const strides = denseStrides(axes, (axis) => largest(pieces[axis]));
  const moved = axes.flatMap((axis, i) =>
    largest(pieces[axis]) > 1 ? [coefficients[axis] / strides[i]] : [],
  );
  return moved.every((one) => one === moved[0]) ? (moved[0] ?? 0) : null;
}

function rowBytesOfLeft(
  { nodes, buffers }: Kernel,
  { left }: ContractionGroups,
  rows: readonly number[],
  terms: readonly number[],
  pieces: readonly (readonly Piece[])[],
): number | null {
  const node = nodes[left];
  if (node.kind !== 'load' || node.indirect || node.bounds.length > 0) return null;
  if (buffers[node.buffer].dtype !== 'f32') return null;
  const { coefficients } = node.index;
  const step = spacing(coefficients, rows, pieces);
  return spacing(coefficients, terms, pieces) === 1 && step !== null ? 4 * step : null;
}

/** Sums may be written where the result is nothing else, and vectors of it are neighbours. */
function rowBytesOfResult(
  { nodes, stores, buffers }: Kernel,
  rows: readonly number[],
  columns: number,
  pieces: readonly (readonly Piece[])[],
): number | null {
  const [store, ...others] = stores;
  if (others.length > 0 || store.indirect || nodes[store.value].kind !== 'accumulator') return null;
  const { access, dtype } = buffers[store.buffer];
  if (access !== 'write' || dtype !== 'f32' || store.index.coefficients[columns] !== 1) return null;
  if (pieces[columns].some(({ chunk }) => chunk % 4 !== 0)) return null;
  const step = spacing(store.index.coefficients, rows, pieces);
  return step === null ? null : 4 * step;
}

const roundUp = (count: number, unit: number) => Math.ceil(count / unit) * unit;

function layoutOf(plan: Omit<Blocks, 'layout'>): ScratchLayout {
  const { pieces, rows, terms, columns, leftForm, resultInPlace, deep } = plan;
  const product = (axes: readonly number[]) =>
    axes.reduce((points, axis) => points * largest(pieces[axis]), 1);
  const [rowCount, termCount] = [product(rows), product(terms)];
  const columnCount = roundUp(largest(pieces[columns]), PANEL_COLUMNS);
  // Powers of two would have all rows, and all panels, in few sets of a cache.
  const leftRow = leftForm === 'tiles' ? TILE_ROWS * termCount + 16 : roundUp(termCount, 4) + 4;
  const leftRows = leftForm === 'tiles' ? Math.ceil(rowCount / TILE_ROWS) : rowCount;
  const panel = PANEL_COLUMNS * termCount + 16;
  const sumRow = columnCount + 4;
  const left = 0;
  const right = leftForm === 'in place' ? 0 : leftRows * leftRow;
  const sums = right + (columnCount / PANEL_COLUMNS) * panel;
  const sumCount = rowCount * sumRow;
  const deepSums = sums + (resultInPlace === null ? sumCount : 0);
  const elements = deepSums + (deep ? sumCount : 0);
  return { left, right, sums, deepSums, elements, leftRow, sumRow, panel };
}
