// Trains the same LSTM with its input-to-hidden matrix in several forms, on the same videos, and prints a table.
//   node examples/video/compare.mjs [--steps 200] [--forms block-term,tensor-train,...] [--frames 6] [--target webgpu]
// The plain matrix has 225 MiB: more than WebGPU binds by default, so that the comparison runs in WebAssembly unless told
// otherwise.
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { buildModel } from '../data/building.mjs';
import { loadDigits } from '../data/digits.mjs';
import { drawLosses } from '../data/training.mjs';
import { renderVideos } from '../data/video.mjs';

const BATCH = 16;
const TEST_BATCHES = 16;
const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '200' },
    frames: { type: 'string', default: '6' },
    target: { type: 'string', default: 'wasm' },
    forms: { type: 'string', default: 'plain,cp,tensor-train,tensor-ring,block-term' },
  },
});
const steps = Number(values.steps);
const frames = Number(values.frames);

const { train, test } = loadDigits();
console.log(
  `videos of ${frames} frames of 160 x 120 x 3: handwritten digits are real, their motion is synthetic; ${steps} steps of ${BATCH}`,
);
const rows = [];
for (const form of values.forms.split(',')) rows.push(await measure(form));
printTable(rows);

async function measure(form) {
  const { load } = await buildModel(new URL('./model.ts', import.meta.url), {
    outDir: new URL(`./out/${form}/`, import.meta.url),
    target: values.target,
    set: { form, batch: BATCH, frames },
  });
  const session = await load({ target: values.target });
  console.log(pc.bold(form));
  const draw = drawLosses(steps);
  let seconds = 0;
  let average = 0;
  for (let step = 0; step < steps; step++) {
    const { video, labels } = renderVideos(train, BATCH, frames, 1000 + step);
    const started = performance.now();
    const { loss } = await session.run('train', { video, label: labels });
    seconds += (performance.now() - started) / 1000;
    average = step === 0 ? loss[0] : 0.95 * average + 0.05 * loss[0];
    draw(loss[0]);
  }
  let right = 0;
  for (let batch = 0; batch < TEST_BATCHES; batch++) {
    const { video, labels } = renderVideos(test, BATCH, frames, 1 + batch);
    const { logits } = await session.run('predict', { video });
    for (let k = 0; k < BATCH; k++) {
      const row = logits.subarray(k * 10, k * 10 + 10);
      if (row.indexOf(Math.max(...row)) === labels[k]) right++;
    }
  }
  const { memory, tensors } = session.plan;
  const row = {
    form,
    parameters: tensors
      .filter(({ name, role }) => role === 'parameter' && name.startsWith('reader.inputWeight'))
      .reduce((sum, { bytes }) => sum + bytes / 4, 0),
    loss: average,
    accuracy: right / (TEST_BATCHES * BATCH),
    milliseconds: (1000 * seconds) / steps,
    megabytes: memory.deviceBytes / 2 ** 20,
    device: session.description,
  };
  session.destroy();
  return row;
}

function printTable(list) {
  const columns = [
    ['form', ({ form }) => form],
    ['input-to-hidden parameters', ({ parameters }) => parameters.toLocaleString('en')],
    ['loss', ({ loss }) => loss.toFixed(3)],
    ['test accuracy', ({ accuracy }) => `${(100 * accuracy).toFixed(1)} %`],
    ['ms per step', ({ milliseconds }) => milliseconds.toFixed(0)],
    ['device memory', ({ megabytes }) => `${megabytes.toFixed(1)} MiB`],
  ];
  const cells = list.map((row) => columns.map(([, text]) => text(row)));
  const widths = columns.map(([name], k) =>
    Math.max(name.length, ...cells.map((row) => row[k].length)),
  );
  const line = (texts) => texts.map((text, k) => text.padStart(widths[k])).join('  ');
  console.log(`\non ${list[0].device}, ${BATCH * TEST_BATCHES} test videos`);
  console.log(pc.bold(line(columns.map(([name]) => name))));
  for (const row of cells) console.log(line(row));
}
