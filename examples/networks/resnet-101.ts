import { imageClassifier } from './blocks/classifier.ts';
import { residualNetwork } from './blocks/residual.ts';

/**
 * ResNet-101 (He, Zhang, Ren, Sun, CVPR 2016). Its own size: `--set batch=32 --set image=224 --set classes=1000 --set width=1`.
 */
export default imageClassifier({ name: 'resnet-101', network: residualNetwork([3, 4, 23, 3]) });
