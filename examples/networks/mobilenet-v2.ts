import { imageClassifier } from './blocks/classifier.ts';
import { invertedResidualNetwork } from './blocks/inverted-residual.ts';

/**
 * MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov, Chen, CVPR 2018, table 2). Its own size: `--set batch=32 --set image=224
 * --set classes=1000 --set width=1`.
 */
export default imageClassifier({
  name: 'mobilenet-v2',
  network: invertedResidualNetwork([
    { expansion: 1, channels: 16, blocks: 1, stride: 1 },
    { expansion: 6, channels: 24, blocks: 2, stride: 2 },
    { expansion: 6, channels: 32, blocks: 3, stride: 2 },
    { expansion: 6, channels: 64, blocks: 4, stride: 2 },
    { expansion: 6, channels: 96, blocks: 3, stride: 1 },
    { expansion: 6, channels: 160, blocks: 3, stride: 2 },
    { expansion: 6, channels: 320, blocks: 1, stride: 1 },
  ]),
});
