import { letterExtents, parseEquation } from './einsum.ts';
import { SCALAR_OPS, type ScalarOp, scalarResult } from './scalar.ts';
import { type DType, elementCount, type Shape, sameShape, type TensorType } from './tensor.ts';

/**
 * How a window runs along an axis: its tap k at position o is element `o·stride + k·dilation − low`. A negative dilation
 * reverses the taps; a negative `low` starts inside.
 */
export interface WindowSteps {
  readonly axis: number;
  readonly stride: number;
  readonly dilation: number;
  readonly low: number;
}

/** Attributes of the operations that are not elementwise. Shapes and axes refer to row-major tensors. */
export interface StructuralAttributes {
  /** A tensor that the caller hands in. */
  readonly input: { readonly name: string };
  /** The value of a parameter or optimiser state at the start of the program. */
  readonly parameter: { readonly name: string };
  /** One number at every element. */
  readonly constant: { readonly dtype: DType; readonly shape: Shape; readonly value: number };
  /** The index along `axis`, as i32. */
  readonly iota: { readonly shape: Shape; readonly axis: number };
  /** Uniform in [0, 1) from the counter-based generator; operand: step (scalar i32). The same step gives the same values. */
  readonly random: { readonly shape: Shape; readonly seed: number; readonly stream: number };
  readonly reshape: { readonly shape: Shape };
  /** Axis k of the result is axis `permutation[k]` of the operand. */
  readonly transpose: { readonly permutation: readonly number[] };
  readonly slice: { readonly starts: readonly number[]; readonly sizes: readonly number[] };
  readonly pad: {
    readonly low: readonly number[];
    readonly high: readonly number[];
    readonly value: number;
  };
  /** Axis k of the operand becomes axis `axes[k]` of the result (increasing); extents agree or are 1 in the operand. */
  readonly broadcast: { readonly shape: Shape; readonly axes: readonly number[] };
  /**
   * `axis` becomes two axes [positions, size], each position with the elements under its window (a convolution's operand);
   * `value` outside of the axis.
   */
  readonly window: WindowSteps & {
    readonly positions: number;
    readonly size: number;
    readonly value: number;
  };
  /** The transpose of `window` with zeros outside: axes [positions, size] at `axis` add up into one of `extent` (overlap-add). */
  readonly fold: WindowSteps & { readonly extent: number };
  readonly concat: { readonly axis: number };
  /** n-ary einsum; a letter that is in several operands and the output is a batch index, one in no output is summed. */
  readonly contract: { readonly equation: string };
  readonly reduceSum: { readonly axes: readonly number[] };
  readonly reduceMax: { readonly axes: readonly number[] };
  readonly reduceMin: { readonly axes: readonly number[] };
  /** (table [V, …], indices i32 […]) to indices.shape + table.shape[1..]; indices are clamped to the table. */
  readonly gather: Record<never, never>;
  /** (updates indices.shape + […], indices) to [rows, …]: rows with the same index add up; indices out of range are dropped. */
  readonly scatterAdd: { readonly rows: number };
  /** The identity, with gradient zero. */
  readonly stopGradient: Record<never, never>;
}

/** An op that is not elementwise. */
export type StructuralOp = keyof StructuralAttributes;
/** The name of any op. */
export type OpName = StructuralOp | ScalarOp;
/** By op: what a node holds besides its operands. */
export type OpAttributes = StructuralAttributes & {
  readonly [Op in ScalarOp]: Record<never, never>;
};

/** How the compiler may treat an op: where its values come from, or how its result's elements relate to its operands'. */
export type OpKind =
  | 'source'
  | 'elementwise'
  | 'view'
  | 'concat'
  | 'contraction'
  | 'reduction'
  | 'gather'
  | 'scatter';

/** A type, or a sentence without full stop that says why there is none. */
export type Inferred = TensorType | { readonly reason: string };

