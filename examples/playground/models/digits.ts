import {
  adam,
  crossEntropy,
  defineModel,
  dropout,
  linear,
  option,
  relu,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 100);
const hidden = option('hidden', 256);

/** A two-layer perceptron on 28x28 images of handwritten digits. */
export default defineModel({
  name: 'digits',
  seed: 1,
  inputs: { image: tensor([batch, 784]), label: tensor([batch], 'i32') },
  build({ image }) {
    const first = linear(784, hidden, { name: 'hidden' });
    const second = linear(hidden, 10, { name: 'output' });
    return { logits: second(dropout(relu(first(image)), 0.1)) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 2e-3 }),
  },
});
