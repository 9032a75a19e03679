import { localResponseNorm, maxPool2d, option } from 'btc-compiler';
import { imageClassifier } from './blocks/classifier.ts';
import { convolutionRelu } from './blocks/convolution.ts';
import { hiddenLayers } from './blocks/vgg.ts';

/** 2 as on the two cards of the paper; on one the convolutions see all channels. */
const groups = option('groups', 1);

/**
 * AlexNet (Krizhevsky, Sutskever, Hinton 2012), in the geometry of SuperNeurons (Wang et al., PPoPP 2018). Its own size:
 * `--set batch=200 --set image=227 --set classes=1000 --set width=1`.
 */
export default imageClassifier({
  name: 'alexnet',
  defaults: { image: 67 },
  network(image, sizes) {
    const { channels } = sizes;
    const first = convolutionRelu(image, channels(96), { kernel: 11, stride: 4, padding: 0 });
    const pooled = maxPool2d(localResponseNorm(first), 3, { stride: 2 });
    const second = convolutionRelu(pooled, channels(256), { kernel: 5, groups });
    let x = maxPool2d(localResponseNorm(second), 3, { stride: 2 });
    x = convolutionRelu(x, channels(384));
    x = convolutionRelu(x, channels(384), { groups });
    x = convolutionRelu(x, channels(256), { groups });
    return hiddenLayers(maxPool2d(x, 3, { stride: 2 }), sizes);
  },
});
