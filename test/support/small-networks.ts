import type { OptionValue } from '../../compiler/frontend/option.ts';
import {
  adam,
  crossEntropy,
  defineModel,
  linear,
  lstm,
  type Model,
  tensor,
} from '../../compiler/index.ts';
import { type Classifier, imageClassifier } from '../../examples/networks/blocks/classifier.ts';
import { denseNetwork } from '../../examples/networks/blocks/dense.ts';
import { inceptionNetwork } from '../../examples/networks/blocks/inception.ts';
import { invertedResidualNetwork } from '../../examples/networks/blocks/inverted-residual.ts';
import { residualNetwork } from '../../examples/networks/blocks/residual.ts';
import { vgg } from '../../examples/networks/blocks/vgg.ts';
import { importNetwork } from './networks.ts';

/** A network of examples/networks, or its blocks in a shallow one. */
export interface SmallNetwork {
  readonly model: () => Model | Promise<Model>;
  readonly set: Readonly<Record<string, OptionValue>>;
}

const TINY = { batch: 4, classes: 5, width: 0.01 };

const shallow = (network: Classifier['network'], set: SmallNetwork['set'] = TINY) => ({
  model: () => imageClassifier({ name: 'shallow', network }),
  set,
});

/** The networks of the field with few layers and channels: every kind of block, in the time of a test. */
export const SMALL_NETWORKS: Readonly<Record<string, SmallNetwork>> = {
  alexnet: { model: () => importNetwork('alexnet'), set: TINY },
  vgg: shallow(vgg([1, 1, 1, 1, 2])),
  // The block after a stride is that of every later stage.
  resnet: shallow(residualNetwork([1, 2])),
  densenet: shallow(denseNetwork([2, 2])),
  mobilenet: shallow(
    invertedResidualNetwork([
      { expansion: 1, channels: 16, blocks: 1, stride: 1 },
      { expansion: 2, channels: 24, blocks: 2, stride: 2 },
    ]),
  ),
  'u-net': {
    model: () => importNetwork('u-net'),
    set: { ...TINY, depth: 2, image: 16, batch: 2 },
  },
  // Blocks of kind c would have one place of an image: `npm run soak` trains all kinds.
  inception: shallow(inceptionNetwork({ a: 1, b: 0, c: 0 }), { ...TINY, image: 75 }),
  // Each time step takes whole ranges of the tensors that hold all of them.
  lstm: {
    model: () =>
      defineModel({
        name: 'lstm',
        inputs: { rows: tensor([4, 12, 16]), label: tensor([4], 'i32') },
        build: ({ rows }) => ({
          logits: linear(32, 5, { name: 'output' })(
            lstm(16, 32, { name: 'reader' })(rows).state.hidden,
          ),
        }),
        train: {
          loss: ({ logits }, { label }) => crossEntropy(logits, label),
          optimizer: adam({ learningRate: 1e-3 }),
        },
      }),
    set: {},
  },
  gpt: {
    model: () => importNetwork('gpt'),
    set: { batch: 2, length: 6, vocabulary: 9, layers: 1, heads: 2, features: 8 },
  },
};
