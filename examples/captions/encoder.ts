import {
  convolution,
  dropout,
  init,
  linear,
  mul,
  normalise,
  relu,
  reshape,
  sub,
  type Tensor,
} from 'btc-compiler';

export const SIDE = 32;
const CHANNELS = 3;
/** Ink of a pixel, on average and its deviation, over the pictures. */
const INK = { mean: 0.17, deviation: 0.33 };
/** Of the patches of 4 x 4 pixels, and of 2 x 2 of those. */
const FINE = 64;
const COARSE = 128;

/**
 * Pictures [batch, 32, 32, 3] of ink to features [batch, features] of mean 0 and variance 1. Two convolutions whose stride
 * is their window, and a linear layer over the 4 x 4 places that are left.
 */
export function encoder(batch: number, features: number, dropoutRate: number) {
  const patches = (inChannels: number, outChannels: number, size: number, name: string) =>
    convolution(inChannels, outChannels, {
      kernel: size,
      stride: size,
      weightInit: init.heNormal,
      name: `encoder.${name}`,
    });
  const fine = patches(CHANNELS, FINE, 4, 'fine');
  const coarse = patches(FINE, COARSE, 2, 'coarse');
  const summary = linear(4 * 4 * COARSE, features, { name: 'encoder.summary' });
  return (image: Tensor): Tensor => {
    const pixels = mul(sub(image, INK.mean), 1 / INK.deviation);
    const places = relu(coarse(relu(fine(pixels))));
    return normalise(summary(dropout(reshape(places, [batch, -1]), dropoutRate)));
  };
}
