import { loadCheckpointFile, saveCheckpointFile } from 'btc-compiler/node';
import pc from 'picocolors';
import { loadDigits } from '../data/digits.mjs';
import { accuracy, printMemory, train } from '../data/training.mjs';
import { load } from './out/model.js';

const BATCH = 100;
const EPOCHS = 20;
const checkpoint = new URL('./out/digits.checkpoint.safetensors', import.meta.url);
const started = performance.now();

const { train: training, test } = loadDigits();
console.log(`${training.count} handwritten digits to train on, ${test.count} to test on`);

const session = await load();
console.log(`running on ${pc.bold(session.description)}`);
printMemory(session);

await train(session, training, {
  epochs: EPOCHS,
  batchSize: BATCH,
  shift: 2,
  learningRate: (progress) => 2e-3 * (1 - progress) + 1e-4,
  inputs: ({ images, labels }) => ({ image: images, label: labels }),
});
await saveCheckpointFile(session, checkpoint);
session.destroy();

// A fresh session knows nothing but the checkpoint.
const restored = await load({ target: session.plan.target });
await loadCheckpointFile(restored, checkpoint);
const share = await accuracy(restored, test, {
  batchSize: BATCH,
  inputs: ({ images }) => ({ image: images }),
});
restored.destroy();
console.log(
  `test accuracy ${pc.bold(`${(100 * share).toFixed(2)} %`)} on ${test.count} digits, after ${((performance.now() - started) / 1000).toFixed(1)} s`,
);
console.log(`checkpoint saved: examples/digits/out/digits.checkpoint.safetensors`);
if (share < 0.95) {
  console.error('the accuracy is below the 95 % that this example is known to reach');
  process.exitCode = 1;
}
