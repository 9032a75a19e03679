import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { generator, shuffle } from './digits.mjs';

export const SIDE = 32;
export const CHANNELS = 3;
export const PIXELS = SIDE * SIDE * CHANNELS;
/** A longer name is left out: there are a dozen of them. */
export const MAX_WORDS = 8;
/** OpenMoji's own additions are left out: logos and signs of user interfaces, with names to match. */
const GROUPS = [
  'smileys-emotion',
  'people-body',
  'animals-nature',
  'food-drink',
  'travel-places',
  'activities',
  'objects',
  'symbols',
  'flags',
];
/** No picture tells a name like these to whoever was not told it before. */
const SUBGROUPS_LEFT_OUT = ['country-flag', 'subdivision-flag'];

/**
 * The emoji of the npm package `openmoji` (CC BY-SA 4.0, openmoji.org) with their names, drawn at 32 x 32.
 *
 * No name and no picture occurs twice: variants by skin tone are left out, and of pictures that are equal in all pixels
 * the first is kept. Held out are, by a fixed seed, some of the names all of whose words other names have too: "woman
 * judge" may be held out where "man judge" is not, but not "giraffe", which no picture tells to whoever was not told it
 * before. A pair held out shares neither its name nor its picture with those to train on.
 *
 * @returns {{ train: Pair[], heldOut: Pair[] }}
 * @typedef {{ emoji: string, words: readonly string[], image: Float32Array }} Pair image [32, 32, 3] of ink: 0 is white
 */
export function loadEmoji({ seed = 1, heldOutCount = 150, limit = Number.POSITIVE_INFINITY } = {}) {
  const { entries, Resvg, pictures } = packages();
  const named = withoutRepeats(
    entries
      .filter(({ group, subgroups, skintone }) => isTold(group, subgroups) && skintone === '')
      .map(({ emoji, hexcode, annotation }) => ({ emoji, hexcode, words: wordsOf(annotation) }))
      .filter(({ words }) => words.length > 0 && words.length <= MAX_WORDS),
    ({ words }) => words.join(' '),
  );
  shuffle(named, generator(seed));
  const drawn = named.slice(0, limit).map(({ emoji, hexcode, words }) => ({
    emoji,
    words,
    image: draw(Resvg, join(pictures, `${hexcode}.svg`)),
  }));
  const pairs = withoutRepeats(drawn, ({ image }) => Buffer.from(image.buffer).toString('base64'));
  const names = countNames(pairs);
  const heldOut = new Set(
    pairs.filter(({ words }) => words.every((word) => names.get(word) > 1)).slice(0, heldOutCount),
  );
  return { train: pairs.filter((pair) => !heldOut.has(pair)), heldOut: [...heldOut] };
}

const isTold = (group, subgroup) =>
  GROUPS.includes(group) && !SUBGROUPS_LEFT_OUT.includes(subgroup);

function withoutRepeats(list, keyOf) {
  return [...new Map(list.toReversed().map((one) => [keyOf(one), one])).values()].reverse();
}

/** How many names have a word. */
export function countNames(pairs) {
  const counts = new Map();
  for (const { words } of pairs)
    for (const word of new Set(words)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** "woman: red hair" is `woman red hair`, "one-thirty" is `one thirty`. */
export function wordsOf(annotation) {
  return annotation.toLowerCase().match(/[\p{L}\p{N}’]+/gu) ?? [];
}

function packages() {
  const require = createRequire(import.meta.url);
  try {
    const index = require.resolve('openmoji/data/openmoji.json');
    return {
      entries: require(index),
      pictures: join(dirname(index), '../color/svg'),
      Resvg: require('@resvg/resvg-js').Resvg,
    };
  } catch (error) {
    throw new Error(
      "the pictures come from the packages 'openmoji' and '@resvg/resvg-js', development dependencies of this project; `npm ci` installs them",
      { cause: error },
    );
  }
}

function draw(Resvg, file) {
  const { pixels } = new Resvg(readFileSync(file), {
    fitTo: { mode: 'width', value: SIDE },
    background: 'white',
    font: { loadSystemFonts: false },
  }).render();
  const image = new Float32Array(PIXELS);
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++)
    for (let channel = 0; channel < CHANNELS; channel++)
      image[pixel * CHANNELS + channel] = 1 - pixels[4 * pixel + channel] / 255;
  return image;
}
