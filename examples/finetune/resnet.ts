import {
  adam,
  batchNorm,
  convolution,
  crossEntropy,
  defineModel,
  globalAveragePool,
  linear,
  maxPool2d,
  option,
  relu,
  scope,
  type Tensor,
  tensor,
} from 'btc-compiler';

const batch = option('batch', 16);
const classes = option('classes', 10);

/** Channels of the two stages. */
const STAGES = [8, 16];

/** A block of torchvision's ResNet-18, under the names of its modules. */
function block(x: Tensor, channels: number, stride: number): Tensor {
  const from = x.shape[3];
  const step = (y: Tensor, number: number, stride: number) =>
    batchNorm(channels, { name: `bn${number}` })(
      convolution(y.shape[3], channels, {
        ...{ name: `conv${number}`, kernel: 3, padding: 1, stride, bias: false },
      })(y),
    );
  const y = step(relu(step(x, 1, stride)), 2, 1);
  if (from === channels) return relu(y.add(x));
  const shortcut = convolution(from, channels, {
    ...{ name: 'downsample.0', kernel: 1, stride, bias: false },
  });
  return relu(y.add(batchNorm(channels, { name: 'downsample.1' })(shortcut(x))));
}

/** A ResNet in small, for images of digits. Its classes are others than those that it was published with. */
export default defineModel({
  name: 'resnet',
  inputs: { image: tensor([batch, 28, 28, 1]), label: tensor([batch], 'i32') },
  build({ image }) {
    const stem = convolution(1, STAGES[0], {
      ...{ name: 'conv1', kernel: 7, stride: 2, padding: 3, bias: false },
    });
    let x = maxPool2d(relu(batchNorm(STAGES[0], { name: 'bn1' })(stem(image))), 3, {
      ...{ stride: 2, padding: 1 },
    });
    for (const [stage, channels] of STAGES.entries())
      x = scope(`layer${stage + 1}.0`, () => block(x, channels, stage === 0 ? 1 : 2));
    return { logits: linear(STAGES[1], classes, { name: 'head' })(globalAveragePool(x)) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: adam({ learningRate: 3e-3 }),
  },
});
