import { globalAveragePool, linear, maxPool2d, relu, scope, type Tensor } from 'btc-compiler';
import type { Classifier } from './classifier.ts';
import { convolutionNorm, convolutionNormRelu } from './convolution.ts';

/** Output channels of a bottleneck over those of its 3 x 3 convolution. */
const EXPANSION = 4;

/** 1 x 1 to fewer channels, 3 x 3, 1 x 1 to more; where the shape changes, the shortcut is a 1 x 1 convolution. */
function bottleneck(x: Tensor, channels: number, stride: number): Tensor {
  const narrow = convolutionNormRelu(x, channels, { kernel: 1 });
  const middle = convolutionNormRelu(narrow, channels, { stride });
  const wide = convolutionNorm(middle, channels * EXPANSION, { kernel: 1 });
  const isSame = stride === 1 && x.shape[3] === channels * EXPANSION;
  const shortcut = isSame ? x : convolutionNorm(x, channels * EXPANSION, { kernel: 1, stride });
  return relu(wide.add(shortcut));
}

/**
 * A residual network of bottlenecks, so many in each of four stages (He, Zhang, Ren, Sun, CVPR 2016). The stride of a stage
 * stands in its first 3 x 3 convolution, as everywhere by now.
 */
export function residualNetwork(stages: readonly number[]): Classifier['network'] {
  return (image, { channels, classes }) => {
    const stem = convolutionNormRelu(image, channels(64), { kernel: 7, stride: 2 });
    let x = maxPool2d(stem, 3, { stride: 2, padding: 1 });
    for (const [stage, blocks] of stages.entries())
      for (let block = 0; block < blocks; block++)
        x = scope(`stage${stage + 1}.block${block + 1}`, () =>
          bottleneck(x, channels(64 * 2 ** stage), block === 0 && stage > 0 ? 2 : 1),
        );
    return linear(x.shape[3], classes, { name: 'output' })(globalAveragePool(x));
  };
}
