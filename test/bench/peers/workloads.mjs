// What is measured: training steps of models, and kernels by themselves. Each is written once, over the functions that every
// system offers (systems/*.mjs), so that all compute the same thing. Images are [batch, height, width, channels].

const f32 = (...shape) => ({ dtype: 'f32', shape });
/** Whole numbers from 0 up to `classes`. */
const indices = (classes, ...shape) => ({ dtype: 'i32', shape, classes });

/** A bottleneck of ResNet-50 (He et al. 2016): 1 x 1, 3 x 3, 1 x 1, and a shortcut. */
function bottleneck(nn, x, name, { from, channels, stride }) {
  const unit = (y, part, count, options) =>
    nn.batchNorm(nn.convolution(y, `${name}.${part}`, count, options), `${name}.${part}norm`);
  const out = 4 * channels;
  const [forBranch, forShortcut] = nn.twice(x);
  let y = nn.relu(unit(forBranch, 'narrow', channels, { kernel: 1, bias: false }));
  y = nn.relu(unit(y, 'middle', channels, { kernel: 3, padding: 1, stride, bias: false }));
  y = unit(y, 'wide', out, { kernel: 1, bias: false });
  const same = stride === 1 && from === out;
  const shortcut = same
    ? forShortcut
    : unit(forShortcut, 'shortcut', out, { kernel: 1, stride, bias: false });
  return nn.relu(nn.add(y, shortcut));
}

function resnet50(nn, { image }) {
  const width = 16;
  const stem = nn.convolution(image, 'stem', width, {
    kernel: 7,
    stride: 2,
    padding: 3,
    bias: false,
  });
  let x = nn.maxPool(nn.relu(nn.batchNorm(stem, 'stemnorm')), { size: 3, stride: 2, padding: 1 });
  let from = width;
  for (const [stage, blocks] of [3, 4, 6, 3].entries())
    for (let block = 0; block < blocks; block++) {
      const channels = width * 2 ** stage;
      const stride = block === 0 && stage > 0 ? 2 : 1;
      x = bottleneck(nn, x, `stage${stage + 1}.block${block + 1}`, { from, channels, stride });
      from = 4 * channels;
    }
  return nn.linear(nn.globalAveragePool(x), 'output', 10);
}

/** A decoder-only transformer (Radford et al. 2019) without dropout. */
function transformer(nn, { tokens }) {
  const FEATURES = 128;
  let x = nn.embedding(tokens, 'words', 256, FEATURES);
  for (const name of ['block1', 'block2']) {
    let [kept, read] = nn.twice(x);
    const attended = nn.attention(nn.layerNorm(read, `${name}.norm1`), `${name}.attend`, 4);
    [kept, read] = nn.twice(nn.add(kept, attended));
    const wide = nn.gelu(nn.linear(nn.layerNorm(read, `${name}.norm2`), `${name}.wide`, 512));
    x = nn.add(kept, nn.linear(wide, `${name}.narrow`, FEATURES));
  }
  return nn.linear(nn.layerNorm(x, 'last'), 'output', 256);
}

function cnn(nn, { x }) {
  const block = (y, name, channels) =>
    nn.maxPool(nn.relu(nn.convolution(y, name, channels, { kernel: 3, padding: 1 })), {
      size: 2,
      stride: 2,
      padding: 0,
    });
  return nn.linear(nn.flatten(block(block(x, 'first', 16), 'second', 32)), 'output', 10);
}

/**
 * Steps of training by gradient descent; the loss is the mean cross-entropy of the logits of `network` against `label`. Learning
 * rates are such that rounding does not grow from step to step.
 */
export const MODELS = {
  mlp: {
    about: '784-512-256-10, batch 128',
    inputs: { x: f32(128, 784), label: indices(10, 128) },
    learningRate: 0.01,
    network: (nn, { x }) => {
      const hidden = nn.relu(nn.linear(x, 'first', 512));
      return nn.linear(nn.relu(nn.linear(hidden, 'second', 256)), 'output', 10);
    },
  },
  cnn: {
    about: 'two 3 x 3 convolutions (16, 32) with pooling, batch 32 of 28 x 28',
    inputs: { x: f32(32, 28, 28, 1), label: indices(10, 32) },
    learningRate: 0.01,
    network: cnn,
  },
  lstm: {
    about: '16 steps, batch 32, input 64, hidden 128',
    inputs: { x: f32(32, 16, 64), label: indices(10, 32) },
    learningRate: 0.01,
    network: (nn, { x }) => nn.linear(nn.lstm(x, 'reader', 128), 'output', 10),
  },
  'bt-lstm': {
    about: 'block-term LSTM over 57,600 inputs, hidden 256, rank 4, 2 blocks, batch 2 of 3 frames',
    inputs: { x: f32(2, 3, 57600), label: indices(11, 2) },
    learningRate: 0.01,
    network: (nn, { x }) => {
      const modes = { inputModes: [8, 20, 20, 18], outputModes: [4, 4, 4, 4], rank: 4, blocks: 2 };
      return nn.linear(nn.lstm(x, 'reader', 256, modes), 'output', 11);
    },
  },
  'resnet-50': {
    about: 'a quarter of the channels, batch 4 of 64 x 64',
    inputs: { image: f32(4, 64, 64, 3), label: indices(10, 4) },
    learningRate: 1e-7,
    network: resnet50,
  },
  transformer: {
    about: '2 blocks, 128 features, 4 heads, 64 tokens of 256, batch 4',
    inputs: { tokens: indices(256, 4, 64), label: indices(256, 4, 64) },
    learningRate: 0.01,
    network: transformer,
  },
};

