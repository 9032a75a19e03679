import { describe, expect, test } from 'vitest';
import { bleu, scoreTokens } from '../../examples/captions/score.mjs';

const pair = (candidate: string, reference: string) => ({
  candidate: candidate.split(' ').filter(Boolean),
  reference: reference.split(' '),
});

// Computed by hand. Counts of n-grams with n > 1 have one added above and below; orders without any are left out.
describe('BLEU-4 of a corpus', () => {
  const cases: readonly [string, readonly [string, string][], number][] = [
    ['equal captions', [['red heart', 'red heart']], 1],
    [
      'a word in place of another',
      [['a b c d e', 'a b c d f']],
      ((4 / 5) * (4 / 5) * (3 / 4) * (2 / 3)) ** (1 / 4),
    ],
    [
      'a repeated word counts as often as it is there',
      [['the the the', 'the cat']],
      ((1 / 3) * (1 / 3) * (1 / 2)) ** (1 / 3),
    ],
    ['a caption too short', [['woman judge', 'woman judge facing right']], Math.exp(1 - 4 / 2)],
    ['words in another order', [['heart red', 'red heart']], (1 * (1 / 2)) ** (1 / 2)],
    [
      'counts are of the corpus',
      [
        ['red heart', 'red heart'],
        ['cat', 'dog face'],
      ],
      Math.exp(1 - 4 / 3) * ((2 / 3) * 1) ** (1 / 2),
    ],
    ['no word in common', [['cat', 'dog']], 0],
    ['nothing said', [['', 'dog']], 0],
  ];
  test.each(cases)('%s', (_, pairs, wanted) => {
    expect(bleu(pairs.map(([candidate, reference]) => pair(candidate, reference)))).toBeCloseTo(
      wanted,
      12,
    );
  });
});

test('tokens are scored where there is one to say', () => {
  const logits = Float32Array.from([0, Math.log(3), 0, 0, 5, 5]);
  const { right, count, loss } = scoreTokens(logits, Int32Array.from([1, 0, -1]));
  expect({ right, count }).toEqual({ right: 2, count: 2 });
  expect(loss).toBeCloseTo(Math.log(4 / 3) + Math.log(2), 6);
});
