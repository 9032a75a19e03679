import { imageClassifier } from './blocks/classifier.ts';
import { vgg } from './blocks/vgg.ts';

/**
 * VGG-19, configuration E (Simonyan, Zisserman, ICLR 2015). Its own size: `--set batch=32 --set image=224 --set classes=1000
 * --set width=1`.
 */
export default imageClassifier({ name: 'vgg19', network: vgg([2, 2, 4, 4, 4]) });
