import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { generator, shuffle } from './digits.mjs';

export const SIDE = 32;
export const CHANNELS = 3;
export const PIXELS = SIDE * SIDE * CHANNELS;
/** Longer names are left out: there are few. */
export const MAX_WORDS = 6;
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
 * Only names all of whose words other names have too: no picture tells "giraffe" to whoever was not told it before, but
 * "woman judge" can be told by whoever knows "man judge" and "woman teacher". Variants by skin tone are left out, and of
 * pictures that are equal in all pixels the first is kept, so that no name and no picture occurs twice. The split is by
 * name, in an order shuffled by a fixed seed: a pair held out shares neither name nor picture with those to train on.
 *
 * @returns {{ train: Pair[], heldOut: Pair[] }}
 * @typedef {{ emoji: string, words: readonly string[], image: Float32Array }} Pair image [32, 32, 3] of ink: 0 is white
 */
export function loadEmoji({ seed = 1, heldOutCount = 100, limit = Number.POSITIVE_INFINITY } = {}) {
  const { entries, Resvg, pictures } = packages();
  const named = entries
    .filter(({ group, subgroups, skintone }) => isTold(group, subgroups) && skintone === '')
    .map(({ emoji, hexcode, annotation }) => ({ emoji, hexcode, words: wordsOf(annotation) }))
    .filter(({ words }) => words.length > 0 && words.length <= MAX_WORDS);
  const shared = withSharedWords(withoutRepeats(named, ({ words }) => words.join(' ')));
  shuffle(shared, generator(seed));
  const drawn = shared.slice(0, limit).map(({ emoji, hexcode, words }) => ({
    emoji,
    words,
    image: draw(Resvg, join(pictures, `${hexcode}.svg`)),
  }));
  const pairs = withoutRepeats(drawn, ({ image }) => Buffer.from(image.buffer).toString('base64'));
  return { train: pairs.slice(heldOutCount), heldOut: pairs.slice(0, heldOutCount) };
}

const isTold = (group, subgroup) =>
  GROUPS.includes(group) && !SUBGROUPS_LEFT_OUT.includes(subgroup);

function withoutRepeats(list, keyOf) {
  return [...new Map(list.toReversed().map((one) => [keyOf(one), one])).values()].reverse();
}

function withSharedWords(list) {
  for (let shared = list; ; ) {
    const counts = new Map();
    for (const { words } of shared)
      for (const word of new Set(words)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const left = shared.filter(({ words }) => words.every((word) => counts.get(word) > 1));
    // A name left out may leave a word of its own to one other name.
    if (left.length === shared.length) return left;
    shared = left;
  }
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
