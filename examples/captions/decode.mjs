// Greedy and beam search over the program `step`: one step of the decoder for `rows` hypotheses side by side.
import { END, START, UNKNOWN } from './vocabulary.mjs';

/**
 * One step of the decoder as a function: hypotheses, each with its last word and the decoder's state [width], to the
 * log-likelihoods [vocabulary] of the next word and the next states. At most `rows` hypotheses; what is left of the rows
 * is computed and thrown away.
 *
 * @typedef {{ word: number, hidden: Float32Array, cell: Float32Array }} Hypothesis
 * @typedef {{ likelihood: Float32Array, hidden: Float32Array, cell: Float32Array }} Next
 * @returns {{ rows: number, step: (hypotheses: readonly Hypothesis[]) => Promise<Next[]> }}
 */
export function stepper(session) {
  const { inputs } = session.plan.programs.step;
  const [rows, width] = inputs.find(({ name }) => name === 'hidden').shape;
  const step = async (hypotheses) => {
    const word = new Int32Array(rows);
    const hidden = new Float32Array(rows * width);
    const cell = new Float32Array(rows * width);
    hypotheses.forEach((hypothesis, row) => {
      word[row] = hypothesis.word;
      hidden.set(hypothesis.hidden, row * width);
      cell.set(hypothesis.cell, row * width);
    });
    const next = await session.run('step', { word, hidden, cell });
    const part = (name, row) => {
      const size = next[name].length / rows;
      return next[name].subarray(row * size, (row + 1) * size);
    };
    return hypotheses.map((_, row) => ({
      likelihood: part('likelihood', row),
      hidden: part('hidden', row),
      cell: part('cell', row),
    }));
  };
  return { rows, step };
}

/**
 * The likeliest word at each step, until <end> or `length` words. States come from the program `encode`; up to `rows` of
 * them are decoded side by side.
 *
 * @param {readonly { hidden: Float32Array, cell: Float32Array }[]} states
 * @returns {Promise<number[][]>} words of each state, without <end>
 */
export async function greedy({ step }, states, length) {
  const captions = states.map(() => []);
  let open = states.map((state, k) => ({ k, word: START, ...state }));
  for (let position = 0; position < length && open.length > 0; position++) {
    const next = await step(open);
    open = open
      .map(({ k }, row) => ({ ...next[row], k, word: candidates(next[row].likelihood, 1)[0] }))
      .filter(({ word }) => word !== END);
    for (const { k, word } of open) captions[k].push(word);
  }
  return captions;
}

/**
 * Beam search: of all continuations of the `width` best hypotheses the `width` likeliest go on; one that ends is set
 * aside, and leaves a place less. The best of them all has the largest log-likelihood over (words + 1)^`penalty`, <end>
 * counted. Without a penalty that is the likeliest caption; 1 compares means, which favours long names whose words follow
 * from their first.
 *
 * @param {{ hidden: Float32Array, cell: Float32Array }} state from the program `encode`
 * @returns {Promise<number[]>} words without <end>
 */
export async function beam({ rows, step }, state, length, { width = rows, penalty = 0 } = {}) {
  if (!(width >= 1 && width <= rows))
    throw new Error(
      `a beam of ${width} does not fit the ${rows} rows that the model was built with`,
    );
  const ended = [];
  let open = [{ words: [], word: START, total: 0, ...state }];
  for (let position = 0; position < length && ended.length < width; position++) {
    const next = await step(open);
    const continued = open.flatMap(({ words, total }, row) =>
      candidates(next[row].likelihood, width).map((word) => ({
        ...next[row],
        words: word === END ? words : [...words, word],
        word,
        total: total + next[row].likelihood[word],
      })),
    );
    const best = continued.sort((a, b) => b.total - a.total).slice(0, width - ended.length);
    ended.push(...best.filter(({ word }) => word === END));
    open = best.filter(({ word }) => word !== END);
    if (open.length === 0) break;
  }
  const score = ({ words, total }) => total / (words.length + 1) ** penalty;
  return [...ended, ...open].reduce((a, b) => (score(b) > score(a) ? b : a)).words;
}

/** The `count` likeliest next words, best first. <start> and <unknown> are never said. */
function candidates(likelihood, count) {
  const best = [];
  for (let word = 0; word < likelihood.length; word++) {
    if (word === START || word === UNKNOWN) continue;
    if (best.length === count && likelihood[word] <= likelihood[best[count - 1]]) continue;
    let place = best.length;
    while (place > 0 && likelihood[best[place - 1]] < likelihood[word]) place--;
    best.splice(place, 0, word);
    if (best.length > count) best.pop();
  }
  return best;
}
