import { adam, crossEntropy, defineModel, linear, lstm, option, tensor } from 'btc-compiler';

const batch = option('batch', 50);
const hidden = option('hidden', 64);

/** An LSTM that reads a handwritten digit row by row: 28 steps of 28 pixels. */
export default defineModel({
  name: 'rows',
  seed: 1,
  inputs: {
    rows: tensor([batch, 28, 28]),
    label: tensor([batch], 'i32'),
  },
  build({ rows }) {
    const reader = lstm(28, hidden, { name: 'reader' });
    const output = linear(hidden, 10, { name: 'output' });
    const { state } = reader(rows);
    return { logits: output(state.hidden) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 4e-3, clipNorm: 1 }),
  },
});
