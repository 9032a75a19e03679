import type { Expression, Kernel, NodeIndex } from '../../../ir/kernel.ts';
import { constantAffine } from '../../../ir/kernel.ts';
import { mapOperands, mapStored } from '../../../ir/kernel-operands.ts';
import { axesOfKind, axisDependence } from '../contraction-groups.ts';
import { type Operations, plainly, total } from '../work.ts';
import { storedValues } from './expression.ts';
import { operationsOf, WORKGROUP_ACCESS } from './operations.ts';
import { neededNodes, type Quads, quadAccesses, withMore } from './points.ts';
import { byRescaling, rescaledBy } from './rescale.ts';

// A sum of products whose left factor is powers by the maximum of its row, as softmax times values: in each tile the powers take the
// place of their exponents in the array of the stage that made these, and the product goes on with them.

/** Neighbouring rows that an invocation has: the elements of a vector. */
export const ROWS = 4;

/** What the rows of such a kernel need beside the product. */
export interface Rows {
  /** The kernel with whole terms, of the rows alone: their axis, that of their terms, and the exponents in the array. */
  readonly part: Kernel;
  readonly row: number;
  readonly term: number;
  /** The load of an exponent from the array, where its power takes its place. */
  readonly load: Extract<Expression, { kind: 'load' }>;
  /** The exponents of neighbouring rows, and random numbers of these or of neighbouring terms. */
  readonly quads: Quads;
  /** Neighbouring terms that an invocation has at once. */
  readonly each: 1 | 4;
  /** The number of the maximum, and of the sums over the terms of rows. */
  readonly maximum: number;
  readonly sums: readonly number[];
  /** What the product's left factor is. */
  readonly weight: NodeIndex;
  /** The product: its left factor is in the array; behind it the maximum and the sums of rows are in arrays of their own. */
  readonly product: Kernel;
  /** The buffers that these arrays are to it, by reduction. */
  readonly arrays: ReadonlyMap<number, number>;
}

/**
 * @param part with whole terms, in tiles along `tile`
 * @param first the first of its buffers that is an array of a stage
 */
export function rowsOf(part: Kernel, tile: readonly number[], first: number): Rows | null {
  const { plain, rescaled } = byRescaling(part);
  const [maximum, ...others] = rescaledBy(part);
  if (maximum === undefined || others.length > 0 || plain.join() !== String(maximum)) return null;
  const depends = axisDependence(part);
  const isOwn = (axis: number) => !tile.includes(axis) && part.axes[axis].extent > 1;
  const own = axesOfKind(part, 'parallel').filter(isOwn);
  const terms = axesOfKind(part, 'reduced').filter((axis) => !tile.includes(axis));
  const along = (node: NodeIndex) => own.filter((axis) => depends[node][axis] === 1);
  const exponent = part.reductions[maximum].value;
  const [row, ...moreRows] = along(exponent);
  const [term, ...moreTerms] = terms;
  if (row === undefined || term === undefined || moreRows.length + moreTerms.length > 0)
    return null;
  if (part.axes[row].extent % ROWS !== 0) return null;
  const isOfRows = (node: NodeIndex) => along(node).every((axis) => axis === row);
  const sums = rescaled.filter((r) => isOfRows(part.reductions[r].value));
  const [sum, ...moreSums] = rescaled.filter((r) => !sums.includes(r));
  if (sum === undefined || moreSums.length > 0) return null;
  const factors = factorsOf(part, part.reductions[sum].value, isOfRows, (node) =>
    along(node).every((axis) => axis !== row),
  );
  if (!factors) return null;
  const { left, right } = factors;
  const nodes = [...part.nodes];
  const weight = left.length === 1 ? left[0] : nodes.push(times(left)) - 1;
  const ofRows: Kernel = { ...part, nodes };
  const needed = neededNodes(ofRows, [
    exponent,
    weight,
    ...sums.map((r) => part.reductions[r].value),
  ]);
  const loads = needed.flatMap((node) => {
    const load = nodes[node];
    return load.kind === 'load' && load.buffer >= first ? [load] : [];
  });
  const [load] = loads;
  if (!load || loads.some((one) => one !== load) || !fills(part, load, row, term)) return null;
  const isElsewhere = neededNodes(part, [right, ...storedValues(part)]).some((node) => {
    const other = part.nodes[node];
    return other.kind === 'load' && other.buffer === load.buffer;
  });
  if (isElsewhere) return null;
  const arrays = new Map([maximum, ...sums].map((r, k) => [r, part.buffers.length + k]));
  const random = needed.filter((node) => nodes[node].kind === 'random');
  const ofTerms = quadAccesses(ofRows, term, random);
  return {
    ...{ part: ofRows, row, term, load, maximum, sums, weight, arrays },
    quads: withMore(quadAccesses(ofRows, row, [nodes.indexOf(load), ...random]), ofTerms),
    each: ofTerms.draws.size > 0 ? 4 : 1,
    product: productOfRows(part, { load, right, sum, row, arrays }),
  };
}