const BYTES = 4;
const count = (shape) => shape.reduce((a, b) => a * b, 1);

/**
 * A kernel over operands: `layouts` of images and of convolution kernels [height, width, in, out] that systems may turn to their
 * own before anything is timed. `bytes` is what no implementation goes below: each operand and the result once.
 */
function kernel(group, operands, result, flops, compute, layouts = {}) {
  const elements = [...Object.values(operands), result].map(count).reduce((a, b) => a + b);
  return { group, operands, result, flops, bytes: BYTES * elements, compute, layouts };
}

const products = ['nn', 'nt', 'tn'].flatMap((layout) =>
  [64, 256, 333, 512, 768, 1000, 1024].map((n) => [
    `matmul-${layout}-${n}`,
    kernel('matmul', { a: [n, n], b: [n, n] }, [n, n], 2 * n ** 3, (nn, { a, b }) =>
      nn.matmul(a, b, layout),
    ),
  ]),
);

const IMAGE = [8, 28, 28, 64];
const TAPS = [3, 3, 64, 64];
const CONVOLUTION_FLOPS = 2 * count(IMAGE) * 9 * 64;
const MATRIX = [2048, 2048];
const [ROWS] = MATRIX;

const unary = (group, name, flops, shape = MATRIX) => [
  name,
  kernel(group, { a: shape }, shape, flops * count(shape), (nn, { a }) => nn[name](a)),
];

export const KERNELS = Object.fromEntries([
  ...products,
  [
    'conv-forward',
    kernel(
      'convolution',
      { x: IMAGE, w: TAPS },
      IMAGE,
      CONVOLUTION_FLOPS,
      (nn, { x, w }) => nn.conv(x, w),
      { x: 'image', w: 'kernel', result: 'image' },
    ),
  ],
  [
    'conv-input-gradient',
    kernel(
      'convolution',
      { dy: IMAGE, w: TAPS },
      IMAGE,
      CONVOLUTION_FLOPS,
      (nn, { dy, w }) => nn.convInputGradient(dy, w),
      { dy: 'image', w: 'kernel', result: 'image' },
    ),
  ],
  [
    'conv-weight-gradient',
    kernel(
      'convolution',
      { x: IMAGE, dy: IMAGE },
      TAPS,
      CONVOLUTION_FLOPS,
      (nn, { x, dy }) => nn.convWeightGradient(x, dy),
      { x: 'image', dy: 'image', result: 'kernel' },
    ),
  ],
  [
    'depthwise',
    kernel(
      'convolution',
      { x: IMAGE, w: [3, 3, 1, 64] },
      IMAGE,
      2 * count(IMAGE) * 9,
      (nn, { x, w }) => nn.depthwise(x, w),
      { x: 'image', w: 'kernel', result: 'image' },
    ),
  ],
  [
    'add',
    kernel('elementwise', { a: MATRIX, b: MATRIX }, MATRIX, count(MATRIX), (nn, { a, b }) =>
      nn.add(a, b),
    ),
  ],
  unary('elementwise', 'exp', 1),
  unary('elementwise', 'tanh', 1),
  [
    'transpose',
    kernel('elementwise', { a: [1024, 1024] }, [1024, 1024], 0, (nn, { a }) => nn.transpose(a)),
  ],
  [
    'sum-rows',
    kernel('reductions', { a: MATRIX }, [ROWS], count(MATRIX), (nn, { a }) => nn.sum(a, 1)),
  ],
  [
    'sum-columns',
    kernel('reductions', { a: MATRIX }, [ROWS], count(MATRIX), (nn, { a }) => nn.sum(a, 0)),
  ],
  ['sum-all', kernel('reductions', { a: MATRIX }, [], count(MATRIX), (nn, { a }) => nn.sum(a))],
  [
    'max-rows',
    kernel('reductions', { a: MATRIX }, [ROWS], count(MATRIX), (nn, { a }) => nn.max(a, 1)),
  ],
  [
    'matrix-vector',
    kernel(
      'reductions',
      { a: MATRIX, x: [ROWS, 1] },
      [ROWS, 1],
      2 * count(MATRIX),
      (nn, { a, x }) => nn.matmul(a, x, 'nn'),
    ),
  ],
  [
    'vector-matrix',
    kernel(
      'reductions',
      { x: [1, ROWS], a: MATRIX },
      [1, ROWS],
      2 * count(MATRIX),
      (nn, { x, a }) => nn.matmul(x, a, 'nn'),
    ),
  ],
  unary('softmax', 'softmax', 4, [2048, 1024]),
]);

const kernelGroups = [...new Set(Object.values(KERNELS).map(({ group }) => group))];

/** The rows that one process measures together: each model by itself, kernels by kind. */
export const GROUPS = Object.fromEntries([
  ...Object.keys(MODELS).map((name) => [name, [name]]),
  ...kernelGroups.map((group) => [
    group,
    Object.keys(KERNELS).filter((name) => KERNELS[name].group === group),
  ]),
]);
