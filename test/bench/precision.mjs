// Trains three examples with f32 and with f16 in memory, by the same data and from the same weights, and prints how their losses
// compare (docs/numerics.md): digits by its test accuracy too.
//   npm run build && node test/bench/precision.mjs [--steps 200] [digits] [gpt] [bt-lstm]

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compile } from '../../dist/compiler/index.js';
import { loadModel } from '../../dist/compiler/load/index.js';
import { load } from '../../dist/runtime/index.js';
import { batches, generator, loadDigits } from '../../examples/data/digits.mjs';
import { renderVideos } from '../../examples/data/video.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { steps: { type: 'string', default: '200' } },
});
const steps = Number(values.steps);
const example = (path) => new URL(`../../examples/${path}`, import.meta.url).pathname;
const digits = loadDigits();

/** Inputs of each step, the same in every call. */
const EXAMPLES = {
  digits: {
    file: example('digits/model.ts'),
    set: {},
    *inputs() {
      const random = generator(1);
      for (;;)
        for (const { images, labels, valid } of batches(digits.train, 100, random, 2))
          if (valid === 100) yield { image: images, label: labels };
    },
    async measure(session) {
      let right = 0;
      let count = 0;
      for (const { images, labels, valid } of batches(digits.test, 100)) {
        const { logits } = await session.run('predict', { image: images });
        for (let k = 0; k < valid; k++, count++) {
          const row = logits.subarray(10 * k, 10 * k + 10);
          if (row.indexOf(Math.max(...row)) === labels[k]) right++;
        }
      }
      return `test accuracy ${((100 * right) / count).toFixed(2)} %`;
    },
  },
  // Says the next letter of this repository's own prose.
  gpt: {
    file: example('networks/gpt.ts'),
    set: {},
    *inputs() {
      const text = readFileSync(new URL('../../ARCHITECTURE.md', import.meta.url), 'utf8');
      const codes = [...text.toLowerCase()].map((letter) => letter.charCodeAt(0) % 64);
      const random = generator(2);
      for (;;) {
        const starts = Array.from({ length: 4 }, () => Math.floor(random() * (codes.length - 33)));
        const from = (shift) =>
          Int32Array.from(
            starts.flatMap((start) => codes.slice(start + shift, start + shift + 32)),
          );
        yield { tokens: from(0), next: from(1) };
      }
    },
  },
  'bt-lstm': {
    file: example('networks/bt-lstm.ts'),
    set: { batch: 8, frames: 3 },
    *inputs() {
      for (let step = 0; ; step++) {
        const { video, labels } = renderVideos(digits.train, 8, 3, 1000 + step);
        yield { video, label: labels };
      }
    },
  },
};

for (const name of positionals.length > 0 ? positionals : Object.keys(EXAMPLES)) {
  const { file, set, inputs, measure } = EXAMPLES[name];
  for (const precision of ['f32', 'f16']) {
    const { model, diagnostics } = await loadModel(file, { set });
    if (!model) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
    const made = await compile(model, { target: 'wasm', precision });
    const session = await load(made.plan, { module: made.module, parameters: made.parameters });
    const losses = [];
    for (const given of inputs()) {
      if (losses.length === steps) break;
      losses.push((await session.run('train', given)).loss[0]);
    }
    const mean = (list) => (list.reduce((sum, loss) => sum + loss, 0) / list.length).toFixed(4);
    const tenth = Math.ceil(steps / 10);
    const { deviceBytes, arenaBytes } = made.plan.memory;
    console.log(
      `${name.padEnd(8)} ${precision}  loss ${losses[0].toFixed(4)} at first, ${mean(losses.slice(-tenth))} over the last ${tenth} of ${steps} steps; ${measure ? await measure(session) : ''} ${(arenaBytes / 2 ** 20).toFixed(2)} MiB of activations, ${(deviceBytes / 2 ** 20).toFixed(2)} in all`,
    );
    session.destroy();
  }
}
