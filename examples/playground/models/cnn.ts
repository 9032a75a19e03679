import {
  adam,
  convolution,
  crossEntropy,
  defineModel,
  linear,
  maxPool2d,
  option,
  relu,
  type Tensor,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 50);

/** Convolution, activation, pooling: half of the height and width. */
function stage(x: Tensor, channels: number, outChannels: number, name: string): Tensor {
  const filter = convolution(channels, outChannels, { name, kernel: 3, padding: 1 });
  return maxPool2d(relu(filter(x)), 2);
}

/** A small convolutional network: images are [batch, height, width, channels]. */
export default defineModel({
  name: 'cnn',
  seed: 1,
  inputs: { image: tensor([batch, 784]), label: tensor([batch], 'i32') },
  build({ image }) {
    const pixels = image.reshape([batch, 28, 28, 1]);
    const first = stage(pixels, 1, 8, 'first');
    const second = stage(first, 8, 16, 'second');
    return { logits: linear(7 * 7 * 16, 10, { name: 'output' })(second.reshape([batch, 784])) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 2e-3 }),
  },
});
