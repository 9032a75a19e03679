import { readFileSync } from 'node:fs';
import { planInProcess, table } from './in-process.mjs';

/** Largest batch in 12 GiB by the paper's Table 5. */
const PAPER = {
  alexnet: 1792,
  vgg16: 224,
  'inception-v4': 240,
  'resnet-50': 384,
  'resnet-101': 256,
  'resnet-152': 176,
};
const BUDGET = 12 * 2 ** 30;
/** What is tried beside twice the paper's batch, with `search`. */
const FURTHER = [2.5, 3, 4, 6];

const sizes = JSON.parse(
  readFileSync(new URL('../../../examples/networks/sizes.json', import.meta.url), 'utf8'),
);

/** Twice the paper's batch in the budget, and the predicted time of a step over that without a budget. */
export function batches({ networks = Object.keys(PAPER), search, microBatch, ...options }) {
  console.log('\n(b) Largest batch in 12 GiB, all memory counted, bindings of 2 GiB');
  const row = table([
    ...['network', 'paper', 'batch', 'times', 'plan, s', 'GiB', 'step, s', 'free, s', 'ratio'],
    ...['recomputed'],
  ]);
  for (const network of networks) {
    const paper = PAPER[network];
    for (const factor of [2, ...(search ? FURTHER : [])]) {
      const batch = Math.round(factor * paper);
      const job = { network, set: { ...sizes[network].set, batch }, ...microBatch };
      const within = planInProcess({ ...job, budgetBytes: BUDGET }, options);
      const cells = [network, paper, batch, factor];
      if (within.problem) {
        row([...cells, ` ${within.problem}`]);
        break;
      }
      const free = planInProcess(job, options);
      row([
        ...cells,
        within.seconds.toFixed(1),
        (within.deviceBytes / 2 ** 30).toFixed(2),
        within.predictedSeconds.toFixed(2),
        free.predictedSeconds?.toFixed(2) ?? '-',
        free.predictedSeconds ? (within.predictedSeconds / free.predictedSeconds).toFixed(2) : '-',
        within.recomputed,
      ]);
    }
  }
}
