/** Small models of every kind that options treat apart, by file: batch norm, dropout and states, attention in halves, equal time steps. */
export const OPTION_MODELS: Readonly<Record<string, string>> = {
  'dense.ts': `import { adam, crossEntropy, defineModel, dropout, linear, option, relu, tensor } from 'btc-compiler';
const batch = option('batch', 6);
export default defineModel({
  name: 'dense',
  inputs: { x: tensor([batch, 40]), y: tensor([batch], 'i32') },
  build: ({ x }) => ({ logits: linear(24, 5)(dropout(relu(linear(40, 24)(x)), 0.25)) }),
  train: {
    loss: ({ logits }, { y }) => crossEntropy(logits, y),
    optimizer: adam({ learningRate: 0.01, clipNorm: 1 }),
    accumulate: true,
  },
});
`,
  'images.ts': `import { batchNorm, convolution, crossEntropy, defineModel, flatten, linear, maxPool2d, option, relu, sgd, tensor } from 'btc-compiler';
const batch = option('batch', 4);
export default defineModel({
  name: 'images',
  inputs: { x: tensor([batch, 10, 10, 2]), y: tensor([batch], 'i32') },
  build({ x }) {
    const a = relu(batchNorm(6)(convolution(2, 6, { kernel: 3, padding: 1 })(x)));
    const b = relu(convolution(6, 6, { kernel: 3, padding: 1 })(maxPool2d(a, 2)));
    return { logits: linear(150, 4)(flatten(b, 1)) };
  },
  train: {
    loss: ({ logits }, { y }) => crossEntropy(logits, y),
    optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }),
  },
});
`,
  'words.ts': `import { adamw, attention, crossEntropy, defineModel, embedding, layerNorm, linear, option, tensor } from 'btc-compiler';
const batch = option('batch', 2);
export default defineModel({
  name: 'words',
  inputs: { x: tensor([batch, 12], 'i32'), y: tensor([batch, 12], 'i32') },
  build({ x }) {
    const read = embedding(11, 16)(x);
    return { logits: linear(16, 11)(layerNorm(16)(attention(16, { heads: 2, causal: true })(read))) };
  },
  train: {
    loss: ({ logits }, { y }) => crossEntropy(logits, y),
    optimizer: adamw({ learningRate: 0.01 }),
    precision: 'f16',
  },
});
`,
  'frames.ts': `import { crossEntropy, defineModel, linear, lstm, option, rmsprop, tensor } from 'btc-compiler';
const batch = option('batch', 3);
export default defineModel({
  name: 'frames',
  inputs: { x: tensor([batch, 5, 8]), y: tensor([batch], 'i32') },
  build: ({ x }) => ({ logits: linear(12, 3)(lstm(8, 12)(x).state.hidden) }),
  train: {
    loss: ({ logits }, { y }) => crossEntropy(logits, y),
    optimizer: rmsprop({ learningRate: 0.01 }),
  },
});
`,
};
