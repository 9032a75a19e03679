import { clip, dropout, globalAveragePool, linear, scope, type Tensor } from 'btc-compiler';
import type { Classifier } from './classifier.ts';
import { convolutionNorm, type UnitOptions } from './convolution.ts';

const convolutionNormRelu6 = (x: Tensor, channels: number, options?: UnitOptions) =>
  clip(convolutionNorm(x, channels, options), 0, 6);

/** To more channels, each convolved on its own, and back to few without an activation. */
function invertedResidual(x: Tensor, channels: number, expansion: number, stride: number) {
  const inChannels = x.shape[3];
  const wide = inChannels * expansion;
  const expanded = expansion === 1 ? x : convolutionNormRelu6(x, wide, { kernel: 1 });
  const filtered = convolutionNormRelu6(expanded, wide, { stride, groups: wide });
  const narrow = convolutionNorm(filtered, channels, { kernel: 1 });
  return stride === 1 && inChannels === channels ? narrow.add(x) : narrow;
}

export interface InvertedStage {
  readonly expansion: number;
  readonly channels: number;
  readonly blocks: number;
  /** Of the first block. */
  readonly stride: number;
}

/** Inverted residuals between two plain convolutions (Sandler, Howard, Zhu, Zhmoginov, Chen, CVPR 2018). */
export function invertedResidualNetwork(stages: readonly InvertedStage[]): Classifier['network'] {
  return (image, { channels, classes }) => {
    let x = convolutionNormRelu6(image, channels(32), { stride: 2 });
    for (const [stage, { expansion, channels: count, blocks, stride }] of stages.entries())
      for (let block = 0; block < blocks; block++)
        x = scope(`stage${stage + 1}.block${block + 1}`, () =>
          invertedResidual(x, channels(count), expansion, block === 0 ? stride : 1),
        );
    const features = globalAveragePool(convolutionNormRelu6(x, channels(1280), { kernel: 1 }));
    return linear(features.shape[1], classes, { name: 'output' })(dropout(features, 0.2));
  };
}
