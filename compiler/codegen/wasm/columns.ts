import { isFloat, STORAGE_TYPES } from '../../../ir/dtypes.ts';
import { type Kernel, pointCount } from '../../../ir/kernel.ts';
import { kernelBody } from '../../../ir/kernel-text.ts';
import { rememberByText } from '../../../ir/remember.ts';
import { type Analysis, analyse } from './analysis.ts';
import { blockKernel } from './column-kernels.ts';
import { nestTime } from './plan-nest.ts';

// Reductions whose terms lie far apart, as the sums of columns. With a point's accumulators in registers, a thread walks down a few
// columns at a time, and of each page in turn it takes a line or three. Row by row instead, memory is read as it lies: a stretch of
// columns has its accumulators in scratch memory, to which some rows at a time are added. What is done with a block of rows, before all
// of them and behind them, are derived kernels over the reduction's own expressions.

/** Rows that are combined in registers before the accumulators are touched. */
export const ROWS = 8;
/** Columns of a stretch: a page of memory or so, while the accumulators stay in the first cache. */
const MOST_COLUMNS = 1024;
const LEAST_COLUMNS = 16;
/** Columns of which halves take a tenth longer than the whole on one thread. */
const SHARED_COLUMNS = 1024;
const LEAST_ROWS = 32;
/** Bytes from row to row from which on it matters, and of all rows: what the second cache does not hold. */
const FAR = 1024;
const LEAST_BYTES = 1 << 19;
/** Blocks of rows that a level of accumulators takes in before it is added to the next, and levels above it. */
export const BLOCKS = [16, 64];

/** How a reduction goes row by row. */
export interface ColumnPlan {
  /** Parallel axes: those around, and the one along which rows lie in memory, in stretches of so many columns. */
  readonly outer: readonly number[];
  readonly columns: number;
  readonly stretch: number;
  /** Reduced axes: those around, and the one whose rows are taken in blocks. */
  readonly around: readonly number[];
  readonly rows: number;
  /** Levels of accumulators. */
  readonly levels: number;
  /** Of scratch memory. */
  readonly elements: number;
  readonly cost: number;
}

const remembered = rememberByText<ColumnPlan | null>(4096);

/** The plan of a kernel of which that is the best way; null for others. */
export function planColumns(kernel: Kernel): ColumnPlan | null {
  if (kernel.staging || kernel.reductions.length === 0) return null;
  return remembered(kernelBody(kernel), () => findPlan(kernel));
}

function findPlan(kernel: Kernel): ColumnPlan | null {
  const { axes, nodes, reductions, stores } = kernel;
  const dtypes = new Set(reductions.map(({ value }) => nodes[value].dtype));
  if (dtypes.size > 1 || stores.some(({ indirect }) => indirect)) return null;
  const analysis = analyse(kernel);
  const { parallel, reduced } = analysis.axes;
  const rows = reduced.reduce((a, b) => (axes[b].extent > axes[a].extent ? b : a));
  const columns = columnsOf(kernel, analysis, rows);
  if (columns === null) return null;
  if (axes[rows].extent < LEAST_ROWS || axes[columns].extent < LEAST_COLUMNS) return null;
  const stretch = stretchOf(axes[columns].extent);
  const blocks = pointCount(kernel, 'reduced') / ROWS;
  const [first, second] = BLOCKS;
  const rounds = isFloat([...dtypes][0]) && reductions.some(({ combiner }) => combiner === 'sum');
  const levels = !rounds || blocks <= 2 * first ? 1 : blocks <= 2 * first * second ? 2 : 3;
  const plan = {
    ...{ columns, stretch, rows, levels },
    outer: parallel.filter((axis) => axis !== columns),
    around: reduced.filter((axis) => axis !== rows),
    elements: stretch * levels * reductions.length,
  };
  const scratch = kernel.scratch ?? kernel.buffers.length;
  const block = blockKernel(kernel, plan, scratch, openAxes(kernel, plan, false), 0, ROWS);
  return { ...plan, cost: nestTime(block, block.axes.length - 2) };
}

/** The axis along which every term that varies from point to point lies in memory, and far from the next one; else null. */
function columnsOf(
  kernel: Kernel,
  { under, alive, depends, axes }: Analysis,
  rows: number,
): number | null {
  const isLong = (axis: number) => kernel.axes[axis].extent > 1;
  const parallel = axes.parallel.filter(isLong);
  const reduced = axes.reduced.filter(isLong);
  if (parallel.length === 0 || reduced.length === 0) return null;
  const loads = kernel.nodes.flatMap((node, k) =>
    node.kind === 'load' && under[k] && alive[k] ? [{ node, depends: depends[k] }] : [],
  );
  // A factor of many points is better kept in registers.
  const isWhole = (one: (typeof loads)[number]) => parallel.every((axis) => one.depends[axis]);
  const isOfRows = (one: (typeof loads)[number]) => parallel.every((axis) => !one.depends[axis]);
  if (
    !loads.every(
      (one) => isWhole(one) || isOfRows(one) || reduced.every((axis) => !one.depends[axis]),
    )
  )
    return null;
  const whole = loads.filter((one) => isWhole(one) && reduced.every((axis) => one.depends[axis]));
  const columns = parallel.find((axis) =>
    whole.some(({ node }) => node.index.coefficients[axis] === 1),
  );
  if (columns === undefined) return null;
  const elementBytes = (buffer: number) => STORAGE_TYPES[kernel.buffers[buffer].dtype].bytes;
  const fits = whole.every(
    ({ node: { index, indirect, bounds, buffer } }) =>
      !indirect &&
      bounds.length === 0 &&
      index.coefficients[columns] === 1 &&
      elementBytes(buffer) * Math.abs(index.coefficients[rows]) >= FAR &&
      elementBytes(buffer) * kernel.buffers[buffer].elements >= LEAST_BYTES,
  );
  return fits ? columns : null;
}

/** The largest divisor of a number of columns that is a stretch, of two at least where halves are long: these two threads share. */
function stretchOf(count: number): number {
  const least = count >= SHARED_COLUMNS ? 2 : 1;
  for (
    let parts = Math.max(least, Math.ceil(count / MOST_COLUMNS));
    parts <= count / LEAST_COLUMNS;
    parts++
  )
    if (count % parts === 0) return count / parts;
  return count;
}

/** A loop around derived kernels: it steps by `stride` along an axis of the reduction. */
export interface OpenAxis {
  readonly axis: number;
  readonly stride: number;
  readonly extent: number;
}

/** The loops over points, or those over blocks of rows behind them as well. */
export function openAxes(
  { axes }: Kernel,
  {
    outer,
    columns,
    stretch,
    around,
    rows,
  }: Pick<ColumnPlan, 'outer' | 'columns' | 'stretch' | 'around' | 'rows'>,
  ofPoints: boolean,
): OpenAxis[] {
  const whole = (axis: number): OpenAxis => ({ axis, stride: 1, extent: axes[axis].extent });
  const points = [
    ...outer.map(whole),
    { axis: columns, stride: stretch, extent: axes[columns].extent / stretch },
  ];
  if (ofPoints) return points;
  const blocks = { axis: rows, stride: ROWS, extent: Math.floor(axes[rows].extent / ROWS) };
  return [...points, ...around.map(whole), blocks];
}
