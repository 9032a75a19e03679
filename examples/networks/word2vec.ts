import {
  defineModel,
  einsum,
  embedding,
  init,
  logSigmoid,
  norm,
  option,
  sgd,
  type Tensor,
  tensor,
} from 'btc-compiler';

/** Pairs of a word and one near it. */
const batch = option('batch', 64);
const vocabulary = option('vocabulary', 500);
const features = option('features', 16);
/** Words beside each pair that were drawn from the whole text. */
const negatives = option('negatives', 5);

const words = embedding(vocabulary, features, {
  name: 'words',
  weightInit: init.uniform(-0.5 / features, 0.5 / features),
});
/** What a word is as a neighbour. */
const contexts = embedding(vocabulary, features, { name: 'contexts', weightInit: init.zeros });

const unit = (x: Tensor) => x.div(norm(x, -1, { keepDims: true }));

/**
 * Word vectors by skip-grams with negative sampling (Mikolov et al. 2013): a word predicts those near it against words drawn by
 * the caller, by frequency to the power 3/4. `predict` gives each word's similarity to every other. The size of the text8
 * demonstration: `--set batch=1024 --set vocabulary=71291 --set features=200`.
 */
export default defineModel({
  name: 'word2vec',
  inputs: {
    word: tensor([batch], 'i32'),
    near: tensor([batch], 'i32'),
    drawn: tensor([batch, negatives], 'i32'),
  },
  build({ word, near, drawn }) {
    const vectors = words(word);
    return {
      near: einsum('bf,bf->b', vectors, contexts(near)),
      drawn: einsum('bf,bnf->bn', vectors, contexts(drawn)),
    };
  },
  train: {
    // Summed: each pair moves its rows by the whole learning rate, as if it came alone.
    loss: ({ near, drawn }) => logSigmoid(near).sum().add(logSigmoid(drawn.neg()).sum()).neg(),
    optimizer: sgd({ learningRate: 0.025 }),
  },
  programs: {
    predict: ({ word }) => ({
      similarity: einsum('bf,vf->bv', unit(words(word)), unit(words.table())),
    }),
  },
});
