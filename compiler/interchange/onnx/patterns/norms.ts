import { elementCount, type Shape } from '../../../../ir/tensor.ts';
import { shortest } from '../attributes.ts';
import type { OnnxNode } from '../node.ts';
import { layerFor, ownWeight } from '../operators/layers.ts';
import { channelsLast, withChannelsLast } from '../operators/layout.ts';
import { epsilonOption } from '../operators/normalisation.ts';
import { constant } from '../tensor-data.ts';
import type { Constant } from '../values.ts';
import { inverseRoot, lineAxis, mean, meanAxis, overRoot, squared } from './reductions.ts';
import type { Matched, PatternRow } from './row.ts';
import { any, either, node } from './terms.ts';

const x = any('x');

/** A weight of the layer's own that goes along one axis of the operand, as a line; null for other values. */
function line(n: OnnxNode, input: number, rank: number, size: number, axis: number) {
  const own = ownWeight(n, input);
  if (!own || lineAxis(own.shape, rank, size) !== axis) return null;
  return lineOf(own, size);
}

const lineOf = (own: Constant, size: number): { readonly constant: Constant } => ({
  constant: {
    ...constant(own.type, [size], () => own.values),
    weight: own.weight,
    get values() {
      return own.values;
    },
  },
});

/** The positive number that an input is, or null. */
function positive(n: OnnxNode, input: number): number | null {
  const known = n.known(input);
  if (!known || elementCount(known.shape) !== 1) return null;
  const [value] = Array.from(known.values);
  return value > 0 && Number.isFinite(value) ? shortest(value) : null;
}

const centred = node('Sub', x, mean('mean', x));
const deviated = overRoot(centred, node('Add', mean('variance', squared(centred)), any('epsilon')));

function layerNorm(matched: Matched) {
  const { node: n } = matched;
  const shape = n.shape(0);
  const axis = shape.length - 1;
  if (meanAxis(matched, 'mean', shape) !== axis || meanAxis(matched, 'variance', shape) !== axis)
    return null;
  const [scale, shift] = [1, 2].map((input) => line(n, input, shape.length, shape[axis], axis));
  const epsilon = positive(n, 3);
  if (!scale || !shift || epsilon === null) return null;
  const name = layerFor(n, { scale, shift });
  return n.result(n.f.layerNorm(shape[axis], { ...epsilonOption(epsilon), name })(n.tensor(0)));
}

const deviation = inverseRoot(node('Add', any('variance'), any('epsilon')));
const factor = node('Mul', any('scale'), deviation);

function batchNorm(matched: Matched) {
  const { node: n } = matched;
  const shape = n.shape(0);
  const { length: rank } = shape;
  const scale = ownWeight(n, 1);
  if (!scale || n.inputs[3]?.kind !== 'constant') return null;
  const size = elementCount(scale.shape);
  const axis = lineAxis(n.shape(3), rank, size);
  if (axis === null || shape[axis] !== size || (axis !== 1 && axis !== rank - 1)) return null;
  const stated = matched.list('factorShape');
  const isAlong = (of: Shape) => lineAxis(of, rank, size) === axis;
  if (!(stated ? isAlong(stated) : isAlong(scale.shape))) return null;
  const variance = ownWeight(n, 4);
  const [shift, runningMean] = [2, 3].map((input) => line(n, input, rank, size, axis));
  const epsilon = positive(n, 5);
  if (!shift || !runningMean || !variance || epsilon === null) return null;
  // The factor is made of both before it is laid along the axis.
  if (`${variance.shape}` !== `${scale.shape}`) return null;
  const name = layerFor(n, {
    ...{ scale: lineOf(scale, size), shift, runningMean },
    runningVariance: lineOf(variance, size),
  });
  const layer = n.f.batchNorm(size, { ...epsilonOption(epsilon), name });
  if (axis === rank - 1) return n.result(layer(n.tensor(0)));
  return withChannelsLast(n.type(0), layer(channelsLast(n, 0)));
}

/** Norms in so many nodes as they take where the operator set has no operator for them, or an exporter does not use it. */
export const NORMS: readonly PatternRow[] = [
  {
    op: 'LayerNormalization',
    term: node('Add', node('Mul', deviated, any('scale')), any('shift')),
    inputs: ['x', 'scale', 'shift', 'epsilon'],
    make: layerNorm,
  },
  {
    op: 'BatchNormalization',
    term: node(
      'Add',
      node(
        'Mul',
        node('Sub', x, any('mean')),
        either(factor, node('Reshape', factor, any('factorShape'))),
      ),
      any('shift'),
    ),
    inputs: ['x', 'scale', 'shift', 'mean', 'variance', 'epsilon'],
    make: batchNorm,
  },
];
