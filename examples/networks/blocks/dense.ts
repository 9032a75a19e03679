import {
  avgPool2d,
  batchNorm,
  concat,
  globalAveragePool,
  linear,
  maxPool2d,
  relu,
  scope,
  type Tensor,
} from 'btc-compiler';
import type { Classifier } from './classifier.ts';
import { convolutionNormRelu, normReluConvolution } from './convolution.ts';

/** New channels of each layer. */
const GROWTH = 32;

/**
 * Blocks of so many layers, each of which reads what all before it in its block made; 1 x 1 convolutions and pooling halve
 * channels and extents between them (Huang, Liu, van der Maaten, Weinberger, CVPR 2017).
 */
export function denseNetwork(blocks: readonly number[]): Classifier['network'] {
  return (image, { channels, classes }) => {
    const layer = (x: Tensor) => {
      const narrow = normReluConvolution(x, channels(4 * GROWTH), { kernel: 1 });
      return concat([x, normReluConvolution(narrow, channels(GROWTH))], 3);
    };
    const transition = (x: Tensor) =>
      avgPool2d(normReluConvolution(x, x.shape[3] / 2, { kernel: 1 }), 2);
    const stem = convolutionNormRelu(image, channels(2 * GROWTH), { kernel: 7, stride: 2 });
    let x = maxPool2d(stem, 3, { stride: 2, padding: 1 });
    for (const [block, layers] of blocks.entries()) {
      if (block > 0) x = scope(`transition${block}`, () => transition(x));
      for (let k = 1; k <= layers; k++) x = scope(`block${block + 1}.layer${k}`, () => layer(x));
    }
    const features = globalAveragePool(relu(batchNorm(x.shape[3], { name: 'last' })(x)));
    return linear(features.shape[1], classes, { name: 'output' })(features);
  };
}
