import {
  adam,
  blockTerm,
  cp,
  crossEntropy,
  defineModel,
  type Factorisation,
  linear,
  lstm,
  option,
  tensor,
  tensorRing,
  tensorTrain,
} from 'btc-compiler';

const batch = option('batch', 16);
const frames = option('frames', 6);
/** The input-to-hidden matrix: plain, cp, tensor-train, tensor-ring or block-term. */
const form = option('form', 'block-term');

/** 160 x 120 x 3 inputs and 4 gates of 256, in the modes and ranks of the paper (Ye et al., CVPR 2018, table 2). */
const PIXELS = 160 * 120 * 3;
const HIDDEN = 256;
const modes = { inputModes: [8, 20, 20, 18], outputModes: [4, 4, 4, 4] };
const FORMS: Readonly<Record<string, Factorisation>> = {
  cp: cp({ ...modes, rank: 16 }),
  'tensor-train': tensorTrain({ ...modes, rank: 4 }),
  'tensor-ring': tensorRing({ ...modes, rank: 4 }),
  'block-term': blockTerm({ ...modes, rank: 4, blocks: 2 }),
};
if (form !== 'plain' && !Object.hasOwn(FORMS, form)) throw new Error(`there is no form '${form}'`);

/** An LSTM that reads a short video, frame by frame. */
export default defineModel({
  name: 'video',
  seed: 1,
  inputs: {
    video: tensor([batch, frames, PIXELS]),
    label: tensor([batch], 'i32'),
  },
  build({ video }) {
    const weights = form === 'plain' ? {} : { inputWeight: FORMS[form] };
    const reader = lstm(PIXELS, HIDDEN, { name: 'reader', ...weights });
    const output = linear(HIDDEN, 10, { name: 'output' });
    return { logits: output(reader(video).state.hidden) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 1e-3, clipNorm: 1 }),
  },
});