/** What all representations need of an op. */
export interface OpRow<Op extends OpName> {
  readonly kind: OpKind;
  /** Number of operands, or `many` for one and more. */
  readonly arity: number | 'many';
  /** The result's type, or why there is none. The number of operands is already checked. */
  readonly infer: (operands: readonly TensorType[], attributes: OpAttributes[Op]) => Inferred;
  /** Floating-point operations when run as it stands; a multiply-add counts two. */
  readonly flops: (
    operands: readonly TensorType[],
    attributes: OpAttributes[Op],
    result: TensorType,
  ) => number;
}

const free = () => 0;
const f32 = (shape: Shape): TensorType => ({ dtype: 'f32', shape });

function axesAreValid(axes: readonly number[], rank: number): boolean {
  return axes.every(
    (axis, k) =>
      Number.isInteger(axis) && axis >= 0 && axis < rank && (k === 0 || axis > axes[k - 1]),
  );
}

const reduction = (name: 'reduceSum' | 'reduceMax' | 'reduceMin'): OpRow<typeof name> => ({
  kind: 'reduction',
  arity: 1,
  infer: ([x], { axes }) => {
    if (!axesAreValid(axes, x.shape.length))
      return {
        reason: `axes ${axes} are not increasing axes of a tensor of rank ${x.shape.length}`,
      };
    return { dtype: x.dtype, shape: x.shape.filter((_, axis) => !axes.includes(axis)) };
  },
  flops: ([x]) => elementCount(x.shape),
});

const isCount = (value: number) => Number.isSafeInteger(value) && value > 0;

/** Why the steps are not those of a window along an axis of a tensor, or null. */
function badSteps({ axis, stride, dilation, low }: WindowSteps, axes: number): string | null {
  if (!axesAreValid([axis], axes)) return `axis ${axis} is out of range`;
  if (!isCount(stride)) return `the stride ${stride} is not a positive integer`;
  if (!Number.isSafeInteger(dilation) || dilation === 0)
    return `the dilation ${dilation} is not an integer other than 0`;
  return Number.isSafeInteger(low) ? null : `${low} elements of padding are no integer`;
}

const scalarRow = (op: ScalarOp): OpRow<ScalarOp> => ({
  kind: 'elementwise',
  arity: SCALAR_OPS[op].arity,
  infer: (operands) => {
    const { shape } = operands[0];
    if (!operands.every((operand) => sameShape(operand.shape, shape)))
      return { reason: 'operands differ in shape' };
    const result = scalarResult(
      op,
      operands.map((operand) => operand.dtype),
    );
    return 'reason' in result ? result : { dtype: result.dtype, shape };
  },
  flops: (_, __, result) => SCALAR_OPS[op].cost * elementCount(result.shape),
});

