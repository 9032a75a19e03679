import { batches, generator, loadDigits } from '../data/digits.mjs';
import { drawLosses } from '../data/training.mjs';
import { publishedResNet, publishedTransformer } from './publish.mjs';

/** Tokens that go on in steps, as far as `vocabulary` reaches and then from the start: what comes next is to be learnt. */
function* countingTexts({ batch = 8, length = 16, vocabulary = 32 } = {}) {
  const random = generator(5);
  for (;;) {
    const tokens = new Int32Array(batch * length);
    const next = new Int32Array(batch * length);
    for (let text = 0; text < batch; text++) {
      const [start, step] = [Math.floor(random() * vocabulary), 1 + Math.floor(random() * 3)];
      for (let at = 0; at < length; at++) {
        tokens[text * length + at] = (start + at * step) % vocabulary;
        next[text * length + at] = (start + (at + 1) * step) % vocabulary;
      }
    }
    yield { tokens, next };
  }
}

function* digitImages({ batch = 16 } = {}) {
  const { train } = loadDigits();
  for (const { images, labels } of batches(train, batch, generator(7)))
    yield { image: images, label: labels };
}

/** What is fine-tuned: the published file, how it is loaded, and what it learns. */
export const TASKS = {
  transformer: {
    publish: publishedTransformer,
    // The prefix is that of the module around the model.
    load: { layout: 'pytorch', rename: [[/^transformer\./, '']] },
    data: countingTexts,
  },
  resnet: {
    publish: publishedResNet,
    // The head for other classes is left out; the new one has its initial values.
    load: { layout: 'pytorch', missing: 'initial', unused: 'ignore' },
    data: digitImages,
  },
};

/** Trains for so many steps and gives the losses. */
export async function fineTune(session, data, steps) {
  const losses = [];
  const draw = drawLosses(steps);
  for (const inputs of data()) {
    losses.push((await session.run('train', inputs, { read: ['loss'] })).loss[0]);
    draw(losses[losses.length - 1]);
    if (losses.length === steps) return losses;
  }
  return losses;
}
