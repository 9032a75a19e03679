import { accuracy, batches, fetchDigits, generator, PIXELS } from '../pages/digits.mjs';
import { openSession } from '../pages/session.mjs';

const STEPS = 400;
const TESTED_EVERY = 50;
let digits = null;

/** Why a plan cannot be trained on digits; null where it can. */
export function notTrainable({ programs }) {
  const { train, predict } = programs;
  if (!train) return "the model has no 'train'";
  const names = train.inputs.filter(({ default: given }) => given === null).map(({ name }) => name);
  if (names.sort().join() !== 'image,label')
    return `training here gives 'image' and 'label', the model takes ${names.join(', ')}`;
  const [batch, pixels] = train.inputs.find(({ name }) => name === 'image').shape;
  if (pixels !== PIXELS || !batch) return `'image' must be [batch, ${PIXELS}]`;
  const logits = predict?.outputs.find(({ name }) => name === 'logits');
  if (logits?.shape.length !== 2 || logits.shape[1] < 10)
    return "'predict' must return 'logits' of 10 classes";
  return null;
}

/**
 * Trains until the signal aborts or some hundred steps are done. Numbers of each step go to `told`.
 */
export async function trainOnDigits(built, signal, told) {
  digits ??= await fetchDigits('./digits.bin');
  const session = await openSession(built);
  try {
    const { train, predict } = built.plan.programs;
    const [batch] = train.inputs.find(({ name }) => name === 'image').shape;
    const [, classes] = predict.outputs.find(({ name }) => name === 'logits').shape;
    const next = batches(digits.train, batch, generator(1));
    const started = performance.now();
    let spent = 0;
    for (let step = 1; step <= STEPS && !signal.aborted; step++) {
      const { images, labels } = next.next().value;
      const before = performance.now();
      const { loss } = await session.run('train', { image: images, label: labels });
      spent += performance.now() - before;
      const tested = step === 1 || step % TESTED_EVERY === 0 || step === STEPS;
      told({
        ...{ step, steps: STEPS, loss: loss[0], session },
        stepsPerSecond: (1000 * step) / spent,
        seconds: (performance.now() - started) / 1000,
        ...(tested ? { accuracy: await accuracy(session, digits.test, batch, classes) } : {}),
      });
    }
  } finally {
    session.destroy();
  }
}