const STRUCTURAL: { readonly [Op in StructuralOp]: OpRow<Op> } = {
  // The types of inputs and parameters are declared, not inferred; the verifier compares them with the declarations.
  input: { kind: 'source', arity: 0, infer: () => ({ reason: 'declared' }), flops: free },
  parameter: { kind: 'source', arity: 0, infer: () => ({ reason: 'declared' }), flops: free },
  constant: {
    kind: 'source',
    arity: 0,
    infer: (_, { dtype, shape }) => ({ dtype, shape }),
    flops: free,
  },
  iota: {
    kind: 'source',
    arity: 0,
    infer: (_, { shape, axis }) =>
      axesAreValid([axis], shape.length)
        ? { dtype: 'i32', shape }
        : { reason: `axis ${axis} is out of range` },
    flops: free,
  },
  random: {
    kind: 'source',
    arity: 1,
    infer: ([step], { shape }) =>
      step.dtype === 'i32' && step.shape.length === 0
        ? f32(shape)
        : { reason: 'the step must be a scalar i32' },
    flops: (_, { shape }) => 40 * elementCount(shape),
  },
  reshape: {
    kind: 'view',
    arity: 1,
    infer: ([x], { shape }) =>
      elementCount(shape) === elementCount(x.shape)
        ? { dtype: x.dtype, shape }
        : { reason: `${elementCount(x.shape)} elements do not fill [${shape}]` },
    flops: free,
  },
  transpose: {
    kind: 'view',
    arity: 1,
    infer: ([x], { permutation }) => {
      const sorted = [...permutation].sort((a, b) => a - b);
      if (sorted.length !== x.shape.length || sorted.some((axis, k) => axis !== k))
        return { reason: `[${permutation}] is not a permutation of ${x.shape.length} axes` };
      return { dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis]) };
    },
    flops: free,
  },
  slice: {
    kind: 'view',
    arity: 1,
    infer: ([x], { starts, sizes }) => {
      const inside =
        starts.length === x.shape.length &&
        sizes.length === x.shape.length &&
        x.shape.every(
          (extent, axis) =>
            starts[axis] >= 0 && sizes[axis] > 0 && starts[axis] + sizes[axis] <= extent,
        );
      return inside
        ? { dtype: x.dtype, shape: sizes }
        : { reason: `[${starts}] + [${sizes}] is not inside [${x.shape}]` };
    },
    flops: free,
  },
  pad: {
    kind: 'view',
    arity: 1,
    infer: ([x], { low, high }) => {
      const fits =
        low.length === x.shape.length &&
        high.length === x.shape.length &&
        [...low, ...high].every((n) => n >= 0);
      return fits
        ? { dtype: x.dtype, shape: x.shape.map((extent, axis) => extent + low[axis] + high[axis]) }
        : { reason: 'one non-negative low and high per axis' };
    },
    flops: free,
  },
  broadcast: {
    kind: 'view',
    arity: 1,
    infer: ([x], { shape, axes }) => {
      const fits =
        axes.length === x.shape.length &&
        axesAreValid(axes, shape.length) &&
        axes.every((axis, k) => x.shape[k] === 1 || x.shape[k] === shape[axis]);
      return fits
        ? { dtype: x.dtype, shape }
        : { reason: `[${x.shape}] does not broadcast to [${shape}] along [${axes}]` };
    },
    flops: free,
  },
  window: {
    kind: 'view',
    arity: 1,
    infer: ([x], attributes) => {
      const { axis, positions, size } = attributes;
      const reason = badSteps(attributes, x.shape.length);
      if (reason !== null) return { reason };
      return isCount(positions) && isCount(size)
        ? { dtype: x.dtype, shape: x.shape.toSpliced(axis, 1, positions, size) }
        : { reason: `${positions} positions of ${size} elements are no window` };
    },
    flops: free,
  },
  fold: {
    kind: 'reduction',
    arity: 1,
    infer: ([x], attributes) => {
      const { axis, extent } = attributes;
      const reason = badSteps(attributes, x.shape.length - 1);
      if (reason !== null) return { reason };
      if (x.dtype !== 'f32') return { reason: `the operand must be f32, not ${x.dtype}` };
      return isCount(extent)
        ? f32(x.shape.toSpliced(axis, 2, extent))
        : { reason: `the extent ${extent} is not a positive integer` };
    },
    flops: ([x]) => elementCount(x.shape),
  },
  concat: {
    kind: 'concat',
    arity: 'many',
    infer: (operands, { axis }) => {
      const [first] = operands;
      if (axis < 0 || axis >= first.shape.length) return { reason: `axis ${axis} is out of range` };
      const agree = operands.every(
        (operand) =>
          operand.dtype === first.dtype &&
          operand.shape.length === first.shape.length &&
          operand.shape.every((extent, k) => k === axis || extent === first.shape[k]),
      );
      if (!agree) return { reason: `operands differ outside axis ${axis}` };
      const total = operands.reduce((sum, operand) => sum + operand.shape[axis], 0);
      return {
        dtype: first.dtype,
        shape: first.shape.map((extent, k) => (k === axis ? total : extent)),
      };
    },
    flops: free,
  },
  contract: {
    kind: 'contraction',
    arity: 'many',
    infer: (operands, { equation: text }) => {
      const equation = parseEquation(text);
      if ('reason' in equation) return equation;
      if (equation.operands.length !== operands.length)
        return {
          reason: `'${text}' has ${equation.operands.length} operands, ${operands.length} are given`,
        };
      if (operands.some((operand) => operand.dtype !== 'f32'))
        return { reason: 'operands must be f32' };
      const misfit = operands.findIndex(
        (operand, i) => operand.shape.length !== equation.operands[i].length,
      );
      if (misfit >= 0)
        return {
          reason: `operand ${misfit} has rank ${operands[misfit].shape.length}, '${equation.operands[misfit]}' names ${equation.operands[misfit].length}`,
        };
      const extents = letterExtents(
        equation,
        operands.map((operand) => operand.shape),
      );
      if (!(extents instanceof Map))
        return { reason: `letter '${extents.letter}' is ${extents.first} and ${extents.second}` };
      const missing = [...equation.output].find((letter) => !extents.has(letter));
      if (missing) return { reason: `output letter '${missing}' is in no operand` };
      return f32([...equation.output].map((letter) => extents.get(letter)!));
    },
    flops: (operands, { equation: text }) => {
      const equation = parseEquation(text);
      if ('reason' in equation) return 0;
      const extents = letterExtents(
        equation,
        operands.map((operand) => operand.shape),
      );
      if (!(extents instanceof Map)) return 0;
      let points = 1;
      for (const extent of extents.values()) points *= extent;
      return points * Math.max(1, operands.length);
    },
  },
  reduceSum: reduction('reduceSum') as OpRow<'reduceSum'>,
  reduceMax: reduction('reduceMax') as OpRow<'reduceMax'>,
  reduceMin: reduction('reduceMin') as OpRow<'reduceMin'>,
  gather: {
    kind: 'gather',
    arity: 2,
    infer: ([table, indices]) => {
      if (indices.dtype !== 'i32') return { reason: `indices must be i32, not ${indices.dtype}` };
      if (table.shape.length === 0) return { reason: 'the table must have at least one axis' };
      return { dtype: table.dtype, shape: [...indices.shape, ...table.shape.slice(1)] };
    },
    flops: free,
  },
  scatterAdd: {
    kind: 'scatter',
    arity: 2,
    infer: ([updates, indices], { rows }) => {
      if (indices.dtype !== 'i32' || updates.dtype !== 'f32')
        return { reason: 'updates must be f32 and indices i32' };
      const lead = updates.shape.slice(0, indices.shape.length);
      if (!sameShape(lead, indices.shape))
        return {
          reason: `updates [${updates.shape}] do not start with the shape of the indices [${indices.shape}]`,
        };
      return f32([rows, ...updates.shape.slice(indices.shape.length)]);
    },
    flops: ([updates]) => elementCount(updates.shape),
  },
  stopGradient: { kind: 'view', arity: 1, infer: ([x]) => x, flops: free },
};

