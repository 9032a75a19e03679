import { adam, crossEntropy, defineModel, linear, lstm, option, tensor } from 'btc-compiler';

const batch = option('batch', 50);
const hidden = option('hidden', 32);

/** An LSTM that reads a digit row by row: 28 steps of 28 pixels. */
export default defineModel({
  name: 'lstm',
  seed: 1,
  inputs: { image: tensor([batch, 784]), label: tensor([batch], 'i32') },
  build({ image }) {
    const reader = lstm(28, hidden, { name: 'reader' });
    const { state } = reader(image.reshape([batch, 28, 28]));
    return { logits: linear(hidden, 10, { name: 'output' })(state.hidden) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 4e-3, clipNorm: 1 }),
  },
});
