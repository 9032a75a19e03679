import {
  adam,
  blockTerm,
  crossEntropy,
  defineModel,
  linear,
  lstm,
  option,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 4);
const frames = option('frames', 4);
const rank = option('rank', 4);
const blocks = option('blocks', 2);

/** Videos of 160 x 120 colour pixels, and the modes of the input-to-hidden matrix, as in table 2 of the paper. */
const PIXELS = 160 * 120 * 3;
const HIDDEN = 256;
const CLASSES = 11;
const modes = { inputModes: [8, 20, 20, 18], outputModes: [4, 4, 4, 4] };

/**
 * The block-term LSTM over raw frames (Ye et al., CVPR 2018) for the eleven classes of UCF11. Its own size: `--set batch=16
 * --set frames=6`. examples/video compares it with other forms.
 */
export default defineModel({
  name: 'bt-lstm',
  inputs: { video: tensor([batch, frames, PIXELS]), label: tensor([batch], 'i32') },
  build({ video }) {
    const inputWeight = blockTerm({ ...modes, rank, blocks });
    const reader = lstm(PIXELS, HIDDEN, { name: 'reader', inputWeight });
    return { logits: linear(HIDDEN, CLASSES, { name: 'output' })(reader(video).state.hidden) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 1e-3, clipNorm: 1 }),
  },
});
