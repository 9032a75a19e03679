import { adam, crossEntropy, defineModel, linear, option, tanh, tensor } from 'btc-compiler';

/** Points of a step: btc build model.ts --set points=512 */
const points = option('points', 768);

/** Says of points in the plane which of three spirals they are of. */
export default defineModel({
  name: 'spirals',
  seed: 1,
  inputs: { point: tensor([points, 2]), label: tensor([points], 'i32') },
  build({ point }) {
    const first = linear(2, 48, { name: 'first' });
    const second = linear(48, 48, { name: 'second' });
    const output = linear(48, 3, { name: 'output' });
    return { logits: output(tanh(second(tanh(first(point))))) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 1e-2 }),
    metrics: ({ logits }, { label }) => ({
      accuracy: logits.argmax().equal(label).cast('f32').mean(),
    }),
  },
});
