import {
  adam,
  adamw,
  avgPool2d,
  batchNorm,
  blockTerm,
  convolution,
  cpKernel,
  crossEntropy,
  defineModel,
  dropout,
  embedding,
  gelu,
  globalAveragePool,
  gru,
  init,
  layerNorm,
  linear,
  lowRank,
  lstm,
  type Model,
  max,
  maxPool2d,
  mean,
  min,
  mul,
  pad,
  param,
  relu,
  rnn,
  sgd,
  slice,
  softmax,
  sub,
  sum,
  type Tensor,
  tensor,
  tensorTrain,
  tensorTrainKernel,
  transposedConvolution,
  tuckerKernel,
} from '../../compiler/index.ts';

/** Small models that together use every layer, every optimiser and every kind of kernel. */
export const MODELS: Readonly<Record<string, () => Model>> = {
  'perceptron, dropout, Adam with clipping': () =>
    defineModel({
      name: 'mlp',
      inputs: { image: tensor([16, 24]), label: tensor([16], 'i32') },
      build: ({ image }) => ({
        logits: linear(20, 5)(dropout(relu(linear(24, 20)(image)), 0.2)),
      }),
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: adam({ clipNorm: 1 }),
      },
    }),
  'LSTM whose steps share kernels, momentum': () =>
    defineModel({
      name: 'lstm',
      inputs: { rows: tensor([8, 6, 4]), label: tensor([8], 'i32') },
      build: ({ rows }) => {
        const { state, outputs } = lstm(4, 16)(rows);
        return { logits: linear(16, 5)(state.hidden.add(mean(outputs, 1))) };
      },
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: sgd({ momentum: 0.9 }),
      },
    }),
  'LSTM whose parts fit no alignment': () =>
    defineModel({
      name: 'odd',
      inputs: { rows: tensor([3, 5, 4]), label: tensor([3], 'i32') },
      build: ({ rows }) => ({ logits: linear(7, 5)(lstm(4, 7)(rows).state.hidden) }),
      train: { loss: ({ logits }, { label }) => crossEntropy(logits, label), optimizer: sgd() },
    }),
  'embedding, layer norm, GRU, AdamW': () =>
    defineModel({
      name: 'gru',
      inputs: { words: tensor([4, 6], 'i32'), label: tensor([4], 'i32') },
      build: ({ words }) => {
        const { state } = gru(8, 16)(layerNorm(8)(embedding(5, 8)(words)));
        return { logits: linear(16, 5)(gelu(state.hidden)) };
      },
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: adamw({ weightDecay: 0.1 }),
      },
    }),
  'reductions that are cut in two': () =>
    defineModel({
      name: 'reductions',
      inputs: { x: tensor([240, 25, 24]) },
      build: ({ x }) => {
        const scaled = mul(x, param('scale', [25, 24], init.uniform(0.5, 1.5)));
        return { largest: max(scaled), least: min(scaled, [0, 1]), squares: mul(scaled, scaled) };
      },
      train: { loss: ({ squares }) => mean(squares), optimizer: sgd({ learningRate: 10 }) },
    }),
  'block-term LSTM over a tensor-train embedding': () =>
    defineModel({
      name: 'factorised',
      inputs: { words: tensor([4, 5], 'i32'), label: tensor([4], 'i32') },
      build: ({ words }) => {
        const weight = tensorTrain({ inputModes: [3, 4], outputModes: [4, 3], rank: 3 });
        const inputWeight = blockTerm({
          inputModes: [4, 3],
          outputModes: [4, 4],
          rank: 2,
          blocks: 2,
        });
        const rows = embedding(12, 12, { weight })(words);
        const { state } = lstm(12, 16, { inputWeight, hiddenWeight: lowRank({ rank: 4 }) })(rows);
        return { logits: linear(16, 5)(state.hidden) };
      },
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: sgd({ learningRate: 0.1 }),
      },
    }),
  'convolutions, pooling, Adam': () =>
    defineModel({
      name: 'cnn',
      inputs: { image: tensor([3, 9, 8, 2]), label: tensor([3], 'i32') },
      build: ({ image }) => {
        const first = convolution(2, 6, { kernel: 3, padding: 'same' })(image);
        const depthwise = convolution(6, 6, { kernel: [3, 1], groups: 6, dilation: 2 });
        const pooled = maxPool2d(relu(depthwise(first)), 3, { stride: 2, padding: 1 });
        const second = convolution(6, 8, { kernel: 3, stride: 2, padding: 1 })(pooled);
        const wider = transposedConvolution(8, 4, { kernel: 3, stride: 2, padding: 'same' });
        const mixed = avgPool2d(wider(relu(second)), 2, { stride: 1 });
        return { logits: linear(4, 5)(globalAveragePool(mixed)) };
      },
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: adam({ learningRate: 0.01 }),
      },
    }),
  'batch norm in a residual block': () =>
    defineModel({
      name: 'residual',
      inputs: { image: tensor([4, 6, 6, 3]), label: tensor([4], 'i32') },
      build: ({ image }) => {
        const block = (channels: number) => (x: Tensor) =>
          batchNorm(channels)(
            convolution(x.shape[3], channels, { kernel: 3, padding: 'same', bias: false })(x),
          );
        const first = relu(block(6)(image));
        const joined = relu(block(6)(relu(block(6)(first))).add(first));
        const features = batchNorm(6, { momentum: 0.3 })(globalAveragePool(joined));
        return { logits: linear(6, 5)(features) };
      },
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }),
      },
    }),
  'convolutions with factorised kernels': () =>
    defineModel({
      name: 'kernels',
      inputs: { image: tensor([2, 8, 7, 4]), label: tensor([2], 'i32') },
      build: ({ image }) => {
        const layers = [
          convolution(4, 6, { kernel: 3, weight: tuckerKernel({ inputRank: 2, outputRank: 3 }) }),
          convolution(6, 6, { kernel: 3, padding: 'same', weight: cpKernel({ rank: 4 }) }),
          convolution(6, 8, { kernel: 2, stride: 2, weight: tensorTrainKernel({ rank: 3 }) }),
          convolution(8, 6, {
            kernel: 3,
            padding: 1,
            weight: tensorTrainKernel({ rank: 3, inputModes: [4, 2], outputModes: [2, 3] }),
          }),
        ];
        const features = layers.reduce((x, layer) => relu(layer(x)), image);
        return { logits: linear(6, 5)(globalAveragePool(features)) };
      },
      train: {
        loss: ({ logits }, { label }) => crossEntropy(logits, label),
        optimizer: sgd({ learningRate: 0.1 }),
      },
    }),
  'Elman network, padding, slices, softmax': () =>
    defineModel({
      name: 'elman',
      inputs: { rows: tensor([8, 6, 8]), target: tensor([8, 8]) },
      build: ({ rows }) => {
        const { outputs, state } = rnn(
          8,
          8,
        )(
          pad(slice(rows, 2, 1, 7), [
            [0, 0],
            [0, 0],
            [1, 1],
          ]),
        );
        return { weights: softmax(state.hidden.add(sum(mul(outputs, outputs), 1))) };
      },
      train: {
        loss: ({ weights }, { target }) => {
          const difference = sub(weights, target);
          return mean(mul(difference, difference));
        },
        optimizer: sgd({ clipNorm: 0.5 }),
      },
    }),
};
