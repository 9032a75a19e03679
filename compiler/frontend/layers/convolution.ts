import type { KernelFactorisation } from '../../factorised/kernel.ts';
import { warnIfDearer } from '../../factorised/product-macs.ts';
import { report } from '../../reporting/report.ts';
import { isPoisoned, noteImages, poisoned } from '../context.ts';
import { checkGroups, checkSignal, convolve } from '../convolution.ts';
import { glorotUniform, type Initialiser, perGroup, zerosInit } from '../initialisers.ts';
import {
  type LayerParameters,
  layerOf,
  layerParameters,
  ofLayer,
  withValues,
} from '../parameter.ts';
import { add } from '../parts.ts';
import type { Tensor } from '../tensor.ts';
import { type PerAxis, perAxis, resolveWindows, type WindowOptions } from '../windows.ts';
import { adaptedConvolution } from './adapted-weights.ts';
import { checkFeatures, checkSizes } from './check.ts';
import { matrixVariance, type VarianceLaw } from './core-initialiser.ts';
import type { LayerOptions } from './dense.ts';
import {
  type FactorisedWeight,
  factorisedConvolution,
  factorisedMatrix,
  factorisedWeight,
} from './factorised-product.ts';

/** Window, groups and weights of {@link convolution}. */
export interface ConvolutionLayerOptions extends LayerOptions, WindowOptions {
  /** Extent of the window: one for all axes, or one for each, as [height, width]. */
  readonly kernel: PerAxis;
  /** Default 1; a factorised kernel has no groups. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Default Glorot uniform; fans count the window, and of groups one. */
  readonly weightInit?: Initialiser;
  /** Default zeros. */
  readonly biasInit?: Initialiser;
  /** A factorised kernel: `weightInit` does not apply, its cores make a kernel whose variance follows `variance`. */
  readonly weight?: KernelFactorisation;
  /** Of a factorised kernel; default `glorot`. */
  readonly variance?: VarianceLaw;
}

/** The layer that {@link convolution}, its kin along one or three axes, and {@link transposedConvolution} make. */
export interface Convolution {
  /** [batch, height, width, inChannels] to [batch, positions, positions, outChannels]. */
  (x: Tensor): Tensor;
  readonly inChannels: number;
  readonly outChannels: number;
  /** The kernel, in the program that is being built; a factorised one is formed for it. */
  readonly weight: Tensor;
  /** [outChannels], or null without one. */
  readonly bias: Tensor | null;
}

/**
 * A convolution, as `conv2d` does it, with a trained kernel [height, width, inChannels / groups, outChannels] and bias
 * [outChannels]. BTC2015 for groups of a factorised kernel.
 */
export function convolution(
  inChannels: number,
  outChannels: number,
  options: ConvolutionLayerOptions,
): Convolution {
  return convolutionLayer('convolution', 2, inChannels, outChannels, options);
}

/** Window, groups and weights of {@link convolution1d} and {@link convolution3d}. */
export type PlainConvolutionOptions = Omit<ConvolutionLayerOptions, 'weight' | 'variance'>;

/** A convolution along one axis, as `conv1d` does it: signals [batch, length, inChannels] with a kernel [length, inChannels / groups, outChannels]. */
export function convolution1d(
  inChannels: number,
  outChannels: number,
  options: PlainConvolutionOptions,
): Convolution {
  return convolutionLayer('convolution1d', 1, inChannels, outChannels, options);
}

/** A convolution along three axes, as `conv3d` does it: volumes [batch, depth, height, width, inChannels] with a kernel [depth, height, width, inChannels / groups, outChannels]. */
export function convolution3d(
  inChannels: number,
  outChannels: number,
  options: PlainConvolutionOptions,
): Convolution {
  return convolutionLayer('convolution3d', 3, inChannels, outChannels, options);
}

