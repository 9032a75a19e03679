import { NONE } from './vocabulary.mjs';

const ORDERS = [1, 2, 3, 4];

/**
 * BLEU of a corpus with one reference each (Papineni et al. 2002): the brevity penalty times the geometric mean of the
 * clipped precisions of n-grams, n = 1 … 4, all counted over the whole corpus. Names are short, most have no 4-gram:
 * the counts of n > 1 are smoothed by one above and below (Lin and Och 2004, smoothing 2 of Chen and Cherry 2014), and
 * orders that no candidate is long enough for are left out of the mean.
 *
 * @param {readonly { candidate: readonly string[], reference: readonly string[] }[]} pairs
 * @returns {number} in [0, 1]
 */
export function bleu(pairs) {
  const length = (key) => pairs.reduce((sum, pair) => sum + pair[key].length, 0);
  const [said, wanted] = [length('candidate'), length('reference')];
  const logarithms = [];
  for (const n of ORDERS) {
    const { matches, total } = precision(pairs, n);
    if (total === 0) continue;
    const smoothing = n > 1 ? 1 : 0;
    logarithms.push(Math.log((matches + smoothing) / (total + smoothing)));
  }
  if (logarithms.length === 0) return 0;
  const brevity = Math.min(0, 1 - wanted / said);
  return Math.exp(brevity + logarithms.reduce((a, b) => a + b) / logarithms.length);
}

/** N-grams of the candidates, and how many are in their reference: each counts as often as it is there. */
function precision(pairs, n) {
  let [matches, total] = [0, 0];
  for (const { candidate, reference } of pairs) {
    const there = ngrams(reference, n);
    for (const [ngram, count] of ngrams(candidate, n)) {
      matches += Math.min(count, there.get(ngram) ?? 0);
      total += count;
    }
  }
  return { matches, total };
}

function ngrams(words, n) {
  const counts = new Map();
  for (let start = 0; start + n <= words.length; start++) {
    const ngram = words.slice(start, start + n).join(' ');
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/**
 * What teacher forcing says of the right words: how many of the targets are the likeliest word, and the sum of their
 * negative log-likelihoods. Positions of {@link NONE} do not count.
 *
 * @param {Float32Array} logits [positions, vocabulary]
 * @param {Int32Array} targets [positions]
 * @returns {{ right: number, count: number, loss: number }}
 */
export function scoreTokens(logits, targets) {
  const vocabulary = logits.length / targets.length;
  let [right, count, loss] = [0, 0, 0];
  targets.forEach((target, position) => {
    if (target === NONE) return;
    const row = logits.subarray(position * vocabulary, (position + 1) * vocabulary);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    count++;
    if (row[target] === largest) right++;
    loss += Math.log(sum) + largest - row[target];
  });
  return { right, count, loss };
}
