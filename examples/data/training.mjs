import { lossChart } from 'btc-compiler/node';
import { fit } from 'btc-compiler/runtime';
import pc from 'picocolors';
import { batches, generator } from './digits.mjs';

const MEBIBYTE = 2 ** 20;
const mebibytes = (bytes) => `${(bytes / MEBIBYTE).toFixed(2)} MiB`;

/** What the plan decided before anything ran, beside what the runtime really took. */
export function printMemory(session) {
  const { memory, tensors, kernels, programs } = session.plan;
  const steps = Object.entries(programs).map(
    ([name, program]) => `${name} ${program.steps.length}`,
  );
  const rows = [
    [
      'device memory',
      `${mebibytes(memory.deviceBytes)} planned, ${mebibytes(session.allocatedBytes)} allocated`,
    ],
    ['parameters', `${mebibytes(memory.persistentBytes)} with optimiser state`],
    [
      'arena',
      `${mebibytes(memory.arenaBytes)}, peak live bytes ${mebibytes(memory.peakLiveBytes)}`,
    ],
    [
      'schedule',
      `${tensors.length} tensors, ${kernels.length} kernels, steps: ${steps.join(', ')}`,
    ],
  ];
  for (const [name, value] of rows) console.log(`  ${pc.dim(name.padEnd(14))} ${value}`);
}

/**
 * Draws the losses of a loop of one's own as `fit` has them drawn: the curve, steps a second, and the time left.
 *
 * @param {number} steps of the whole training
 * @returns what is told the loss of each step
 */
export function drawLosses(steps) {
  const draw = lossChart();
  const started = performance.now();
  let step = 0;
  return (loss) => {
    step++;
    const seconds = (performance.now() - started) / 1000;
    draw({
      epoch: 0,
      step,
      steps,
      loss,
      seconds,
      metrics: {},
      learningRate: null,
      partialRows: null,
    });
  };
}

/**
 * Trains a classifier of digits and draws its losses.
 * `inputs` turns a batch into the program's inputs; `shift` moves images at random.
 */
export async function train(
  session,
  digits,
  { epochs, batchSize, learningRate, inputs, shift = 0, seed = 1 },
) {
  const steps = epochs * Math.floor(digits.count / batchSize);
  const random = generator(seed);
  const whole = function* () {
    for (const batch of batches(digits, batchSize, random, shift))
      if (batch.valid === batchSize) yield inputs(batch);
  };
  await fit(session, whole, {
    epochs,
    schedule: (step) => learningRate(step / steps),
    steps,
    onStep: lossChart(),
  });
}

/** Share of the digits whose largest logit is at their label. */
export async function accuracy(session, digits, { batchSize, inputs }) {
  let right = 0;
  for (const batch of batches(digits, batchSize)) {
    const { logits } = await session.run('predict', inputs(batch));
    const classes = logits.length / batchSize;
    for (let k = 0; k < batch.valid; k++) {
      const row = logits.subarray(k * classes, (k + 1) * classes);
      if (row.indexOf(Math.max(...row)) === batch.labels[k]) right++;
    }
  }
  return right / digits.count;
}
