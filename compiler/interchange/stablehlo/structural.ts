import type { NodeOf, ValueId } from '../../../ir/graph.ts';
import type { StructuralOp } from '../../../ir/ops.ts';
import type { Convolution } from '../graph/convolutions.ts';
import type { Pooling } from '../graph/pooling.ts';
import type { Body, Value } from './body.ts';
import { contraction } from './contractions.ts';
import { convolution } from './convolution.ts';
import { uniformHelper } from './random.ts';
import { gather, scatter } from './rows.ts';
import { ELEMENTS } from './types.ts';
import { folds, pooling, windows } from './windows.ts';

/** What a rule may ask of the program that it writes. */
export interface Site<Op extends StructuralOp = StructuralOp> {
  readonly body: Body;
  readonly node: NodeOf<Op>;
  /** The text's value of a node. */
  readonly read: (value: ValueId) => Value;
  /** An argument of the program. */
  readonly argument: (kind: ArgumentKind, name: string) => Value;
  readonly convolution: Convolution | null;
  readonly pooling: Pooling | null;
}

/** What an argument of a program is in its graph. */
export type ArgumentKind = 'input' | 'parameter';

type Rule<Op extends StructuralOp> = (site: Site<Op>) => Value;

/** Identities of reductions by element type: what no element is beyond. */
const IDENTITIES = {
  add: { f32: 0, i32: 0 },
  maximum: { f32: Number.NEGATIVE_INFINITY, i32: -2147483648 },
  minimum: { f32: Number.POSITIVE_INFINITY, i32: 2147483647 },
} as const;

const reduction =
  (op: keyof typeof IDENTITIES): Rule<'reduceSum' | 'reduceMax' | 'reduceMin'> =>
  ({ body, node, read, pooling: found }) => {
    const identity = IDENTITIES[op][node.type.dtype];
    if (found) return pooling(body, op, read(found.input), found, identity);
    const x = read(node.operands[0]);
    const initial = body.constant(identity, x.type.element);
    return node.attributes.axes.length === 0
      ? x
      : body.reduce(op, x, initial, node.attributes.axes);
  };

const convolved = ({ body, read }: Site, found: Convolution): Value =>
  convolution(body, found, [read(found.input), read(found.kernel)]);

const given: Rule<'input' | 'parameter'> = ({ node, argument }) =>
  argument(node.op, node.attributes.name);

/** How each op that is not elementwise is said. */
export const STRUCTURAL: { readonly [Op in StructuralOp]: Rule<Op> } = {
  input: given,
  parameter: given,
  constant: ({ body, node: { attributes } }) =>
    body.constant(attributes.value, ELEMENTS[attributes.dtype], attributes.shape),
  iota: ({ body, node: { attributes } }) => body.iota('i32', attributes.shape, attributes.axis),
  random: ({ body, node: { operands, attributes }, read }) => {
    const word = (value: number) => body.constant(value >>> 0, 'ui32');
    const step = body.bitcast(read(operands[0]), 'ui32');
    const { seed, stream, shape } = attributes;
    return body.call(uniformHelper(shape), [word(seed), word(stream), step]);
  },
  reshape: ({ body, node, read }) => body.reshape(read(node.operands[0]), node.type.shape),
  transpose: ({ body, node, read }) =>
    body.transpose(read(node.operands[0]), node.attributes.permutation),
  slice: ({ body, node: { operands, attributes }, read }) => {
    const { starts, sizes } = attributes;
    const limits = starts.map((start, axis) => start + sizes[axis]);
    return body.slice(
      read(operands[0]),
      starts,
      limits,
      starts.map(() => 1),
    );
  },
  pad: ({ body, node: { operands, attributes, type }, read }) => {
    const filling = body.constant(attributes.value, ELEMENTS[type.dtype]);
    return body.pad(read(operands[0]), filling, attributes.low, attributes.high);
  },
  broadcast: ({ body, node: { operands, attributes }, read }) =>
    body.broadcast(read(operands[0]), attributes.shape, attributes.axes),
  window: ({ body, node, read }) => windows(body, read(node.operands[0]), node.attributes),
  fold: (site) =>
    site.convolution
      ? convolved(site, site.convolution)
      : folds(site.body, site.read(site.node.operands[0]), site.node.attributes),
  concat: ({ body, node, read }) => body.concatenate(node.operands.map(read), node.attributes.axis),
  contract: (site) =>
    site.convolution
      ? convolved(site, site.convolution)
      : contraction(site.body, site.node.attributes.equation, site.node.operands.map(site.read)),
  reduceSum: reduction('add'),
  reduceMax: reduction('maximum'),
  reduceMin: reduction('minimum'),
  gather: ({ body, node: { operands }, read }) =>
    gather(body, read(operands[0]), read(operands[1]), 0),
  scatterAdd: ({ body, node: { operands, attributes }, read }) =>
    scatter(body, read(operands[0]), read(operands[1]), attributes.rows),
  stopGradient: ({ node, read }) => read(node.operands[0]),
};
