import { elementCount, type Shape, sameShape } from '../../../../ir/tensor.ts';
import type { OnnxNode } from '../node.ts';
import { asEmbedding, layerFor, ownWeight, tableWeight, withBias } from '../operators/layers.ts';
import { channelsLast, rangeOf, withChannelsLast } from '../operators/layout.ts';
import { asLinear } from '../operators/linear-algebra.ts';
import { CONVOLUTIONS } from '../operators/windows.ts';
import type { Value } from '../values.ts';
import type { PatternRow } from './row.ts';
import { any, node } from './terms.ts';

/** A product of rows that are all axes but the last, as matrices take them. */
function ofRows(n: OnnxNode, to: Shape): Value | null {
  const shape = n.shape(0);
  const [inside, outside] = n.shape(1);
  if (shape.at(-1) !== inside || !sameShape(to, [...shape.slice(0, -1), outside])) return null;
  const weight = ownWeight(n, 1);
  if (!weight) return n.result(n.f.matmul(n.tensor(0), n.tensor(1)));
  const { length: rank } = shape;
  return n.result(asLinear(n, weight, false, n.followingBias(outside, rank - 1, rank)));
}

/** A kernel that covers its whole image: positions are one, and keep their axes. */
function ofImages(n: OnnxNode, to: Shape): Value | null {
  const shape = n.shape(0);
  const { length: rank } = shape;
  const [inside, outside] = n.shape(1);
  const weight = ownWeight(n, 1);
  if (!weight || rank < 3 || rank > 5 || elementCount(shape.slice(1)) !== inside) return null;
  const ones = rangeOf(rank - 2).map(() => 1);
  const isLast = sameShape(to, [shape[0], ...ones, outside]);
  if (!isLast && !sameShape(to, [shape[0], outside, ...ones])) return null;
  // Channels of what is flattened are where those of the result are, or a transpose has put them last.
  const value = n.value(0);
  const isFirst = value.kind === 'tensor' && value.order !== null;
  const [taps, channels] = isFirst
    ? [shape.slice(2), shape[1]]
    : [shape.slice(1, -1), shape[rank - 1]];
  const order = isFirst ? [...rangeOf(rank - 2).map((k) => k + 1), 0, rank - 1] : undefined;
  const rows = isFirst ? [channels, ...taps, outside] : [...taps, channels, outside];
  const kernel = { ...weight, shape: rows };
  Object.defineProperty(kernel, 'values', { get: () => weight.values });
  const bias = n.followingBias(outside, isLast ? rank - 1 : 1, rank);
  const name = layerFor(n, withBias({ constant: kernel, ...(order ? { order } : {}) }, bias));
  const { layer } = CONVOLUTIONS[(rank - 2) as 1 | 2 | 3];
  const size = taps.every((one) => one === taps[0]) ? taps[0] : taps;
  const y = n.f[layer](channels, outside, {
    ...{ kernel: size, name },
    ...(bias ? {} : { bias: false }),
  })(isFirst ? channelsLast(n, 0) : n.tensor(0));
  return isLast ? n.result(y) : withChannelsLast(n.type(0), y);
}

export const PRODUCTS: readonly PatternRow[] = [
  {
    op: 'MatMul',
    term: node(
      'Reshape',
      node('MatMul', node('Reshape', any('x'), any('rows')), any('weight')),
      any('to'),
    ),
    inputs: ['x', 'weight'],
    make: (matched) => {
      const { node: n } = matched;
      const [rows, to] = [matched.list('rows'), matched.list('to')];
      if (!rows || !to || rows.length !== 2 || n.shape(1).length !== 2) return null;
      const { length: rank } = n.shape(0);
      if (rank < 2 || n.type(0).kind !== 'float' || rows[1] !== n.shape(1)[0]) return null;
      return ofRows(n, to) ?? ofImages(n, to);
    },
  },
  {
    // Indices within the table: none counts from its end.
    op: 'Gather',
    term: node('Gather', any('weight'), node('Clip', any('at'), any('least'), any('greatest'))),
    inputs: ['weight', 'at'],
    make: (matched) => {
      const { node: n } = matched;
      const own = tableWeight(n, 0);
      const [least, greatest] = ['least', 'greatest'].map((name) => matched.list(name)?.[0]);
      if (!own || n.attributes.int('axis', 0) !== 0 || n.type(1).kind === 'float') return null;
      if (least !== 0 || greatest !== own.shape[0] - 1) return null;
      return n.result(asEmbedding(n, own, n.tensor(1)));
    },
  },
];
