import type { GraphBuilder, ValueId } from '../../ir/graph.ts';
import { lastIndex } from '../../ir/index-range.ts';
import { inferType, type OpAttributes, type OpName } from '../../ir/ops.ts';
import type { ScalarOp } from '../../ir/scalar.ts';
import { type Shape, sameShape } from '../../ir/tensor.ts';

/** Appends nodes for the gradient rules, all with the source of the forward node. Types come from the op table. */
export interface Emit {
  node<Op extends OpName>(
    op: Op,
    operands: readonly ValueId[],
    attributes: OpAttributes[Op],
  ): ValueId;
  apply(op: ScalarOp, ...operands: ValueId[]): ValueId;
  shapeOf(value: ValueId): Shape;
  constantLike(value: ValueId, number: number): ValueId;
  isConstant(value: ValueId): boolean;
  /** Whether a value is 1 everywhere. */
  isOne(value: ValueId): boolean;
  scale(value: ValueId, factor: number): ValueId;
  /** A gradient that a selection has set to 0 wherever the other branch was taken. */
  masked(gradient: ValueId): ValueId;
  /** A gradient times a slope. Where a selection has set it to 0 it stays 0, whatever the slope of a branch that was not taken. */
  times(gradient: ValueId, slope: ValueId): ValueId;
  /** A gradient by the inverse of a slope; a zero of a selection stays 0. */
  over(gradient: ValueId, divisor: ValueId): ValueId;
  reshape(value: ValueId, shape: Shape): ValueId;
  reduceSum(value: ValueId, axes: readonly number[]): ValueId;
  /** Repeats a value along reduced axes: the way back from a reduction of `shape` over `axes`. */
  restoreAxes(value: ValueId, shape: Shape, axes: readonly number[]): ValueId;
  broadcastAlong(value: ValueId, shape: Shape, axes: readonly number[]): ValueId;
  contract(equation: string, operands: readonly ValueId[]): ValueId;
  clampIndices(indices: ValueId, rows: number): ValueId;
}

/** Operations of one gradient that leave its zeros where they are, or move them. */
const KEEPS_ZEROS: ReadonlySet<OpName> = new Set<OpName>([
  'neg',
  'mul',
  'div',
  'select',
  'reshape',
  'transpose',
  'broadcast',
  'slice',
  'window',
]);

/** @param masks gradients that selections have set to 0 in places, for all nodes of one differentiation */
export function createEmit(builder: GraphBuilder, source: number, masks: Set<ValueId>): Emit {
  const node: Emit['node'] = (op, operands, attributes) => {
    const type = inferType(
      op,
      operands.map((operand) => builder.typeOf(operand)),
      attributes,
    );
    if ('reason' in type) throw new Error(`gradient made an ill-typed ${op}: ${type.reason}`);
    const value = builder.append(op, operands, attributes, type, source);
    if (KEEPS_ZEROS.has(op) && operands.some((operand) => masks.has(operand))) masks.add(value);
    return value;
  };
  const keepZeros = (gradient: ValueId, product: ValueId): ValueId => {
    if (!masks.has(gradient)) return product;
    const zero = emit.constantLike(gradient, 0);
    return emit.apply('select', emit.apply('eq', gradient, zero), zero, product);
  };
  /** The node whose elements a value repeats. */
  const repeated = (value: ValueId) => {
    let current = builder.nodes[value];
    while (current.op === 'broadcast' || current.op === 'reshape')
      current = builder.nodes[current.operands[0]];
    return current;
  };
  const emit: Emit = {
    node,
    apply: (op, ...operands) => node(op, operands, {}),
    shapeOf: (value) => builder.shapeOf(value),
    constantLike: (value, number) =>
      node('constant', [], { ...builder.typeOf(value), value: number }),
    isConstant: (value) => repeated(value).op === 'constant',
    isOne: (value) => {
      const from = repeated(value);
      return from.op === 'constant' && from.attributes.value === 1;
    },
    masked: (gradient) => {
      masks.add(gradient);
      return gradient;
    },
    times: (gradient, slope) => keepZeros(gradient, emit.apply('mul', gradient, slope)),
    over: (gradient, divisor) => keepZeros(gradient, emit.apply('div', gradient, divisor)),
    scale: (value, factor) => emit.apply('mul', value, emit.constantLike(value, factor)),
    reshape: (value, shape) =>
      sameShape(shape, builder.shapeOf(value)) ? value : node('reshape', [value], { shape }),
    reduceSum: (value, axes) => (axes.length === 0 ? value : node('reduceSum', [value], { axes })),
    restoreAxes: (value, shape, axes) =>
      emit.broadcastAlong(
        value,
        shape,
        shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis)),
      ),
    broadcastAlong: (value, shape, axes) =>
      sameShape(shape, builder.shapeOf(value))
        ? value
        : node('broadcast', [value], { shape, axes }),
    contract: (equation, operands) => node('contract', operands, { equation }),
    clampIndices: (indices, rows) =>
      emit.apply(
        'min',
        emit.apply('max', indices, emit.constantLike(indices, 0)),
        emit.constantLike(indices, lastIndex(rows)),
      ),
  };
  return emit;
}
