// Trains a show-and-tell captioner on the pictures and names of OpenMoji twice, with a block-term and with a plain
// input-to-hidden matrix in its decoder, on the same batches, and prints what both say of pictures that neither has seen.
//   node examples/captions/compare.mjs [--steps 4000] [--width 5] [--decoders block-term,plain] [--target webgpu]
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { buildModel } from '../data/building.mjs';
import { generator } from '../data/digits.mjs';
import { loadEmoji, MAX_WORDS } from '../data/emoji.mjs';
import { drawLosses } from '../data/training.mjs';
import { inputsOf, stream } from './batches.mjs';
import { evaluate } from './evaluate.mjs';
import { printExamples, printTable } from './report.mjs';
import { makeVocabulary } from './vocabulary.mjs';

const SHIFT = 2;
const LEARNING_RATE = 2e-3;
const WARM_UP = 50;
/** So many training pairs are captioned, too, to show what was learnt. */
const TRAINING_SAMPLE = 300;
const EXAMPLES = 12;

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '4000' },
    width: { type: 'string', default: '5' },
    target: { type: 'string', default: 'wasm' },
    decoders: { type: 'string', default: 'block-term,plain' },
  },
});
const steps = Number(values.steps);
const width = Number(values.width);
const NAMES = { 'block-term': 'BT-LSTM', plain: 'plain LSTM' };

const { train, heldOut } = loadEmoji();
const vocabulary = makeVocabulary(train);
console.log(
  `${train.length} pictures of OpenMoji (CC BY-SA 4.0, openmoji.org) with their names to train on, ${heldOut.length} held out; ` +
    `a vocabulary of ${vocabulary.words.length}`,
);
const runs = [];
for (const decoder of values.decoders.split(',')) runs.push(await measure(decoder));
printTable(runs, { steps, width, train: TRAINING_SAMPLE, heldOut: heldOut.length });
printExamples(runs, EXAMPLES);

async function measure(decoder) {
  const { load } = await buildModel(new URL('./model.ts', import.meta.url), {
    outDir: new URL(`./out/${decoder}/`, import.meta.url),
    target: values.target,
    set: {
      decoder,
      vocabulary: vocabulary.words.length,
      length: MAX_WORDS + 1,
      rows: width,
    },
  });
  const session = await load({ target: values.target });
  const name = NAMES[decoder] ?? decoder;
  const { inputs } = session.plan.programs.train;
  const [size, length] = inputs.find((input) => input.name === 'words').shape;
  const seconds = await learn(session, { name, size, length });
  const shape = { vocabulary, size, length, width };
  const run = {
    name,
    device: session.description,
    seconds,
    inputParameters: countParameters(session.plan, 'decoder.inputWeight'),
    parameters: countParameters(session.plan, ''),
    deviceBytes: session.plan.memory.deviceBytes,
    training: await evaluate(session, train.slice(0, TRAINING_SAMPLE), shape),
    heldOut: await evaluate(session, heldOut, shape),
  };
  session.destroy();
  return run;
}

/** Seconds spent in training steps. */
async function learn(session, { name, size, length }) {
  const random = generator(3);
  const batches = stream(train, size, random);
  console.log(pc.bold(name));
  const draw = drawLosses(steps);
  let seconds = 0;
  for (let step = 0; step < steps; step++) {
    const given = inputsOf(batches.next().value, {
      vocabulary,
      size,
      length,
      random,
      shift: SHIFT,
    });
    const learningRate = LEARNING_RATE * Math.min(1, (step + 1) / WARM_UP, 1.02 - step / steps);
    const started = performance.now();
    const { loss } = await session.run('train', { ...given, learningRate });
    seconds += (performance.now() - started) / 1000;
    draw(loss[0]);
  }
  return seconds;
}

function countParameters({ tensors }, prefix) {
  return tensors
    .filter(({ name, role }) => role === 'parameter' && name.startsWith(prefix))
    .reduce((sum, { bytes }) => sum + bytes / 4, 0);
}
