import { expect, test } from 'vitest';
import { inputsOf } from '../../examples/captions/batches.mjs';
import { END, makeVocabulary, NONE, START, UNKNOWN } from '../../examples/captions/vocabulary.mjs';
import { loadEmoji, PIXELS, wordsOf } from '../../examples/data/emoji.mjs';

interface Pair {
  readonly emoji: string;
  readonly words: readonly string[];
  readonly image: Float32Array;
}

test('the pairs held out share neither caption nor picture with those to train on', () => {
  const { train, heldOut }: Record<'train' | 'heldOut', Pair[]> = loadEmoji();
  expect(heldOut).toHaveLength(100);
  expect(train.length).toBeGreaterThan(400);
  const all = [...train, ...heldOut];
  const names = (word: string) => all.filter(({ words }) => words.includes(word)).length;
  expect(all.flatMap(({ words }) => words).filter((word) => names(word) < 2)).toEqual([]);
  expect(new Set(all.map(({ words }) => words.join(' '))).size).toBe(all.length);
  const pictures = all.map(({ image }) => Buffer.from(image.buffer).toString('base64'));
  expect(new Set(pictures).size).toBe(all.length);
  const isPicture = ({ image }: Pair) =>
    image.length === PIXELS &&
    image.every((ink) => ink >= 0 && ink <= 1) &&
    image.some((ink) => ink > 0);
  expect(all.filter((pair) => !isPicture(pair))).toEqual([]);
  const [once, again] = [1, 2].map(() => loadEmoji({ limit: 10, heldOutCount: 2 }));
  expect(again).toEqual(once);
});

test('names become words, words indices, and captions what the decoder reads and is to say', () => {
  expect(wordsOf('woman: red hair')).toEqual(['woman', 'red', 'hair']);
  expect(wordsOf('one-thirty')).toEqual(['one', 'thirty']);
  expect(wordsOf('three o’clock')).toEqual(['three', 'o’clock']);
  const image = new Float32Array(PIXELS);
  const pairs = [
    ['red', 'heart', 'heart'],
    ['red', 'apple'],
  ].map((words) => ({ words, image }));
  const vocabulary = makeVocabulary([{ words: ['red', 'heart'] }]);
  expect(vocabulary.words.slice(3)).toEqual(['heart', 'red']);
  const [red, heart] = ['red', 'heart'].map(vocabulary.indexOf);
  expect(vocabulary.indexOf('apple')).toBe(UNKNOWN);
  const { words, targets } = inputsOf(pairs, { vocabulary, size: 3, length: 4 });
  expect([...words]).toEqual([
    START,
    red,
    heart,
    heart,
    START,
    red,
    UNKNOWN,
    END,
    END,
    END,
    END,
    END,
  ]);
  expect([...targets]).toEqual([
    red,
    heart,
    heart,
    END,
    red,
    UNKNOWN,
    END,
    NONE,
    NONE,
    NONE,
    NONE,
    NONE,
  ]);
  const tight = () => inputsOf(pairs, { vocabulary, size: 3, length: 3 });
  expect(tight).toThrow('a caption of 3 words does not fit 3 positions');
});

test('a picture is moved as a whole, white coming in', () => {
  const pixel = (row: number, column: number) => (row * 32 + column) * 3;
  const image = new Float32Array(PIXELS);
  image.set([0.1, 0.2, 0.3], pixel(10, 20));
  const draws = [0.99, 0];
  const random = () => draws.shift()!;
  const vocabulary = makeVocabulary([]);
  const moved = inputsOf([{ words: [], image }], {
    vocabulary,
    size: 1,
    length: 2,
    random,
    shift: 2,
  }).image;
  const wanted = new Float32Array(PIXELS);
  wanted.set([0.1, 0.2, 0.3], pixel(12, 18));
  expect(moved).toEqual(wanted);
});
