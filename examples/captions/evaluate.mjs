import { inOrder, inputsOf } from './batches.mjs';
import { beam, greedy, stepper } from './decode.mjs';
import { bleu, scoreTokens } from './score.mjs';

/**
 * Everything that is measured on some pairs: teacher-forced loss per token and token accuracy, captions by greedy and by
 * beam search with their BLEU, and how many of them are the name to the word.
 */
export async function evaluate(session, pairs, { vocabulary, size, length, width }) {
  const decoder = stepper(session);
  const tokens = { right: 0, count: 0, loss: 0 };
  const said = [];
  for (const batch of inOrder(pairs, size)) {
    const { image, words, targets } = inputsOf(batch, { vocabulary, size, length });
    const { logits } = await session.run('predict', { image, words });
    const scored = scoreTokens(logits, targets);
    for (const key of Object.keys(tokens)) tokens[key] += scored[key];
    const states = await encode(session, image, batch.length);
    const plain = [];
    for (const part of inOrder(states, decoder.rows))
      plain.push(...(await greedy(decoder, part, length - 1)));
    for (const [k, { emoji, words: reference }] of batch.entries())
      said.push({
        emoji,
        reference,
        greedy: vocabulary.textOf(plain[k]),
        beam: vocabulary.textOf(await beam(decoder, states[k], length - 1, { width })),
      });
  }
  return {
    loss: tokens.loss / tokens.count,
    tokenAccuracy: tokens.right / tokens.count,
    greedy: scoreCaptions(said, 'greedy'),
    beam: scoreCaptions(said, 'beam'),
    said,
  };
}

function scoreCaptions(said, search) {
  const exact = said.filter((one) => one[search].join(' ') === one.reference.join(' ')).length;
  return {
    bleu: bleu(said.map((one) => ({ candidate: one[search], reference: one.reference }))),
    exact: exact / said.length,
  };
}

/** The decoder's states after it has seen the picture, of the first `count` pictures of a batch. */
export async function encode(session, image, count) {
  const { hidden, cell } = await session.run('encode', { image });
  const width = session.plan.programs.encode.outputs.find(({ name }) => name === 'hidden').shape[1];
  return Array.from({ length: count }, (_, k) => ({
    hidden: hidden.subarray(k * width, (k + 1) * width),
    cell: cell.subarray(k * width, (k + 1) * width),
  }));
}
