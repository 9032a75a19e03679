import type { DType } from '../../../ir/dtypes.ts';
import type { Graph, NodeOf, ValueId } from '../../../ir/graph.ts';
import type { StructuralOp } from '../../../ir/ops.ts';
import { type Shape, sameShape } from '../../../ir/tensor.ts';
import type { Convolution } from '../graph/convolutions.ts';
import type { Pooling } from '../graph/pooling.ts';
import { type Arranged, type Arranger, plain } from './arranged.ts';
import type { Element } from './builder.ts';
import { contraction, reduced } from './contractions.ts';
import { convolution } from './convolution.ts';
import { uniform } from './random.ts';
import { elementwise } from './scalars.ts';
import { folds, pooling, scatterRows, windows } from './windows.ts';

/** What a dtype is in ONNX. */
export const ELEMENTS: Readonly<Record<DType, Element>> = { f32: 'float', i32: 'int32' };

/** What a rule may ask of the program that it writes. */
export interface Site<Op extends StructuralOp = StructuralOp> {
  readonly arranger: Arranger;
  readonly graph: Graph;
  readonly node: NodeOf<Op>;
  /** The value of a node, as numbers. */
  readonly read: (value: ValueId) => Arranged;
  readonly input: (name: string) => Arranged;
  readonly parameter: (name: string) => Arranged;
  readonly convolution: Convolution | null;
  readonly pooling: Pooling | null;
}

type Rule<Op extends StructuralOp> = (site: Site<Op>) => Arranged;

const reduction =
  (op: string): Rule<'reduceSum' | 'reduceMax' | 'reduceMin'> =>
  ({ arranger, node, read, pooling: found }) =>
    found
      ? pooling(arranger, op, read(found.input), found)
      : reduced(arranger, op, read(node.operands[0]), node.attributes.axes);

const convolved = ({ arranger, read }: Site, found: Convolution) =>
  convolution(arranger, found, [read(found.input), read(found.kernel)]);

