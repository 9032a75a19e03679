import { shuffle } from '../data/digits.mjs';
import { CHANNELS, PIXELS, SIDE } from '../data/emoji.mjs';
import { teach } from './vocabulary.mjs';

/** `size` pairs at a time without end, all of them in a new order each time round. */
export function* stream(pairs, size, random) {
  for (let rest = []; ; ) {
    const batch = rest.splice(0, size);
    while (batch.length < size) {
      rest = [...pairs];
      shuffle(rest, random);
      batch.push(...rest.splice(0, size - batch.length));
    }
    yield batch;
  }
}

/** Pairs in their order, `size` at a time, the last batch with what is left. */
export function* inOrder(pairs, size) {
  for (let start = 0; start < pairs.length; start += size) yield pairs.slice(start, start + size);
}

/**
 * Inputs of the programs `train`, `predict` and `encode` for up to `size` pairs. With `random` each picture is moved by up
 * to `shift` pixels each way; it isn't mirrored, because names tell left from right.
 *
 * @returns {{ image: Float32Array, words: Int32Array, targets: Int32Array }}
 */
export function inputsOf(pairs, { vocabulary, size, length, random, shift = 0 }) {
  const image = new Float32Array(size * PIXELS);
  const move = () => (random ? Math.floor((2 * shift + 1) * random()) - shift : 0);
  pairs.forEach((pair, k) => {
    moveInto(image.subarray(k * PIXELS, (k + 1) * PIXELS), pair.image, move(), move());
  });
  const captions = Array.from({ length: size }, (_, k) => pairs[k]?.words ?? null);
  return { image, ...teach(vocabulary, captions, length) };
}

/** Copies an image `down` rows and `right` columns further; what comes in at the edges is white. */
function moveInto(target, image, down, right) {
  for (let row = Math.max(0, down); row < Math.min(SIDE, SIDE + down); row++) {
    const from = (row - down) * SIDE;
    const first = (from + Math.max(0, -right)) * CHANNELS;
    const last = (from + Math.min(SIDE, SIDE - right)) * CHANNELS;
    target.set(image.subarray(first, last), (row * SIDE + Math.max(0, right)) * CHANNELS);
  }
}
