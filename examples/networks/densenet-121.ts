import { imageClassifier } from './blocks/classifier.ts';
import { denseNetwork } from './blocks/dense.ts';

/**
 * DenseNet-121 (Huang, Liu, van der Maaten, Weinberger, CVPR 2017). Its own size: `--set batch=32 --set image=224
 * --set classes=1000 --set width=1`.
 */
export default imageClassifier({
  name: 'densenet-121',
  network: denseNetwork([6, 12, 24, 16]),
});
