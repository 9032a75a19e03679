import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { beam, greedy } from '../../examples/captions/decode.mjs';
import { END, START, UNKNOWN } from '../../examples/captions/vocabulary.mjs';

const FIRST_WORD = 3;

/** A decoder whose state is the history: `likelihoodOf` gives the log-likelihoods after the words read so far. */
function decoderOf(rows: number, likelihoodOf: (read: readonly number[]) => number[]) {
  const step = async (hypotheses: readonly { word: number; hidden: readonly number[] }[]) => {
    expect(hypotheses.length).toBeLessThanOrEqual(rows);
    return hypotheses.map(({ word, hidden }) => {
      const read = [...hidden, word];
      return { likelihood: Float32Array.from(likelihoodOf(read)), hidden: read, cell: [] };
    });
  };
  return { rows, step };
}

const state = { hidden: [], cell: [] };

/** Numbers in (-5, 0) that depend on all words read and on the seed. */
function randomDecoder(rows: number, vocabulary: number, seed: number) {
  return decoderOf(rows, (read) =>
    Array.from({ length: vocabulary }, (_, word) => {
      const mixed = [...read, word].reduce(
        (h, w) => Math.imul(h ^ (w + 1), 0x5bd1e995) + 12345,
        seed,
      );
      return (-5 * ((mixed ^ (mixed >>> 15)) >>> 0)) / 2 ** 32;
    }),
  );
}

/** All captions of up to `length` words with their likelihoods, the way `beam` counts them. */
async function enumerate(
  { step }: ReturnType<typeof decoderOf>,
  length: number,
  penalty: number,
): Promise<{ words: number[]; score: number }[]> {
  const found: { words: number[]; score: number }[] = [];
  let open = [{ words: [] as number[], word: START as number, total: 0, hidden: [] as number[] }];
  for (let position = 0; position < length; position++) {
    const next = (await Promise.all(open.map((one) => step([one])))).flat();
    const continued = open.flatMap(({ words, total }, k) =>
      [...next[k].likelihood.keys()]
        .filter((word) => word !== START && word !== UNKNOWN)
        .map((word) => ({
          words: word === END ? words : [...words, word],
          word,
          total: total + next[k].likelihood[word],
          hidden: next[k].hidden,
        })),
    );
    open = continued.filter(({ word }) => word !== END);
    const ended = continued.filter(({ word }) => word === END || position === length - 1);
    for (const { words, total } of ended)
      found.push({ words, score: total / (words.length + 1) ** penalty });
  }
  return found;
}

describe('captions by beam search', () => {
  test('a beam of one is greedy', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 6 }), async (seed, length) => {
        const decoder = randomDecoder(3, 7, seed);
        const [caption] = await greedy(decoder, [state], length);
        expect(await beam(decoder, state, length, { width: 1 })).toEqual(caption);
      }),
    );
  });

  test('a beam that holds every hypothesis finds the best of all captions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.constantFrom(0, 0.7, 1), async (seed, penalty) => {
        const decoder = randomDecoder(1000, FIRST_WORD + 2, seed);
        const all = await enumerate(decoder, 3, penalty);
        const best = all.reduce((a, b) => (b.score > a.score ? b : a));
        expect(await beam(decoder, state, 3, { width: 1000, penalty })).toEqual(best.words);
      }),
    );
  });

  test('it finds what greedy search walks past', async () => {
    const [a, b] = [FIRST_WORD, FIRST_WORD + 1];
    const share = (read: readonly number[], word: number): number => {
      if (read.length === 1) return { [a]: 0.6, [b]: 0.4 }[word] ?? 0;
      if (read[1] === b) return word === END ? 1 : 0;
      return { [a]: 0.3, [b]: 0.3, [END]: 0.4 }[word] ?? 0;
    };
    const decoder = decoderOf(2, (read) =>
      [0, 1, 2, a, b].map((word) => Math.log(share(read, word))),
    );
    expect(await greedy(decoder, [state], 4)).toEqual([[a]]);
    expect(await beam(decoder, state, 4, { width: 2 })).toEqual([b]);
  });

  test('a beam wider than the rows of the model is refused', async () => {
    const wide = beam(randomDecoder(2, 6, 1), state, 3, { width: 3 });
    await expect(wide).rejects.toThrow('a beam of 3 does not fit the 2 rows');
  });
});
