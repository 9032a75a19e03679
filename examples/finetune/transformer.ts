import {
  adamw,
  attention,
  crossEntropy,
  defineModel,
  einsum,
  embedding,
  gelu,
  iota,
  layerNorm,
  linear,
  option,
  scope,
  type Tensor,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 8);
const length = option('length', 16);
const vocabulary = option('vocabulary', 32);
const features = option('features', 32);
const layers = option('layers', 2);
const heads = option('heads', 4);

/** A block of GPT-2, under the names that Hugging Face gives its modules. */
function block(x: Tensor): Tensor {
  const attend = attention(features, { heads, causal: true, name: 'attn' });
  const attended = x.add(attend(layerNorm(features, { name: 'ln_1' })(x)));
  const normal = layerNorm(features, { name: 'ln_2' })(attended);
  return scope('mlp', () => {
    const widen = linear(features, 4 * features, { name: 'c_fc' });
    const narrow = linear(4 * features, features, { name: 'c_proj' });
    return attended.add(narrow(gelu(widen(normal))));
  });
}

/** GPT-2 in small. The table of tokens is its output matrix too. */
export default defineModel({
  name: 'transformer',
  inputs: {
    tokens: tensor([batch, length], 'i32'),
    /** The token after each of `tokens`. */
    next: tensor([batch, length], 'i32'),
  },
  build({ tokens }) {
    const words = embedding(vocabulary, features, { name: 'wte' });
    const positions = embedding(length, features, { name: 'wpe' });
    let x = words(tokens).add(positions(iota([length], 0)));
    for (let layer = 0; layer < layers; layer++) x = scope(`h.${layer}`, () => block(x));
    const last = layerNorm(features, { name: 'ln_f' })(x);
    return { logits: einsum('btf,vf->btv', last, words.table()) };
  },
  train: {
    loss: ({ logits }, { next }) => crossEntropy(logits, next),
    optimizer: adamw({ learningRate: 3e-3 }),
  },
});
