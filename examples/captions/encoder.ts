import {
  dropout,
  init,
  type LinearOptions,
  linear,
  mul,
  normalise,
  relu,
  reshape,
  sub,
  type Tensor,
  transpose,
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
 * is their window, so that each is a linear layer over patches, and a linear layer over the 4 x 4 places that are left.
 */
export function encoder(batch: number, features: number, dropoutRate: number) {
  const rectified: LinearOptions = { weightInit: init.heNormal };
  const fine = linear(4 * 4 * CHANNELS, FINE, { name: 'encoder.fine', ...rectified });
  const coarse = linear(2 * 2 * FINE, COARSE, { name: 'encoder.coarse', ...rectified });
  const summary = linear(4 * 4 * COARSE, features, { name: 'encoder.summary' });
  return (image: Tensor): Tensor => {
    const pixels = mul(sub(image, INK.mean), 1 / INK.deviation);
    const patches = relu(fine(patchesOf(pixels, 4)));
    const places = relu(coarse(patchesOf(patches, 2)));
    return normalise(summary(dropout(reshape(places, [batch, -1]), dropoutRate)));
  };
}

/** [batch, height, width, channels] to [batch, height / size, width / size, size · size · channels]. */
function patchesOf(x: Tensor, size: number): Tensor {
  const [batch, height, width, channels] = x.shape;
  const [rows, columns] = [height / size, width / size];
  const cut = transpose(
    reshape(x, [batch, rows, size, columns, size, channels]),
    [0, 1, 3, 2, 4, 5],
  );
  return reshape(cut, [batch, rows, columns, size * size * channels]);
}
