import type { GraphBuilder, ValueId } from '../../ir/graph.ts';
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
  scale(value: ValueId, factor: number): ValueId;
  reshape(value: ValueId, shape: Shape): ValueId;
  reduceSum(value: ValueId, axes: readonly number[]): ValueId;
  /** Repeats a value along reduced axes: the way back from a reduction of `shape` over `axes`. */
  restoreAxes(value: ValueId, shape: Shape, axes: readonly number[]): ValueId;
  broadcastAlong(value: ValueId, shape: Shape, axes: readonly number[]): ValueId;
  contract(equation: string, operands: readonly ValueId[]): ValueId;
  clampIndices(indices: ValueId, rows: number): ValueId;
}

export function createEmit(builder: GraphBuilder, source: number): Emit {
  const node: Emit['node'] = (op, operands, attributes) => {
    const type = inferType(
      op,
      operands.map((operand) => builder.typeOf(operand)),
      attributes,
    );
    if ('reason' in type) throw new Error(`gradient made an ill-typed ${op}: ${type.reason}`);
    return builder.append(op, operands, attributes, type, source);
  };
  const emit: Emit = {
    node,
    apply: (op, ...operands) => node(op, operands, {}),
    shapeOf: (value) => builder.shapeOf(value),
    constantLike: (value, number) =>
      node('constant', [], { ...builder.typeOf(value), value: number }),
    isConstant: (value) => {
      let current = builder.nodes[value];
      while (current.op === 'broadcast' || current.op === 'reshape')
        current = builder.nodes[current.operands[0]];
      return current.op === 'constant';
    },
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
        emit.constantLike(indices, rows - 1),
      ),
  };
  return emit;
}