const times = (operands: readonly NodeIndex[]): Expression => ({
  kind: 'apply',
  dtype: 'f32',
  op: 'mul',
  operands,
});

/** The factors of a product power · value, or power · (a · b), that are of rows, and the one that is not of any. */
function factorsOf(
  { nodes }: Kernel,
  value: NodeIndex,
  isOfRows: (node: NodeIndex) => boolean,
  isOfNone: (node: NodeIndex) => boolean,
): { readonly left: readonly NodeIndex[]; readonly right: NodeIndex } | null {
  const product = nodes[value];
  if (product.kind !== 'apply' || product.op !== 'mul') return null;
  const [power, rest] = product.operands;
  if (!isOfRows(power)) return null;
  if (isOfNone(rest)) return { left: [power], right: rest };
  const inner = nodes[rest];
  if (inner.kind !== 'apply' || inner.op !== 'mul') return null;
  for (const [a, b] of [inner.operands, inner.operands.toReversed()])
    if (isOfRows(a) && isOfNone(b)) return { left: [power, a], right: b };
  return null;
}

/** Whether a load goes over all of an array, rows innermost. */
function fills(
  { axes, buffers }: Kernel,
  { buffer, index, indirect, bounds }: Rows['load'],
  row: number,
  term: number,
): boolean {
  const rows = axes[row].extent;
  return (
    !indirect &&
    bounds.length === 0 &&
    index.offset === 0 &&
    index.coefficients.every((c, axis) =>
      axis === row ? c === 1 : axis === term ? c === rows : c === 0 || axes[axis].extent === 1,
    ) &&
    buffers[buffer].elements === rows * axes[term].extent
  );
}

function productOfRows(
  part: Kernel,
  {
    load,
    right,
    sum,
    row,
    arrays,
  }: Pick<Rows, 'load' | 'row' | 'arrays'> & { readonly right: NodeIndex; readonly sum: number },
): Kernel {
  const nodes: Expression[] = [];
  const add = (node: Expression) => nodes.push(node) - 1;
  const image: number[] = [];
  const ofRow = constantAffine(0, part.axes.length);
  const copied = (roots: readonly NodeIndex[]) => {
    for (const node of neededNodes(part, roots, (one) => image[one] !== undefined)) {
      const own = part.nodes[node];
      const array = own.kind === 'accumulator' ? arrays.get(own.reduction) : undefined;
      if (array !== undefined)
        image[node] = add({
          ...{ kind: 'load', dtype: 'f32', buffer: array, bounds: [] },
          index: { ...ofRow, coefficients: ofRow.coefficients.with(row, 1) },
        });
      else if (own.kind === 'accumulator') image[node] = add({ ...own, reduction: 0 });
      else image[node] = add(mapOperands(own, (operand) => image[operand]));
    }
  };
  copied([right]);
  const value = add(times([add(load), image[right]]));
  copied(storedValues(part));
  const elements = part.axes[row].extent;
  const { rescaled: _, ...reduction } = part.reductions[sum];
  return {
    ...{ ...part, nodes },
    buffers: [
      ...part.buffers,
      ...[...arrays].map(() => ({ dtype: 'f32', access: 'read_write', elements }) as const),
    ],
    reductions: [{ ...reduction, value }],
    stores: part.stores.map((store) => mapStored(store, (node) => image[node])),
  };
}

/** Invocations that share the terms of the same rows. */
export const reducersOf = ({ part, row }: Rows, workgroupSize: number): number =>
  Math.floor(workgroupSize / (part.axes[row].extent / ROWS));

/** Bytes of workgroup memory for what is known of rows. */
export function rowBytes({ part, row, arrays }: Rows, workgroupSize: number): number {
  const { extent } = part.axes[row];
  return 4 * (ROWS * workgroupSize + extent * (arrays.size + 1));
}

/** Operations for the rows of a tile. */
export function rowsWork(rows: Rows, workgroupSize: number): Operations {
  const { part, row, term, weight, sums, maximum, quads, each } = rows;
  const reducers = reducersOf(rows, workgroupSize);
  const { extent } = part.axes[term];
  // Invocations that have no more terms wait for those that do.
  const terms = Math.ceil(extent / (reducers * each)) * reducers * each;
  const elements = part.axes[row].extent * terms;
  const values = [weight, ...sums.map((r) => part.reductions[r].value)];
  const over = (roots: readonly NodeIndex[]) =>
    operationsOf(part, neededNodes(part, roots), elements, quads);
  const adding = elements * (values.length + WORKGROUP_ACCESS / ROWS);
  const combining = workgroupSize * reducers * (WORKGROUP_ACCESS + ROWS);
  return total(over([part.reductions[maximum].value]), over(values), plainly(adding + combining), {
    ...{ plain: 0, randoms: 0 },
    functions: workgroupSize * ROWS,
  });
}
