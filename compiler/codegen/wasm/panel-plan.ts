import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import { nodeOperands } from '../../../ir/kernel-cost.ts';
import { type ContractionGroups, contractionGroups, extentOf } from '../contraction-groups.ts';
import { epilogueKernel, packingKernel, type Region, type ScratchPlace } from './panel-kernels.ts';
import { nestTime } from './plan-nest.ts';

// Matrix products after Goto, van de Geijn (Anatomy of high-performance matrix multiplication, 2008): blocks of rows, columns
// and terms, of which the factors are copied into panels that the innermost loops read from end to end.

/** Columns of a panel: two vectors. */
export const PANEL_COLUMNS = 8;
/** Rows of a tile of registers. */
export const TILE_ROWS = 4;
/** Rows and columns of a block at most; smaller blocks are for kernels that may have little memory. */
const BLOCKS = [
  { rows: 64, columns: 128 },
  { rows: 64, columns: 64 },
  { rows: 64, columns: 32 },
  { rows: 32, columns: 32 },
  { rows: 16, columns: 16 },
];
/**
 * Terms of a block at most: no more than an uncut sum of cascade.ts, so that a tile's accumulators are its level 0. A panel of so
 * many terms has 8 KiB and stays in the nearest cache while all rows of a block pass it. Results depend on this number, and on
 * no other of a plan.
 */
const BLOCK_TERMS = 256;
/** Blocks of terms whose sums go to one accumulator before these are added to the next: as in cascade.ts. */
export const SUM_BLOCKS = 64;
const UNCUT_BLOCKS = 128;

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
type Blocks = Omit<PanelPlan, 'cost'>;

/** Fewer rows, columns or terms are not worth a copy. */
const LEAST = { rows: 4, columns: 4, terms: 8, points: 2 ** 14 };
/** Of the bytes that a kernel binds, what its scratch memory may take; and what it may take in any case. */
const SCRATCH_SHARE = 0.25;
const SCRATCH_FREE = 32 * 1024;

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
  return Math.max(SCRATCH_FREE / 4, SCRATCH_SHARE * bound);
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

/** A plan for each form of the left factor, in the largest blocks whose memory is at most `most`. */
function plansWith(
  kernel: Kernel,
  groups: ContractionGroups,
  columns: number,
  most: number,
): PanelPlan[] {
  const { m, k } = groups;
  if (extentOf(kernel, m) < LEAST.rows || kernel.axes[columns].extent < LEAST.columns) return [];
  if (extentOf(kernel, k) < LEAST.terms) return [];
  const plans = new Map<LeftForm, Blocks>();
  for (const block of BLOCKS)
    for (const plan of blocksWith(kernel, groups, columns, block))
      if (plan.layout.elements <= most && !plans.has(plan.leftForm)) plans.set(plan.leftForm, plan);
  return [...plans.values()].map((plan) => ({ ...plan, cost: costOf(kernel, plan) }));
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
  const parallel = [...batch, ...m, ...n].sort((a, b) => steps(b) - steps(a));
  const sumBlocks = k.reduce((product, axis) => product * steps(axis), 1);
  if (sumBlocks > SUM_BLOCKS * UNCUT_BLOCKS) return [];
  const deep = sumBlocks > UNCUT_BLOCKS;
  const leftInPlace = rowBytesOfLeft(kernel, groups, rows, terms, pieces);
  const resultInPlace = deep ? null : rowBytesOfResult(kernel, rows, columns, pieces);
  const forms: LeftForm[] = leftInPlace === null ? ['rows'] : ['in place'];
  if (leftInPlace === null && rows.length > 0 && tilesEvenly(pieces, rows)) forms.push('tiles');
  return forms.map((leftForm) => {
    const blocks = { groups, pieces, parallel, reduced: [...k], rows, terms, columns };
    const plan = { ...blocks, leftForm, leftInPlace, resultInPlace, deep };
    return { ...plan, layout: layoutOf(plan) };
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

const largest = (pieces: readonly Piece[]) => pieces[0].chunk;

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

/** A call of a tile; a term of one, with loads, products and additions; its sums on the way to memory. */
const TILE = { call: 22, term: 18, sums: 18 };
const FOLD = 2;

/** In vector additions, as the price of loops: that of one block of each kind, as often as the kernel has points for. */
function costOf(kernel: Kernel, plan: Blocks): number {
  const { parallel, reduced, pieces, rows, terms, columns, resultInPlace } = plan;
  const main = pieces.map(([first]) => first);
  const whole = (axes: readonly number[]) =>
    axes.reduce(
      (product, axis) =>
        product * (kernel.axes[axis].extent / (main[axis].iterations * main[axis].chunk)),
      1,
    );
  const price = (axes: readonly number[], kernels: readonly Kernel[]) => {
    const loops = blockAt(axes, main).loops.length;
    return whole(axes) * kernels.reduce((sum, one) => sum + nestTime(one, loops), 0);
  };
  const all = [...parallel, ...reduced];
  const block = blockAt(all, main);
  const points = (axes: readonly number[]) => axes.reduce((p, axis) => p * main[axis].chunk, 1);
  const blocks = all.reduce((product, axis) => product * main[axis].iterations, whole(all));
  const tiles =
    Math.ceil(points(rows) / TILE_ROWS) * Math.ceil(main[columns].chunk / PANEL_COLUMNS);
  const products = blocks * tiles * (TILE.call + TILE.term * points(terms) + TILE.sums);
  const left = price(all, leftPackings(kernel, plan, block));
  const right = price(all, rightPackings(kernel, plan, block));
  const behind =
    resultInPlace === null
      ? price(parallel, [epilogue(kernel, plan, blockAt(parallel, main))]) + FOLD
      : 0;
  return products + left + right + behind;
}
