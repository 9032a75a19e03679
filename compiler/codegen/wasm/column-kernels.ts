import {
  type Affine,
  type Axis,
  combinerIdentity,
  type Expression,
  type Kernel,
  type Store,
} from '../../../ir/kernel.ts';
import { mapAffines } from '../../../ir/kernel-affines.ts';
import { mapOperands } from '../../../ir/kernel-operands.ts';
import type { ScalarOp } from '../../../ir/scalar.ts';
import type { ColumnPlan, OpenAxis } from './columns.ts';

// What a reduction row by row does, as kernels of their own over its expressions.

type Form = Pick<ColumnPlan, 'columns' | 'stretch' | 'rows' | 'levels'>;

/** Where a derived kernel stands: its axes, and its affines by those of the reduction. */
interface Place {
  readonly axes: readonly Axis[];
  readonly affine: (given: Affine) => Affine;
  /** Of an accumulator: by level of a reduction. */
  readonly accumulator: (reduction: number, level: number) => Affine;
}

function placeOf(
  { columns, stretch, rows, levels }: Form,
  open: readonly OpenAxis[],
  firstRow: number,
  rowCount: number | null,
): Place {
  const steps = [
    ...open,
    { axis: columns, stride: 1, extent: stretch },
    ...(rowCount === null ? [] : [{ axis: rows, stride: 1, extent: rowCount }]),
  ];
  return {
    axes: steps.map(({ extent }, k) => ({
      extent,
      kind: k === open.length + 1 ? 'reduced' : 'parallel',
    })),
    affine: ({ offset, coefficients }) => ({
      offset: offset + coefficients[rows] * firstRow,
      coefficients: steps.map(({ axis, stride }) => coefficients[axis] * stride),
    }),
    accumulator: (reduction, level) => ({
      offset: stretch * (reduction * levels + level),
      coefficients: steps.map((_, k) => Number(k === open.length)),
    }),
  };
}

const OPS: Readonly<Record<Kernel['reductions'][number]['combiner'], ScalarOp>> = {
  sum: 'add',
  max: 'max',
  min: 'min',
};

/** A kernel beside `kernel` whose scratch memory holds accumulators. */
function derived(
  kernel: Kernel,
  scratch: number,
  axes: readonly Axis[],
  body: Pick<Kernel, 'nodes' | 'reductions' | 'stores'>,
): Kernel {
  const { dtype } = kernel.nodes[kernel.reductions[0].value];
  const buffers = [...kernel.buffers];
  buffers[scratch] = { dtype, access: 'read_write', elements: buffers[scratch]?.elements ?? 1 };
  return { name: kernel.name, axes, buffers, ...body };
}

const store = (buffer: number, index: Affine, value: number): Store => ({
  ...{ buffer, index, value, accumulate: false },
});

/** Takes rows from `firstRow` on into the accumulators of level 0; the last of the open loops goes over blocks of rows. */
export function blockKernel(
  kernel: Kernel,
  form: Form,
  scratch: number,
  open: readonly OpenAxis[],
  firstRow: number,
  rowCount: number,
): Kernel {
  const { axes, affine, accumulator } = placeOf(form, open, firstRow, rowCount);
  const nodes = kernel.nodes.map((node): Expression => mapAffines(node, affine));
  const stores = kernel.reductions.map(({ combiner, value }, reduction) => {
    const { dtype } = kernel.nodes[value];
    const index = accumulator(reduction, 0);
    const total = nodes.push({ kind: 'accumulator', dtype, reduction }) - 1;
    const before = nodes.push({ kind: 'load', dtype, buffer: scratch, index, bounds: [] }) - 1;
    const joined = { kind: 'apply', dtype, op: OPS[combiner], operands: [before, total] } as const;
    return store(scratch, index, nodes.push(joined) - 1);
  });
  return derived(kernel, scratch, axes, { nodes, reductions: kernel.reductions, stores });
}

/** Begins all accumulators. */
export function firstKernel(
  kernel: Kernel,
  form: Form,
  scratch: number,
  open: readonly OpenAxis[],
): Kernel {
  const { axes, accumulator } = placeOf(form, open, 0, null);
  const nodes: Expression[] = [];
  const stores = kernel.reductions.flatMap(({ combiner, value }, reduction) => {
    const { dtype } = kernel.nodes[value];
    const identity = combinerIdentity(combiner, dtype);
    const node = nodes.push({ kind: 'constant', dtype, value: identity }) - 1;
    return Array.from({ length: form.levels }, (_, level) =>
      store(scratch, accumulator(reduction, level), node),
    );
  });
  return derived(kernel, scratch, axes, { nodes, reductions: [], stores });
}

/** Adds the accumulators of a level to those of the next, and begins them anew. */
export function foldKernel(
  kernel: Kernel,
  form: Form,
  scratch: number,
  open: readonly OpenAxis[],
  level: number,
): Kernel {
  const { axes, accumulator } = placeOf(form, open, 0, null);
  const nodes: Expression[] = [];
  const stores = kernel.reductions.flatMap(({ combiner, value }, reduction) => {
    const { dtype } = kernel.nodes[value];
    const load = (at: number) =>
      nodes.push({
        kind: 'load',
        dtype,
        buffer: scratch,
        index: accumulator(reduction, at),
        bounds: [],
      }) - 1;
    const operands = [load(level + 1), load(level)];
    const joined = nodes.push({ kind: 'apply', dtype, op: OPS[combiner], operands }) - 1;
    const identity = combinerIdentity(combiner, dtype);
    const none = nodes.push({ kind: 'constant', dtype, value: identity }) - 1;
    return [
      store(scratch, accumulator(reduction, level + 1), joined),
      store(scratch, accumulator(reduction, level), none),
    ];
  });
  return derived(kernel, scratch, axes, { nodes, reductions: [], stores });
}

/** What follows the reductions. */
export function lastKernel(
  kernel: Kernel,
  form: Form,
  scratch: number,
  open: readonly OpenAxis[],
): Kernel {
  const { axes, affine, accumulator } = placeOf(form, open, 0, null);
  const nodes: Expression[] = [];
  const image: number[] = [];
  for (const node of kernel.nodes) {
    if (node.kind !== 'accumulator') {
      image.push(
        nodes.push(
          mapAffines(
            mapOperands(node, (operand) => image[operand]),
            affine,
          ),
        ) - 1,
      );
      continue;
    }
    const { dtype, reduction } = node;
    const levels = Array.from({ length: form.levels }, (_, level) => {
      const index = accumulator(reduction, level);
      return nodes.push({ kind: 'load', dtype, buffer: scratch, index, bounds: [] }) - 1;
    });
    const op = OPS[kernel.reductions[reduction].combiner];
    image.push(
      levels.reduceRight(
        (below, level) => nodes.push({ kind: 'apply', dtype, op, operands: [level, below] }) - 1,
      ),
    );
  }
  const stores = kernel.stores.map((one) => ({
    ...one,
    index: affine(one.index),
    value: image[one.value],
  }));
  return derived(kernel, scratch, axes, { nodes, reductions: [], stores });
}
