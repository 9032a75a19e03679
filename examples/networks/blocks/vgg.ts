import { dropout, linear, maxPool2d, relu, reshape, type Tensor } from 'btc-compiler';
import type { Classifier } from './classifier.ts';
import { convolutionRelu } from './convolution.ts';

/** The classifier behind the convolutions of AlexNet and VGG: two hidden layers of 4096, half of each dropped. */
export const hiddenLayers: Classifier['network'] = (features, { batch, channels, classes }) => {
  const hidden = (x: Tensor) => dropout(relu(linear(x.shape[1], channels(4096))(x)), 0.5);
  const last = hidden(hidden(reshape(features, [batch, -1])));
  return linear(last.shape[1], classes)(last);
};

/** 3 x 3 convolutions, so many in each of five stages, with pooling after each (Simonyan, Zisserman, ICLR 2015). */
export function vgg(stages: readonly number[]): Classifier['network'] {
  return (image, sizes) => {
    let x = image;
    for (const [stage, convolutions] of stages.entries()) {
      for (let k = 0; k < convolutions; k++)
        x = convolutionRelu(x, sizes.channels(Math.min(512, 64 * 2 ** stage)));
      x = maxPool2d(x, 2);
    }
    return hiddenLayers(x, sizes);
  };
}