function convolutionLayer(
  kind: string,
  spatial: number,
  inChannels: number,
  outChannels: number,
  options: ConvolutionLayerOptions,
): Convolution {
  const call = Object.assign(
    layerOf(kind, options, (x: Tensor): Tensor => {
      const failed = poisoned({ dtype: 'f32', shape: [...x.shape.slice(0, -1), outChannels] });
      const taps = perAxis(kind, 'kernel', options.kernel, spatial, 1);
      const { groups = 1 } = options;
      const sound =
        checkSizes(kind, { inChannels, outChannels }) &&
        checkGroups(kind, groups, inChannels, outChannels);
      if (!sound || !taps) return poisoned(x.type);
      const parameters = layerParameters(layer, kind, options.name);
      const product = options.weight
        ? factorised(options.weight, parameters, taps, options)
        : dense(parameters, taps, groups);
      const bias = biasOf(parameters, outChannels, options);
      const fits = checkSignal(kind, x, spatial) && checkFeatures(kind, x, inChannels);
      if (!fits || !product) return failed;
      const y = product(x);
      return bias ? add(y, bias) : y;
    }),
    { inChannels, outChannels },
  );
  const layer: Convolution = withValues(call, {
    weight: () =>
      ofLayer(layer, kind, options, (parameters) => {
        const taps = perAxis(kind, 'kernel', options.kernel, spatial, 1);
        if (!taps) return poisoned({ dtype: 'f32', shape: [1] });
        if (!options.weight) return denseKernel(parameters, taps, options.groups ?? 1);
        const weight = cores(options.weight, parameters, taps, options.variance);
        return weight
          ? factorisedMatrix(weight)
          : poisoned({ dtype: 'f32', shape: [...taps, inChannels, outChannels] });
      }),
    bias: () =>
      ofLayer(layer, kind, options, (parameters) => biasOf(parameters, outChannels, options)),
  });

  function denseKernel(parameters: LayerParameters, taps: readonly number[], groups: number) {
    const shape = [...taps, inChannels / groups, outChannels];
    const initialiser = options.weightInit ?? glorotUniform;
    return parameters.get('weight', shape, perGroup(initialiser, groups));
  }

  function dense(parameters: LayerParameters, taps: readonly number[], groups: number) {
    const weight = denseKernel(parameters, taps, groups);
    const product = (x: Tensor, kernel: Tensor) => convolve(kind, x, kernel, options, spatial);
    return groups === 1
      ? adaptedConvolution(parameters, weight, product)
      : (x: Tensor) => product(x, weight);
  }

  function cores(
    factorisation: KernelFactorisation,
    parameters: LayerParameters,
    taps: readonly number[],
    variance: VarianceLaw = 'glorot',
  ): FactorisedWeight | null {
    const kernel = factorisation.kernelNetwork(taps, inChannels, outChannels);
    if (!kernel) return null;
    const weight = factorisedWeight(parameters, 'weight', kernel, matrixVariance(variance, kernel));
    return weight.cores.flat().some(isPoisoned) ? null : weight;
  }

  function factorised(
    factorisation: KernelFactorisation,
    parameters: LayerParameters,
    taps: readonly number[],
    { groups = 1, variance, ...windowOptions }: ConvolutionLayerOptions,
  ) {
    if (groups !== 1) {
      const wanted = '1 with a factorised kernel';
      report(2015, { op: kind, name: 'groups', value: groups, wanted });
      return null;
    }
    const weight = cores(factorisation, parameters, taps, variance);
    if (!weight) return null;
    return (x: Tensor) => {
      const extents = x.shape.slice(1, -1);
      const windows = resolveWindows(kind, extents, taps, windowOptions);
      if (!windows) return poisoned(x.type);
      const axes = windows.map(({ positions }, k) => ({ extent: extents[k], positions }));
      warnIfDearer(kind, weight.matrix, x.shape[0], axes);
      const y = factorisedConvolution(x, weight, windows);
      noteImages(kind, x, y);
      return y;
    };
  }
  return layer;
}

/** The bias of a convolution, or null without one. */
export function biasOf(
  parameters: LayerParameters,
  outChannels: number,
  { bias, biasInit }: Pick<ConvolutionLayerOptions, 'bias' | 'biasInit'>,
): Tensor | null {
  return bias === false ? null : parameters.get('bias', [outChannels], biasInit ?? zerosInit);
}
