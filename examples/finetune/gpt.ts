import {
  adamw,
  attention,
  crossEntropy,
  defineModel,
  einsum,
  embedding,
  frozen,
  gelu,
  init,
  layerNorm,
  linear,
  lora,
  mergedWeights,
  option,
  param,
  scope,
  type Tensor,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 1);
/** Tokens of a text. */
const length = option('length', 32);
const vocabulary = option('vocabulary', 64);
const layers = option('layers', 2);
const heads = option('heads', 4);
/** Features of a token. */
const features = option('features', 64);
/** Of the adapters; 0 trains all weights instead. */
const rank = option('rank', 8);
/** Whether frozen weights are kept as bytes with a scale for each column, or else as halves. */
const bytes = option('bytes', false);
const storage = bytes ? 'int8' : 'f16';

/** Attention over what came before, then two linear layers on each token; both are added to what they read. */
function block(x: Tensor): Tensor {
  const attend = attention(features, { heads, causal: true });
  const widen = linear(features, 4 * features);
  const narrow = linear(4 * features, features);
  const attended = x.add(attend(layerNorm(features)(x)));
  return attended.add(narrow(gelu(widen(layerNorm(features)(attended)))));
}

function blocks(x: Tensor): Tensor {
  let y = x;
  for (let layer = 1; layer <= layers; layer++) y = scope(`block${layer}`, () => block(y));
  return layerNorm(features, { name: 'last' })(y);
}

const words = embedding(vocabulary, features, { name: 'words' });
const positions = (): Tensor => param('positions', [length, features], init.normal(0.02));

/** All of GPT-2; its frozen weights are kept as halves or bytes, and queries and values of attention learn by adapters. */
const body =
  rank === 0 ? blocks : lora(blocks, { rank, alpha: 2 * rank, targets: /query|value/, storage });
const table = rank === 0 ? words : frozen(words, { storage });
const places = rank === 0 ? positions : frozen(positions, { storage });

function network(tokens: Tensor): Tensor {
  const read = body(table(tokens).add(places()));
  return einsum('btf,vf->btv', read, table.table());
}

/**
 * GPT-2 (Radford et al. 2019) for fine-tuning with adapters (Hu et al. 2021). The size of GPT-2 small: `--set length=512
 * --set vocabulary=50257 --set layers=12 --set heads=12 --set features=768`; `--set rank=0` trains all of it.
 */
export default defineModel({
  name: 'gpt-adapted',
  inputs: {
    tokens: tensor([batch, length], 'i32'),
    /** The token after each of `tokens`. */
    next: tensor([batch, length], 'i32'),
  },
  build: ({ tokens }) => ({ logits: network(tokens) }),
  train: {
    loss: ({ logits }, { next }) => crossEntropy(logits, next),
    optimizer: adamw({ learningRate: 2e-4 }),
  },
  ...(rank === 0
    ? {}
    : { programs: { merge: ({ tokens }) => mergedWeights(() => network(tokens)) } }),
});
