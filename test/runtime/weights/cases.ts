import {
  attention,
  batchNorm,
  convolution,
  convolution1d,
  convolution3d,
  embedding,
  gelu,
  groupNorm,
  gru,
  instanceNorm,
  layerNorm,
  linear,
  lstm,
  maxPool2d,
  relu,
  reshape,
  rnn,
  scope,
  type Tensor,
  transpose,
  transposedConvolution,
  transposedConvolution1d,
  transposedConvolution3d,
} from '../../../compiler/index.ts';

// The modules of make.py as a user of btc writes them: channels are last.

type Build = (x: Tensor) => Tensor;

const gpt2: Build = (x) => {
  const heads = attention(6, { heads: 2, causal: true, name: 'attn' });
  const y = x.add(heads(layerNorm(6, { name: 'ln_1' })(x)));
  const hidden = layerNorm(6, { name: 'ln_2' })(y);
  return y.add(
    scope('mlp', () =>
      linear(24, 6, { name: 'c_proj' })(gelu(linear(6, 24, { name: 'c_fc' })(hidden))),
    ),
  );
};

const name = 'layer';

/** By case of make.py. */
export const CASES: Readonly<Record<string, Build>> = {
  linear: (x) => linear(4, 3, { name })(x),
  square: (x) => linear(3, 3, { name })(x),
  embedding: (x) => embedding(5, 3, { name })(x),
  convolution: (x) =>
    convolution(4, 6, { name, kernel: [3, 2], groups: 2, padding: 1, stride: 2 })(x),
  convolution1d: (x) => convolution1d(3, 4, { name, kernel: 3 })(x),
  convolution3d: (x) => convolution3d(2, 3, { name, kernel: [1, 2, 3] })(x),
  transposed: (x) => transposedConvolution(3, 2, { name, kernel: [3, 2], stride: 2 })(x),
  batchNorm: (x) => batchNorm(3, { name })(x),
  layerNorm: (x) => layerNorm(5, { name })(x),
  groupNorm: (x) => groupNorm(2, 6, { name })(x),
  instanceNorm: (x) => instanceNorm(3, { name, affine: true })(x),
  rnn: (x) => rnn(3, 4, { name })(x).outputs,
  lstm: (x) => lstm(3, 4, { name })(x).outputs,
  gru: (x) => gru(3, 4, { name })(x).outputs,
  attention: (x) => attention(6, { name: 'attention', heads: 2 })(x),
  grouped: (x) => attention(8, { name: 'self_attn', heads: 4, keyHeads: 2 })(x),
  neox: (x) => attention(8, { name: 'attention', heads: 4 })(x),
  falcon: (x) => attention(8, { name: 'self_attention', heads: 4, keyHeads: 2 })(x),
  sharedKey: (x) => attention(8, { name: 'self_attention', heads: 4, keyHeads: 1 })(x),
  gpt2,
  nanogpt: gpt2,
  flat: (x) => {
    const y = relu(
      batchNorm(3, { name: 'norm' })(convolution(2, 3, { name: 'conv', kernel: 3, padding: 1 })(x)),
    );
    const rows = reshape(maxPool2d(y, 2), [3, 18]);
    return linear(18, 4, { name: 'fc' })(batchNorm(18, { name: 'flat' })(rows));
  },
  decoder: (x) => {
    const images = reshape(relu(linear(5, 24, { name: 'fc' })(x)), [2, 2, 4, 3]);
    return transposedConvolution(3, 2, {
      ...{ name: 'up', kernel: [3, 2], stride: 2, padding: [1, 0] },
    })(images);
  },
  strips: (x) => {
    const y = convolution(1, 3, { name: 'conv', kernel: [2, 1] })(x);
    return lstm(12, 5, { name: 'rnn' })(reshape(transpose(y, [0, 2, 1, 3]), [2, 6, 12])).outputs;
  },
  stackedRnn: (x) => rnn(3, 4, { name, layers: 3, nonlinearity: 'relu' })(x).outputs,
  stackedLstm: (x) => lstm(3, 4, { name, layers: 2, bidirectional: true })(x).outputs,
  bidirectionalLstm: (x) => lstm(3, 2, { name, bidirectional: true })(x).outputs,
  stackedGru: (x) => gru(3, 2, { name, layers: 2, bidirectional: true })(x).outputs,
  transposedGroups: (x) =>
    transposedConvolution(4, 6, { name, kernel: [3, 2], stride: 2, groups: 2 })(x),
  transposed1d: (x) =>
    transposedConvolution1d(4, 6, { name, kernel: 3, stride: 2, groups: 2, outputPadding: 1 })(x),
  transposed3d: (x) => transposedConvolution3d(2, 3, { name, kernel: [1, 2, 3] })(x),
};
