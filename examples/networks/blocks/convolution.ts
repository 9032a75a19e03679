import { batchNorm, convolution, init, relu, type Tensor } from 'btc-compiler';

export interface UnitOptions {
  /** One extent for both axes, or [height, width]; default 3. */
  readonly kernel?: number | readonly [number, number];
  readonly stride?: number;
  /** Default half the kernel, which keeps the extents of the image at stride 1. */
  readonly padding?: number;
  readonly groups?: number;
}

type ConvolutionOf = (x: Tensor, channels: number, options?: UnitOptions) => Tensor;

const convolve = (
  x: Tensor,
  channels: number,
  { kernel = 3, padding, ...options }: UnitOptions,
  bias: boolean,
) => {
  const extents = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  return convolution(x.shape[3], channels, {
    ...options,
    kernel: extents,
    padding: padding ?? extents.map((extent) => extent >> 1),
    weightInit: init.heUniform,
    bias,
  })(x);
};

/** A convolution with bias, then relu. */
export const convolutionRelu: ConvolutionOf = (x, channels, options = {}) =>
  relu(convolve(x, channels, options, true));

/** A convolution, whose bias would go in what follows: batch norm. */
export const convolutionNorm: ConvolutionOf = (x, channels, options = {}) =>
  batchNorm(channels)(convolve(x, channels, options, false));

/** The same, then relu. */
export const convolutionNormRelu: ConvolutionOf = (x, channels, options) =>
  relu(convolutionNorm(x, channels, options));

/** Batch norm and relu before the convolution (He et al. 2016, identity mappings). */
export const normReluConvolution: ConvolutionOf = (x, channels, options = {}) =>
  convolve(relu(batchNorm(x.shape[3])(x)), channels, options, false);
