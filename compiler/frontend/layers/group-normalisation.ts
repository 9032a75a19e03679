import { formatShape } from '../../format.ts';
import { report } from '../../reporting/report.ts';
import { isPoisoned, poisoned } from '../context.ts';
import { checkGroups } from '../convolution.ts';
import { onesInit, zerosInit } from '../initialisers.ts';
import { layerOf, layerParameters } from '../parameter.ts';
import { add, mean, mul, reshape, rsqrt, square, sub } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { checkFeatures, checkSizes } from './check.ts';
import type { LayerOptions } from './dense.ts';

/** What normalising layers of channels take. */
export interface ChannelNormOptions extends LayerOptions {
  /** Added to the variance, or the mean of squares; default 1e-5, for {@link rmsNorm} 1e-6. */
  readonly epsilon?: number;
  /** Whether a scale and a shift of each channel are trained (a scale by {@link rmsNorm}); default true, for {@link instanceNorm} false, as in PyTorch. */
  readonly affine?: boolean;
}

/** A layer from [batch, …, features] to the same shape. */
export interface ChannelNorm {
  (x: Tensor): Tensor;
  readonly features: number;
}

/**
 * Group normalisation: each sample's channels, the last axis, in so many groups, each normalised over its channels and all positions (Wu,
 * He 2018). It is the same in training and prediction. BTC2015 for an ε that is not positive, BTC2032 for groups that do not divide the
 * features.
 */
export function groupNorm(
  groups: number,
  features: number,
  options: ChannelNormOptions = {},
): ChannelNorm {
  return channelNorm('groupNorm', groups, features, options.affine ?? true, options);
}

/**
 * Instance normalisation: each sample's channels, the last axis, each normalised over all positions (Ulyanov, Vedaldi, Lempitsky 2016), as
 * PyTorch's without running statistics. BTC2015 for an ε that is not positive.
 */
export function instanceNorm(features: number, options: ChannelNormOptions = {}): ChannelNorm {
  return channelNorm('instanceNorm', features, features, options.affine ?? false, options);
}

function channelNorm(
  kind: string,
  groups: number,
  features: number,
  affine: boolean,
  options: ChannelNormOptions,
): ChannelNorm {
  const { epsilon = 1e-5, name } = options;
  const layer = Object.assign(
    layerOf(kind, options, (x: Tensor): Tensor => {
      if (
        !checkSizes(kind, { features, groups }) ||
        !checkEpsilon(kind, epsilon) ||
        !checkGroups(kind, groups, features, features)
      )
        return poisoned(x.type);
      const parameters = affine ? layerParameters(layer, kind, name) : null;
      const scale = parameters?.get('scale', [features], onesInit);
      const shift = parameters?.get('shift', [features], zerosInit);
      if (!checkFeatures(kind, x, features) || !checkPositions(kind, x)) return poisoned(x.type);
      const split = reshape(x, [...x.shape.slice(0, -1), groups, features / groups]);
      // All axes but the batch and the groups.
      const axes = [...split.shape.keys()].filter((axis) => axis > 0 && axis !== x.rank - 1);
      const centred = sub(split, mean(split, axes, { keepDims: true }));
      const variance = mean(square(centred), axes, { keepDims: true });
      const normal = reshape(mul(centred, rsqrt(add(variance, epsilon))), x.shape);
      return scale && shift ? add(mul(normal, scale), shift) : normal;
    }),
    { features },
  );
  return layer;
}

/**
 * x / √(mean(x²) + ε) over the last axis, [.., features], with a trained scale (Zhang, Sennrich 2019); ε is 1e-6 by default, as in
 * LLaMA. BTC2015 for an ε that is not positive.
 */
export function rmsNorm(features: number, options: ChannelNormOptions = {}): ChannelNorm {
  const { epsilon = 1e-6, affine = true, name } = options;
  const layer = Object.assign(
    layerOf('rmsNorm', options, (x: Tensor): Tensor => {
      if (!checkSizes('rmsNorm', { features }) || !checkEpsilon('rmsNorm', epsilon))
        return poisoned(x.type);
      const parameters = affine ? layerParameters(layer, 'rmsNorm', name) : null;
      const scale = parameters?.get('scale', [features], onesInit);
      if (!checkFeatures('rmsNorm', x, features)) return poisoned(x.type);
      const normal = mul(x, rsqrt(add(mean(square(x), -1, { keepDims: true }), epsilon)));
      return scale ? mul(normal, scale) : normal;
    }),
    { features },
  );
  return layer;
}

function checkEpsilon(op: string, epsilon: number): boolean {
  if (epsilon > 0 && Number.isFinite(epsilon)) return true;
  report(2015, { op, name: 'epsilon', value: String(epsilon), wanted: 'a positive number' });
  return false;
}

function checkPositions(op: string, x: Tensor): boolean {
  if (x.rank >= 2) return true;
  if (!isPoisoned(x))
    report(2003, { op, wanted: 'f32 [batch, …, features]', given: formatShape(x.shape) });
  return false;
}
