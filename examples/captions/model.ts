import {
  adamw,
  blockTerm,
  concat,
  crossEntropy,
  defineModel,
  dropout,
  embedding,
  expandDims,
  init,
  linear,
  logSoftmax,
  lstm,
  option,
  slice,
  tensor,
  zeros,
} from 'btc-compiler';
import { encoder, SIDE } from './encoder.ts';

const batch = option('batch', 32);
/** Rows of the program `step`: the hypotheses of a beam, or pictures side by side. */
const rows = option('rows', 5);
/** Words and marks. */
const vocabulary = option('vocabulary', 305);
/** Positions of a caption, <end> included. */
const length = option('length', 7);
/** The input-to-hidden matrix of the decoder: block-term or plain. */
const decoder = option('decoder', 'block-term');

/** Of picture features, word embeddings and the decoder's state. */
const WIDTH = 128;
const DROPOUT = 0.3;
const INPUT_MATRICES = {
  plain: {},
  'block-term': {
    inputWeight: blockTerm({
      inputModes: [4, 8, 4],
      outputModes: [4, 8, 4],
      rank: 4,
      blocks: 2,
    }),
  },
} as const;
if (!Object.hasOwn(INPUT_MATRICES, decoder)) throw new Error(`there is no decoder '${decoder}'`);

/** Show and tell: the decoder reads the picture as if it were the first word. */
function captioner() {
  return {
    encode: encoder(batch, WIDTH, DROPOUT),
    embed: embedding(vocabulary, WIDTH, { name: 'words', weightInit: init.normal(0.3) }),
    decode: lstm(WIDTH, WIDTH, {
      name: 'decoder',
      ...INPUT_MATRICES[decoder as keyof typeof INPUT_MATRICES],
    }),
    output: linear(WIDTH, vocabulary, { name: 'output' }),
  };
}

/** A captioner of small pictures (Vinyals et al., Show and Tell, CVPR 2015). */
export default defineModel({
  name: 'captions',
  seed: 1,
  inputs: {
    /** Ink: 0 is white. */
    image: tensor([batch, SIDE, SIDE, 3]),
    /** `<start> red heart`, filled up to the length. */
    words: tensor([batch, length], 'i32'),
    /** `red heart <end>`; -1 where there is nothing to say. */
    targets: tensor([batch, length], 'i32'),
    word: tensor([rows], 'i32'),
    hidden: tensor([rows, WIDTH]),
    cell: tensor([rows, WIDTH]),
  },
  /** Teacher forcing: logits [batch, length, vocabulary] of the word after each of `words`. */
  build({ image, words }) {
    const { encode, embed, decode, output } = captioner();
    const read = concat([expandDims(encode(image), 1), dropout(embed(words), DROPOUT)], 1);
    const { outputs } = decode(read);
    return { logits: output(dropout(slice(outputs, 1, 1), DROPOUT)) };
  },
  train: {
    /** Mean over the words that there are. */
    loss: ({ logits }, { targets }) => crossEntropy(logits, targets, { ignoreIndex: -1 }),
    optimizer: adamw({ learningRate: 2e-3, weightDecay: 0.3, clipNorm: 1 }),
  },
  programs: {
    /** The decoder's state when it has read the picture. */
    encode: ({ image }) => {
      const { encode, decode } = captioner();
      const none = zeros([batch, WIDTH]);
      const { hidden, cell } = decode.step(encode(image), { hidden: none, cell: none });
      return { hidden, cell: cell! };
    },
    /** One word further: log-likelihoods [rows, vocabulary] of the word after `word`, and the next state. */
    step: ({ word, hidden, cell }) => {
      const { embed, decode, output } = captioner();
      const next = decode.step(embed(word), { hidden, cell });
      return {
        likelihood: logSoftmax(output(next.hidden)),
        hidden: next.hidden,
        cell: next.cell!,
      };
    },
  },
});
