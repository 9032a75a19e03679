import {
  adamw,
  attention,
  crossEntropy,
  defineModel,
  gelu,
  init,
  layerNorm,
  linear,
  option,
  param,
  scope,
  type Tensor,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 32);
const layers = option('layers', 2);
const features = option('features', 32);

/** Attention over what came before, then two linear layers on each token; both are added to what they read. */
function block(x: Tensor): Tensor {
  const attended = x.add(attention(features, { heads: 4, causal: true })(layerNorm(features)(x)));
  const widened = gelu(linear(features, 4 * features)(layerNorm(features)(attended)));
  return attended.add(linear(4 * features, features)(widened));
}

/** A tiny decoder that reads a digit as a text of 28 rows, from top to bottom, and says at its end which one it was. */
export default defineModel({
  name: 'gpt',
  seed: 1,
  inputs: { image: tensor([batch, 784]), label: tensor([batch], 'i32') },
  build({ image }) {
    const rows = linear(28, features, { name: 'rows' })(image.reshape([batch, 28, 28]));
    let x = rows.add(param('positions', [28, features], init.normal(0.02)));
    for (let layer = 1; layer <= layers; layer++) x = scope(`block${layer}`, () => block(x));
    const last = layerNorm(features, { name: 'last' })(x).mean([1]);
    return { logits: linear(features, 10, { name: 'output' })(last) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adamw({ learningRate: 3e-3, weightDecay: 0.01 }),
  },
});
