import {
  adam,
  blockTerm,
  defineModel,
  linear,
  lowRank,
  meanSquaredError,
  mul,
  option,
  tensor,
} from 'btc-compiler';

const SIZE = 64;
/** block-term or low-rank. */
const form = option('form', 'block-term');
const rank = option('rank', 1);
const blocks = option('blocks', 1);

const weight =
  form === 'low-rank'
    ? lowRank({ rank })
    : blockTerm({ inputModes: [8, 8], outputModes: [8, 8], rank, blocks });

/** A 64 x 64 matrix learnt from products with it (Ye et al., CVPR 2018, figure 5). */
export default defineModel({
  name: 'sensitivity',
  seed: 3,
  inputs: { x: tensor([SIZE, SIZE]), wanted: tensor([SIZE, SIZE]) },
  build({ x }) {
    return { product: linear(SIZE, SIZE, { name: 'matrix', bias: false, weight })(x) };
  },
  train: {
    loss: ({ product }, { wanted }) => mul(meanSquaredError(product, wanted), SIZE),
    optimizer: adam({ learningRate: 2e-2 }),
  },
});
