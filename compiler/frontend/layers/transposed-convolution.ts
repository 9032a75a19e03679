import { poisoned } from '../context.ts';
import { checkGroups, checkSignal } from '../convolution.ts';
import { glorotUniform, ofShape, perGroup } from '../initialisers.ts';
import {
  type LayerParameters,
  layerOf,
  layerParameters,
  ofLayer,
  withValues,
} from '../parameter.ts';
import { add } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { type TransposedOptions, transposedConvolve } from '../transposed-convolution.ts';
import { perAxis } from '../windows.ts';
import { checkFeatures, checkSizes } from './check.ts';
import { biasOf, type Convolution, type ConvolutionLayerOptions } from './convolution.ts';

/** Window, groups and weights of {@link transposedConvolution}. */
export type TransposedConvolutionOptions = Omit<ConvolutionLayerOptions, 'weight' | 'variance'> &
  Pick<TransposedOptions, 'outputPadding'>;

/**
 * A transposed convolution, as `conv2dTranspose` does it, with a trained kernel [height, width, inChannels, outChannels / groups] and
 * bias [outChannels].
 */
export function transposedConvolution(
  inChannels: number,
  outChannels: number,
  options: TransposedConvolutionOptions,
): Convolution {
  return transposedLayer('transposedConvolution', 2, inChannels, outChannels, options);
}

/** As {@link transposedConvolution} along one axis: signals [batch, length, inChannels] with a kernel [length, inChannels, outChannels / groups]. */
export function transposedConvolution1d(
  inChannels: number,
  outChannels: number,
  options: TransposedConvolutionOptions,
): Convolution {
  return transposedLayer('transposedConvolution1d', 1, inChannels, outChannels, options);
}

/** As {@link transposedConvolution} along three axes: volumes [batch, depth, height, width, inChannels] with a kernel [depth, height, width, inChannels, outChannels / groups]. */
export function transposedConvolution3d(
  inChannels: number,
  outChannels: number,
  options: TransposedConvolutionOptions,
): Convolution {
  return transposedLayer('transposedConvolution3d', 3, inChannels, outChannels, options);
}

function transposedLayer(
  kind: string,
  spatial: number,
  inChannels: number,
  outChannels: number,
  options: TransposedConvolutionOptions,
): Convolution {
  const { groups = 1, weightInit = glorotUniform } = options;
  /** Null after a diagnostic. */
  const kernelOf = (parameters: LayerParameters) => {
    const taps = perAxis(kind, 'kernel', options.kernel, spatial, 1);
    const isSound =
      checkSizes(kind, { inChannels, outChannels }) &&
      checkGroups(kind, groups, inChannels, outChannels);
    if (!taps || !isSound) return null;
    // Fans are those of one group.
    const forward = [...taps, inChannels / groups, outChannels];
    const initialiser = groups === 1 ? weightInit : ofShape(perGroup(weightInit, groups), forward);
    return parameters.get('weight', [...taps, inChannels, outChannels / groups], initialiser);
  };
  const call = Object.assign(
    layerOf(kind, options, (x: Tensor): Tensor => {
      const parameters = layerParameters(layer, kind, options.name);
      const weight = kernelOf(parameters);
      if (!weight) return poisoned(x.type);
      const bias = biasOf(parameters, outChannels, options);
      if (!checkSignal(kind, x, spatial) || !checkFeatures(kind, x, inChannels))
        return poisoned(x.type);
      const y = transposedConvolve(kind, spatial, x, weight, options);
      return bias ? add(y, bias) : y;
    }),
    { inChannels, outChannels },
  );
  const layer: Convolution = withValues(call, {
    weight: () =>
      ofLayer(
        layer,
        kind,
        options,
        (parameters) => kernelOf(parameters) ?? poisoned({ dtype: 'f32', shape: [1] }),
      ),
    bias: () =>
      ofLayer(layer, kind, options, (parameters) => biasOf(parameters, outChannels, options)),
  });
  return layer;
}