/** How each op that is not elementwise is said. */
export const STRUCTURAL: { readonly [Op in StructuralOp]: Rule<Op> } = {
  input: ({ node, input }) => input(node.attributes.name),
  parameter: ({ node, parameter }) => parameter(node.attributes.name),
  constant: ({ arranger: { builder }, node: { attributes } }) => {
    const { dtype, shape, value } = attributes;
    const ones = shape.map(() => 1);
    return { ...plain(builder.constant(ELEMENTS[dtype], ones, [value])), shape };
  },
  iota: ({ arranger: { builder }, node: { attributes } }) => {
    const { shape, axis } = attributes;
    const ones = shape.map((extent, k) => (k === axis ? extent : 1));
    const counts = Array.from({ length: shape[axis] }, (_, k) => k);
    return { ...plain(builder.constant('int32', ones, counts)), shape };
  },
  random: ({ arranger, node: { operands, attributes }, read }) =>
    plain(uniform(arranger.builder, attributes, arranger.flat(read(operands[0])))),
  reshape: ({ arranger, node: { operands, type }, read }) => {
    const value = read(operands[0]);
    const long = (shape: Shape) => shape.filter((extent) => extent !== 1);
    if (sameShape(long(value.shape), long(type.shape)))
      return arranger.unsqueezed(arranger.squeezed(value), type.shape);
    return plain(arranger.reshaped(arranger.flat(value), type.shape));
  },
  transpose: ({ node: { operands, attributes, type }, read }) => {
    const { stored, order } = read(operands[0]);
    const placed = order.map((axis) => attributes.permutation.indexOf(axis));
    return { stored, order: placed, shape: type.shape };
  },
  slice: ({ arranger, node: { operands, attributes, type }, read }) => {
    const value = read(operands[0]);
    const { starts, sizes } = attributes;
    const x = arranger.whole(value, value.order);
    const cut = value.order.flatMap((axis, k) => (sizes[axis] === x.shape[k] ? [] : [k]));
    if (cut.length === 0) return value;
    const from = cut.map((k) => starts[value.order[k]]);
    const to = cut.map((k) => starts[value.order[k]] + sizes[value.order[k]]);
    const { builder } = arranger;
    const stored = builder.node(
      'Slice',
      [x, ...[from, to, cut].map((list) => builder.integers(list))],
      { element: x.element, shape: value.order.map((axis) => sizes[axis]) },
    );
    return { stored, order: value.order, shape: type.shape };
  },
  pad: ({ arranger, node: { operands, attributes, type }, read }) => {
    const value = read(operands[0]);
    const { low, high, value: filling } = attributes;
    if ([...low, ...high].every((count) => count === 0)) return value;
    const { builder } = arranger;
    const x = arranger.whole(value, value.order);
    const edges = [low, high].flatMap((counts) => value.order.map((axis) => counts[axis]));
    const stored = builder.node(
      'Pad',
      [x, builder.integers(edges), builder.constant(x.element, [], [filling])],
      { element: x.element, shape: value.order.map((axis) => type.shape[axis]) },
    );
    return { stored, order: value.order, shape: type.shape };
  },
  broadcast: ({ arranger, node: { operands, attributes }, read }) => {
    const value = read(operands[0]);
    const { shape, axes } = attributes;
    const own = value.shape.map((_, axis) => axis);
    const stored = arranger.ordered(value, own);
    const ones = shape.map(() => 1);
    axes.forEach((axis, k) => {
      ones[axis] = stored.shape[k];
    });
    return { ...plain(arranger.reshaped(stored, ones)), shape };
  },
  window: ({ arranger, node, read }) => windows(arranger, read(node.operands[0]), node.attributes),
  fold: (site) =>
    site.convolution
      ? convolved(site, site.convolution)
      : folds(site.arranger, site.read(site.node.operands[0]), site.node.attributes),
  concat: ({ arranger, node: { operands, attributes, type }, read }) => {
    const parts = operands.map(read);
    const { order } = parts.find((part) => !isPlain(part)) ?? parts[0];
    const stored = arranger.builder.node(
      'Concat',
      parts.map((part) => arranger.whole(part, order)),
      { element: ELEMENTS[type.dtype], shape: order.map((axis) => type.shape[axis]) },
      { axis: order.indexOf(attributes.axis) },
    );
    return { stored, order, shape: type.shape };
  },
  contract: (site) =>
    site.convolution
      ? convolved(site, site.convolution)
      : contraction(
          site.arranger,
          site.node.attributes.equation,
          site.node.operands.map(site.read),
        ),
  reduceSum: reduction('ReduceSum'),
  reduceMax: reduction('ReduceMax'),
  reduceMin: reduction('ReduceMin'),
  gather: ({ arranger, node: { operands, type }, read }) => {
    const { builder } = arranger;
    const [table, indices] = operands.map((operand) => arranger.flat(read(operand)));
    const bounds = [0, table.shape[0] - 1].map((bound) => builder.constant('int32', [], [bound]));
    const inside = builder.node('Clip', [indices, ...bounds], indices);
    const made = { element: table.element, shape: type.shape };
    return plain(builder.node('Gather', [table, inside], made, { axis: 0 }));
  },
  scatterAdd: ({ arranger, node: { operands, attributes }, read }) => {
    const { builder } = arranger;
    const [updates, given] = operands.map((operand) => arranger.flat(read(operand)));
    const { rows } = attributes;
    const limit = (value: number) =>
      builder.constant(
        'int32',
        given.shape.map(() => 1),
        [value],
      );
    const isOut = elementwise(
      builder,
      'Or',
      [
        elementwise(builder, 'Less', [given, limit(0)], 'bool'),
        elementwise(builder, 'GreaterOrEqual', [given, limit(rows)], 'bool'),
      ],
      'bool',
    );
    const inside = builder.node('Where', [isOut, limit(rows), given], given);
    const shape = [...given.shape, 1];
    const long = builder.node(
      'Cast',
      [inside],
      { element: 'int64', shape: given.shape },
      { to: 7 },
    );
    return plain(scatterRows(arranger, updates, arranger.reshaped(long, shape), rows));
  },
  stopGradient: ({ node, read }) => read(node.operands[0]),
};

const isPlain = ({ order }: Arranged) => order.every((axis, k) => axis === k);
