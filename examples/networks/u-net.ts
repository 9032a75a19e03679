import {
  concat,
  convolution,
  crossEntropy,
  defineModel,
  maxPool2d,
  option,
  relu,
  scope,
  sgd,
  type Tensor,
  tensor,
  transposedConvolution,
} from 'btc-compiler';
import { imageSizes } from './blocks/classifier.ts';
import { convolutionRelu } from './blocks/convolution.ts';

const { batch, image: side, classes, channels } = imageSizes({ batch: 2, image: 32, width: 0.125 });
/** Halvings of the image, whose side is a multiple of 2 to that power. */
const depth = option('depth', 4);

const twice = (x: Tensor, count: number) => convolutionRelu(convolutionRelu(x, count), count);

/**
 * U-Net (Ronneberger, Fischer, Brox, MICCAI 2015), which says what each pixel of an image belongs to; its convolutions are
 * padded, so that what comes out is as large as the image. Its own size: `--set batch=1 --set image=512 --set classes=2
 * --set width=1`.
 */
export default defineModel({
  name: 'u-net',
  inputs: {
    image: tensor([batch, side, side, 3]),
    label: tensor([batch, side, side], 'i32'),
  },
  build({ image }) {
    const skipped: Tensor[] = [];
    let x = image;
    for (let level = 0; level < depth; level++) {
      const fine = scope(`down${level + 1}`, () => twice(x, channels(64 * 2 ** level)));
      skipped.push(fine);
      x = maxPool2d(fine, 2);
    }
    x = scope('bottom', () => twice(x, channels(64 * 2 ** depth)));
    for (const [k, fine] of skipped.reverse().entries()) {
      x = scope(`up${k + 1}`, () => {
        const count = fine.shape[3];
        const wider = transposedConvolution(x.shape[3], count, { kernel: 2, stride: 2 })(x);
        return twice(concat([fine, relu(wider)], 3), count);
      });
    }
    return { logits: convolution(x.shape[3], classes, { kernel: 1, name: 'output' })(x) };
  },
  train: {
    loss: ({ logits }, { label }) => crossEntropy(logits, label),
    optimizer: sgd({ learningRate: 0.01, momentum: 0.9 }),
  },
});
