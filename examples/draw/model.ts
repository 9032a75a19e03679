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

const batch = option('batch', 32);
/** Ten digits, and six symbols of the person's own. */
const classes = option('classes', 16);

function stage(x: Tensor, channels: number, outChannels: number, name: string): Tensor {
  const filter = convolution(channels, outChannels, { name, kernel: [3, 3], padding: 1 });
  return maxPool2d(relu(filter(x)), 2);
}

/** A small convolutional network, which is fine-tuned in the page on what the person draws. */
export default defineModel({
  name: 'draw',
  seed: 1,
  inputs: { image: tensor([batch, 784]), label: tensor([batch], 'i32') },
  build({ image }) {
    const first = stage(image.reshape([batch, 28, 28, 1]), 1, 12, 'first');
    const second = stage(first, 12, 24, 'second');
    const hidden = relu(linear(7 * 7 * 24, 64, { name: 'hidden' })(second.reshape([batch, 1176])));
    return { logits: linear(64, classes, { name: 'output' })(hidden) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 1e-3 }),
  },
});
