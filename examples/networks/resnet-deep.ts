import { option } from 'btc-compiler';
import { imageClassifier } from './blocks/classifier.ts';
import { residualNetwork } from './blocks/residual.ts';

/** Bottlenecks of the third stage, which make the depth: 3 · (6 + 32 + n3 + 6) + 2 layers. */
const n3 = option('n3', 6);

/**
 * The residual networks that SuperNeurons trains as deep as memory allows (Wang et al., PPoPP 2018, section 4.2). Its own
 * size: `--set n3=596 --set batch=16 --set image=224 --set classes=1000 --set width=1`, which has 1,922 layers.
 */
export default imageClassifier({
  name: 'resnet-deep',
  defaults: { batch: 4, width: 0.125 },
  network: residualNetwork([6, 32, n3, 6]),
});
