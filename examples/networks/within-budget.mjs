// Trains a network of this folder on real digits, once in all the memory that it likes and then in ever less, and compares
// the losses, bit for bit: npm run budget -- resnet-50 wasm
import pc from 'picocolors';
import { buildModel } from '../data/building.mjs';
import { batches, generator, loadDigits } from '../data/digits.mjs';

const [name = 'resnet-50', target = 'wasm'] = process.argv.slice(2);
const STEPS = 20;
const BATCH = 8;
const SIDE = 32;
/** Parts of the memory that the network takes without a budget. */
const SHARES = [1 / 2, 1 / 4, 1 / 8];

const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/** Digits of 28 x 28 in the middle of images of 32 x 32 with three equal colours. */
function asImages(digits) {
  const images = new Float32Array(BATCH * SIDE * SIDE * 3);
  digits.forEach((value, k) => {
    const [image, row, column] = [Math.floor(k / 784), Math.floor(k / 28) % 28, k % 28];
    images.fill(
      value,
      ((image * SIDE + row + 2) * SIDE + column + 2) * 3,
      ((image * SIDE + row + 2) * SIDE + column + 3) * 3,
    );
  });
  return images;
}

async function train(budget) {
  const { load } = await buildModel(new URL(`./${name}.ts`, import.meta.url), {
    outDir: new URL(`./out/${name}.${budget ?? 'all'}/`, import.meta.url),
    target,
    ...(budget === null ? {} : { budget: String(budget) }),
  });
  const session = await load({ target });
  const losses = [];
  const started = performance.now();
  for (const { images, labels } of batches(loadDigits().train, BATCH, generator(1))) {
    if (losses.length === STEPS) break;
    const { loss } = await session.run('train', { image: asImages(images), label: labels });
    losses.push(loss[0]);
  }
  const milliseconds = (performance.now() - started) / STEPS;
  const { allocatedBytes, hostBytes } = session;
  session.destroy();
  return { losses, milliseconds, allocatedBytes, hostBytes };
}

function report(budget, { losses, milliseconds, allocatedBytes, hostBytes }) {
  console.log(
    [
      (budget === null ? 'no budget' : `budget ${mebibytes(budget)}`).padEnd(18),
      `allocated ${pc.bold(mebibytes(allocatedBytes))} on the device, ${mebibytes(hostBytes)} on the host`,
      `loss ${losses[0].toPrecision(9)} → ${losses[STEPS - 1].toPrecision(9)}`,
      `${milliseconds.toFixed(1)} ms per step`,
    ].join('   '),
  );
}

console.log(`${pc.bold(name)} on ${target}, ${STEPS} steps of ${BATCH} digits`);
const free = await train(null);
report(null, free);
for (const share of SHARES) {
  const budget = Math.floor(free.allocatedBytes * share);
  const within = await train(budget);
  report(budget, within);
  const same = within.losses.every((loss, step) => loss === free.losses[step]);
  if (within.allocatedBytes > budget || !same) {
    console.error('the budget was broken, or the losses differ; this is a defect of btc');
    process.exitCode = 1;
  }
}
if (!process.exitCode) console.log('every loss of every step is the same to the bit');
