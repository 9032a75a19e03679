import { saveCheckpointFile } from 'btc-compiler/node';
import pc from 'picocolors';
import { loadDigits } from '../data/digits.mjs';
import { accuracy, printMemory, train } from '../data/training.mjs';
import { load } from './out/model.js';

const BATCH = 50;
const EPOCHS = Number(process.env.EPOCHS ?? 3);
const started = performance.now();

const { train: training, test } = loadDigits();
const session = await load();
console.log(
  `an LSTM reads ${training.count} digits row by row, on ${pc.bold(session.description)}`,
);
printMemory(session);

await train(session, training, {
  epochs: EPOCHS,
  batchSize: BATCH,
  learningRate: (progress) => 4e-3 * (1 - progress) + 2e-4,
  inputs: ({ images, labels }) => ({ rows: images, label: labels }),
});
await saveCheckpointFile(session, new URL('./out/rows.checkpoint.safetensors', import.meta.url));
const share = await accuracy(session, test, {
  batchSize: BATCH,
  inputs: ({ images }) => ({ rows: images }),
});
session.destroy();
console.log(
  `test accuracy ${pc.bold(`${(100 * share).toFixed(2)} %`)} on ${test.count} digits, after ${((performance.now() - started) / 1000).toFixed(1)} s`,
);
