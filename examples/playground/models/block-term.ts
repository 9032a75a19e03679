import {
  adam,
  blockTerm,
  crossEntropy,
  defineModel,
  linear,
  option,
  relu,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 100);
const rank = option('rank', 4);
const blocks = option('blocks', 2);

/**
 * A matrix of 784 x 256 weights that exists only as the cores of a block-term decomposition (Ye et al., CVPR 2018): btc chooses the
 * order in which they are contracted.
 */
export default defineModel({
  name: 'block-term',
  seed: 1,
  inputs: { image: tensor([batch, 784]), label: tensor([batch], 'i32') },
  build({ image }) {
    const weight = blockTerm({ inputModes: [4, 7, 7, 4], outputModes: [4, 4, 4, 4], rank, blocks });
    const hidden = relu(linear(784, 256, { name: 'hidden', weight })(image));
    return { logits: linear(256, 10, { name: 'output' })(hidden) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 3e-3 }),
  },
});
