import { imageClassifier } from './blocks/classifier.ts';
import { inceptionNetwork } from './blocks/inception.ts';

/**
 * Inception-v4 (Szegedy, Ioffe, Vanhoucke, Alemi, AAAI 2017). Its own size: `--set batch=32 --set image=299 --set classes=1000
 * --set width=1`.
 */
export default imageClassifier({
  name: 'inception-v4',
  defaults: { batch: 4, image: 75, width: 0.125 },
  network: inceptionNetwork({ a: 4, b: 7, c: 3 }),
});
