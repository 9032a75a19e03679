import {
  adamw,
  attention,
  crossEntropy,
  defineModel,
  dropout,
  einsum,
  embedding,
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

const batch = option('batch', 4);
/** Tokens of a text. */
const length = option('length', 32);
const vocabulary = option('vocabulary', 64);
const layers = option('layers', 2);
const heads = option('heads', 4);
/** Features of a token. */
const features = option('features', 64);

const DROPOUT = 0.1;

/** Attention over what came before, then two linear layers on each token; both are added to what they read. */
function block(x: Tensor): Tensor {
  const attend = attention(features, { heads, causal: true, dropout: DROPOUT });
  const widen = linear(features, 4 * features);
  const narrow = linear(4 * features, features);
  const attended = x.add(dropout(attend(layerNorm(features)(x)), DROPOUT));
  const thought = narrow(gelu(widen(layerNorm(features)(attended))));
  return attended.add(dropout(thought, DROPOUT));
}

/**
 * A decoder-only transformer (Radford et al. 2019, GPT-2), which says what comes next; the table of tokens is its output
 * matrix too. The size of GPT-2 small: `--set batch=8 --set length=1024 --set vocabulary=50257 --set layers=12 --set heads=12
 * --set features=768`.
 */
export default defineModel({
  name: 'gpt',
  inputs: {
    tokens: tensor([batch, length], 'i32'),
    /** The token after each of `tokens`. */
    next: tensor([batch, length], 'i32'),
  },
  build({ tokens }) {
    const words = embedding(vocabulary, features, { name: 'words' });
    const positions = param('positions', [length, features], init.normal(0.02));
    let x = dropout(words(tokens).add(positions), DROPOUT);
    for (let layer = 1; layer <= layers; layer++) x = scope(`block${layer}`, () => block(x));
    const last = layerNorm(features, { name: 'last' })(x);
    return { logits: einsum('btf,vf->btv', last, words.table()) };
  },
  train: {
    loss: ({ logits }, { next }) => crossEntropy(logits, next),
    optimizer: adamw({
      learningRate: 1e-3,
      weightDecay: 0.1,
      clipNorm: 1,
      // Biases, scales and shifts are not drawn towards 0.
      groups: [{ parameters: (_, shape) => shape.length < 2, settings: { weightDecay: 0 } }],
    }),
  },
});
