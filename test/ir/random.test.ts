import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamOf, threefry, uniform, uniformElement } from '../../ir/random.ts';
import { soaked } from '../support/soak.ts';

/** Threefry-2x32 with 20 rounds as the paper describes it, in exact arithmetic. */
function reference(key: readonly bigint[], counter: readonly bigint[]): bigint[] {
  const word = (value: bigint) => value & 0xffffffffn;
  const rotated = (value: bigint, by: bigint) => word((value << by) | (value >> (32n - by)));
  const keys = [...key, 0x1bd11bdan ^ key[0] ^ key[1]];
  const rotations = [13n, 15n, 26n, 6n, 17n, 29n, 16n, 24n];
  let [left, right] = [word(counter[0] + keys[0]), word(counter[1] + keys[1])];
  for (let round = 0; round < 20; round++) {
    left = word(left + right);
    right = rotated(right, rotations[round % 8]) ^ left;
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    left = word(left + keys[injection % 3]);
    right = word(right + keys[(injection + 1) % 3] + BigInt(injection));
  }
  return [left, right];
}

const word = fc.integer({ min: 0, max: 0xffffffff });

describe('threefry', () => {
  // kat_vectors of the Random123 distribution, threefry2x32 with 20 rounds: both words.
  const vectors = [
    [[0, 0], [0, 0], 0x6b200159, 0x99ba4efe],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], 0x1cb996fc, 0xbb002be7],
    [[0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], 0xc4923a9c, 0x483df7a0],
  ] as const;

  it.each(vectors)(
    'under key %j gives for counter %j the published words',
    (key, counter, ...x) => {
      const words = x.map((_, word) => threefry(key[0], key[1], counter[0], counter[1], word));
      expect(words).toEqual(x);
    },
  );

  it.each(vectors)('has a reference here that gives both published words', (key, counter, ...x) => {
    expect(reference(key.map(BigInt), counter.map(BigInt)).map(Number)).toEqual(x);
  });

  it('is the cipher of the paper for every key and counter', () => {
    fc.assert(
      fc.property(word, word, word, word, (key0, key1, counter0, counter1) => {
        const wanted = reference(
          [BigInt(key0), BigInt(key1)],
          [BigInt(counter0), BigInt(counter1)],
        );
        const words = wanted.map((_, word) => threefry(key0, key1, counter0, counter1, word));
        expect(words).toEqual(wanted.map(Number));
      }),
      soaked(500),
    );
  });

  it('takes a word written as a negative i32 for the same bits', () => {
    fc.assert(
      fc.property(word, word, word, word, (...words) => {
        const [key0, key1, counter0, counter1] = words.map((value) => value | 0);
        expect(threefry(key0, key1, counter0, counter1)).toBe(
          threefry(words[0], words[1], words[2], words[3]),
        );
      }),
    );
  });
});

const COUNT = 1 << 16;
type Draw = [seed: number, stream: number, step: number];
const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / COUNT;
/** Of two samples of uniform numbers; of standard deviation 1/√n for independent ones. */
const correlation = (a: Float64Array, b: Float64Array) =>
  mean(a.map((value, i) => (value - 0.5) * (b[i] - 0.5))) * 12;
/** Five standard deviations: what is drawn is fixed, so a test that passes once always does. */
const FAR = 5;

describe.each([
  ['uniform', uniform],
  ['uniformElement', uniformElement],
])('%s', (name, draw) => {
  const drawn = (...[seed, stream, step]: Draw) =>
    Float64Array.from({ length: COUNT }, (_, i) => draw(seed, stream, i, step));

  it('is the upper 24 bits of the word, so that float32 holds it exactly', () => {
    fc.assert(
      fc.property(word, word, word, word, (...words) => {
        const [key0, key1, counter0, counter1] = words;
        const value = draw(key0, key1, counter0, counter1);
        const word =
          name === 'uniform'
            ? threefry(key0, key1, counter0, counter1)
            : threefry(key0, key1, Math.floor(counter0 / 2), counter1, counter0 % 2);
        expect(value).toBe(Math.floor(word / 256) / 2 ** 24);
        expect(Math.fround(value)).toBe(value);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(1);
      }),
    );
  });

  it.each([
    [0, 0, 0],
    [7, streamOf('weight'), 3],
    [0xffffffff, 1, -1],
  ])(
    'has mean, variance and neighbours of a uniform sample (seed %i, stream %i, step %i)',
    (seed, stream, step) => {
      const values = drawn(seed, stream, step);
      expect(Math.abs(mean(values) - 0.5)).toBeLessThan(FAR * Math.sqrt(1 / 12 / COUNT));
      const variance = mean(values.map((value) => (value - 0.5) ** 2));
      expect(Math.abs(variance - 1 / 12)).toBeLessThan(FAR * Math.sqrt(1 / 180 / COUNT));
      const next = Float64Array.from(values, (_, i) => values[(i + 1) % COUNT]);
      expect(Math.abs(correlation(values, next))).toBeLessThan(FAR / Math.sqrt(COUNT));
    },
  );

  it('fills 256 equal bins evenly', () => {
    const bins = new Float64Array(256);
    for (const value of drawn(1, 2, 3)) bins[Math.floor(value * 256)]++;
    const expected = COUNT / 256;
    const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Chi-square of 255 degrees of freedom: mean 255, variance 510.
    expect(Math.abs(chiSquare - 255)).toBeLessThan(FAR * Math.sqrt(510));
  });

  it.each<[string, Draw, Draw]>([
    ['streams', [5, 1, 0], [5, 2, 0]],
    ['seeds', [5, 1, 0], [6, 1, 0]],
    ['steps', [5, 1, 0], [5, 1, 1]],
  ])('draws unrelated numbers from neighbouring %s', (_, a, b) => {
    const [first, second] = [drawn(...a), drawn(...b)];
    expect(Math.abs(correlation(first, second))).toBeLessThan(FAR / Math.sqrt(COUNT));
    const equal = first.filter((value, i) => value === second[i]).length;
    expect(equal).toBeLessThan(3);
  });
});

describe('streamOf', () => {
  it.each([
    // Test vectors of the FNV hash's authors, FNV-1a with 32 bits.
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('is FNV-1a of %j', (name, hash) => {
    expect(streamOf(name)).toBe(hash);
  });

  it('tells the parameters of a deep model apart', () => {
    const names = Array.from({ length: 1000 }, (_, i) => `layers.${i}`);
    const streams = names.flatMap((name) => [`${name}.weight`, `${name}.bias`].map(streamOf));
    expect(new Set(streams).size).toBe(2000);
  });
});