const scalarRows = Object.fromEntries(
  (Object.keys(SCALAR_OPS) as ScalarOp[]).map((op) => [op, scalarRow(op)]),
) as { readonly [Op in ScalarOp]: OpRow<Op> };

/** The op table. Printer, parser, verifier, interpreter, gradient and lowering are driven by it or are tables over its names. */
export const OPS: { readonly [Op in OpName]: OpRow<Op> } = { ...STRUCTURAL, ...scalarRows };

/** All ops. */
export const OP_NAMES = Object.keys(OPS) as OpName[];

/** Whether an op computes each element from the elements at the same place. */
export function isScalarOp(op: OpName): op is ScalarOp {
  return op in SCALAR_OPS;
}

/** Row of `op` with its attribute type forgotten, for code that handles any node. */
export function opRow(op: OpName): OpRow<OpName> {
  return OPS[op] as unknown as OpRow<OpName>;
}

/** The type of a node from its operands' types, or why it has none. */
export function inferType(
  op: OpName,
  operands: readonly TensorType[],
  attributes: OpAttributes[OpName],
): Inferred {
  const row = opRow(op);
  if (row.arity === 'many' ? operands.length === 0 : operands.length !== row.arity) {
    return { reason: `takes ${row.arity} operands, not ${operands.length}` };
  }
  return row.infer(operands, attributes);
}
