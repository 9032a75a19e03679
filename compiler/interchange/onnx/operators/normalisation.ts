import type { Tensor } from '../../../frontend/tensor.ts';
import { FLOAT } from '../element-types.ts';
import type { OnnxNode } from '../node.ts';
import { layerFor, ownWeight } from './layers.ts';
import { channelsLast, rangeOf, withChannelsLast } from './layout.ts';
import { type OperatorTable, row } from './row.ts';

/** The option of a norm, where it is not the default of the language's. */
export const epsilonOption = (epsilon: number) => (epsilon === 1e-5 ? {} : { epsilon });

/** [channels] against [batch, channels, …]. */
const alongChannels = (n: OnnxNode, x: Tensor, rank: number): Tensor =>
  n.f.reshape(x, [-1, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

function batchNormalization(n: OnnxNode) {
  const { f, attributes } = n;
  const rank = n.shape(0).length;
  const epsilon = attributes.float('epsilon', 1e-5);
  const momentum = attributes.float('momentum', 0.9);
  const trains =
    n.opset >= 14
      ? attributes.int('training_mode', 0) !== 0
      : n.outputs.length > 1 && attributes.int('is_test', 0) === 0;
  if (n.opset < 9 && attributes.int('spatial', 1) === 0)
    return n.refuse('it normalises each place on its own', 'spatial = 1 is taken');
  if (trains) return trained(n, rank, epsilon, momentum);
  const weights = [1, 2, 3, 4].map((input) => ownWeight(n, input));
  if (weights.every((weight) => weight !== null)) {
    const [scale, shift, runningMean, runningVariance] = weights.map((weight) => ({
      constant: weight!,
    }));
    const name = layerFor(n, { scale, shift, runningMean, runningVariance });
    const share = Number((1 - momentum).toPrecision(6));
    const options = {
      ...epsilonOption(epsilon),
      ...(share === 0.1 ? {} : { momentum: share }),
    };
    const layer = f.batchNorm(n.shape(1)[0], { ...options, name });
    return withChannelsLast(n.type(0), layer(rank > 2 ? channelsLast(n, 0) : n.tensor(0)));
  }
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((input) => n.tensor(input));
  return n.result(normalised(n, n.tensor(0), { mean, variance, scale, shift, epsilon }));
}

interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly scale: Tensor;
  readonly shift: Tensor;
  readonly epsilon: number;
}

function normalised(n: OnnxNode, x: Tensor, statistics: Statistics): Tensor {
  const { f } = n;
  const { mean, variance, scale, shift, epsilon } = statistics;
  const [m, s, b] = [mean, scale, shift].map((one) => alongChannels(n, one, x.rank));
  const factor = f.rsqrt(f.add(alongChannels(n, variance, x.rank), epsilon));
  return f.add(f.mul(f.mul(f.sub(x, m), factor), s), b);
}

/** By the statistics of the batch; gives the running ones that come of them too. */
function trained(n: OnnxNode, rank: number, epsilon: number, momentum: number) {
  const { f } = n;
  const x = n.tensor(0);
  const axes = rangeOf(rank).filter((axis) => axis !== 1);
  const mean = f.mean(x, axes);
  const variance = f.variance(x, axes);
  const [scale, shift] = [n.tensor(1), n.tensor(2)];
  const y = normalised(n, x, { mean, variance, scale, shift, epsilon });
  const moved = (input: number, now: Tensor) =>
    n.result(f.add(f.mul(n.tensor(input), momentum), f.mul(now, 1 - momentum)), FLOAT);
  const all = [n.result(y), moved(3, mean), moved(4, variance)];
  // Before version 14 the statistics of the batch itself come last.
  return n.opset < 14 ? [...all, n.result(mean, FLOAT), n.result(variance, FLOAT)] : all;
}

function layerNormalization(n: OnnxNode) {
  const { f, attributes } = n;
  const shape = n.shape(0);
  const axis = n.axis(attributes.int('axis', -1), shape.length);
  const epsilon = attributes.float('epsilon', 1e-5);
  const weights = [1, 2].map((input) => ownWeight(n, input));
  const isLast = axis === shape.length - 1;
  if (isLast && n.outputs.length === 1 && weights.every((weight) => weight?.shape.length === 1)) {
    const [scale, shift] = weights.map((weight) => ({ constant: weight! }));
    const name = layerFor(n, { scale, shift });
    return n.result(f.layerNorm(shape[axis], { ...epsilonOption(epsilon), name })(n.tensor(0)));
  }
  const axes = rangeOf(shape.length).slice(axis);
  const x = n.tensor(0);
  const mean = f.mean(x, axes, { keepDims: true });
  const deviation = f.rsqrt(f.add(f.variance(x, axes, { keepDims: true }), epsilon));
  const scaled = f.mul(f.mul(f.sub(x, mean), deviation), n.tensor(1));
  const y = n.has(2) ? f.add(scaled, n.tensor(2)) : scaled;
  return [n.result(y), n.result(mean, FLOAT), n.result(deviation, FLOAT)].slice(
    0,
    n.outputs.length,
  );
}

/** Over axes, with mean 0 and variance 1. */
function standard(n: OnnxNode, x: Tensor, axes: readonly number[], epsilon: number): Tensor {
  const { f } = n;
  const centred = f.sub(x, f.mean(x, axes, { keepDims: true }));
  const variance = f.mean(f.mul(centred, centred), axes, { keepDims: true });
  return f.mul(centred, f.rsqrt(f.add(variance, epsilon)));
}

function groupNormalization(n: OnnxNode) {
  const { f, attributes } = n;
  const [batch, channels, ...extents] = n.shape(0);
  const groups = attributes.int('num_groups', 1);
  if (!(groups > 0 && channels % groups === 0))
    return n.refuse(`${groups} groups do not divide ${channels} channels`);
  const split = f.reshape(n.tensor(0), [batch, groups, -1]);
  const whole = f.reshape(standard(n, split, [2], attributes.float('epsilon', 1e-5)), [
    ...[batch, channels],
    ...extents,
  ]);
  // From version 21 on there is a scale for each channel, before for each group.
  const perChannel = (input: number) => {
    const x = n.tensor(input);
    const each =
      x.shape[0] === channels
        ? x
        : f.reshape(f.broadcastTo(f.expandDims(x, 1), [groups, channels / groups]), [channels]);
    return alongChannels(n, each, extents.length + 2);
  };
  return n.result(f.add(f.mul(whole, perChannel(1)), perChannel(2)));
}

export const NORMALISATION: OperatorTable = {
  BatchNormalization: row(batchNormalization),
  GroupNormalization: row(groupNormalization),
  InstanceNormalization: row((n) => {
    const { f } = n;
    const x = n.tensor(0);
    const y = standard(n, x, rangeOf(x.rank).slice(2), n.attributes.float('epsilon', 1e-5));
    const [scale, shift] = [1, 2].map((input) => alongChannels(n, n.tensor(input), x.rank));
    return n.result(f.add(f.mul(y, scale), shift));
  }),
  LayerNormalization: row(layerNormalization),
  LpNormalization: row((n) => {
    const { f } = n;
    const axis = n.axis(n.attributes.int('axis', -1), n.shape(0).length);
    const x = n.tensor(0);
    const powers = n.attributes.int('p', 2) === 1 ? f.abs(x) : f.mul(x, x);
    const total = f.sum(powers, axis, { keepDims: true });
    return n.result(f.div(x, n.attributes.int('p', 2) === 1 ? total : f.sqrt(total)));
  }),
  LRN: row((n) => {
    const { f, attributes } = n;
    const size = attributes.int('size', 1);
    const [low, high] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
    const x = n.tensor(0);
    const widths = x.shape.map((_, axis): [number, number] => (axis === 1 ? [low, high] : [0, 0]));
    const squares = f.pad(f.mul(x, x), widths);
    const total = rangeOf(size)
      .map((at) => f.slice(squares, 1, at, at + x.shape[1]))
      .reduce((sum, part) => f.add(sum, part));
    const scale = f.mul(total, attributes.float('alpha', 1e-4) / size);
    const base = f.add(scale, attributes.float('bias', 1));
    return n.result(f.div(x, f.pow(base, attributes.float('beta', 0.75))));
  }),
  MeanVarianceNormalization: row((n) => {
    const { f } = n;
    const axes = n.attributes.ints('axes') ?? [0, 2, 3];
    const x = n.tensor(0);
    const own = axes.map((axis) => n.axis(axis, x.rank)).sort((a, b) => a - b);
    const centred = f.sub(x, f.mean(x, own, { keepDims: true }));
    const deviation = f.sqrt(f.mean(f.mul(centred, centred), own, { keepDims: true }));
    return n.result(f.div(centred, f.add(deviation, 1e-9)));
  }),
};
