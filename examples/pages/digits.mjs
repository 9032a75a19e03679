export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

/**
 * The digits that `digitsFile` of build.mjs wrote. Their pixels stay bytes until they are used: to make numbers of all takes longer than a
 * frame of the page.
 *
 * @returns {Promise<{ train: Digits, test: Digits }>}
 */
export async function fetchDigits(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the digits do not load: ${response.status}`);
  const whole = await inflated(await response.arrayBuffer());
  let at = 0;
  const read = () => {
    const count = new DataView(whole.buffer, at).getUint32(0, true);
    const labels = Int32Array.from(whole.subarray(at + 4, at + 4 + count));
    const start = at + 4 + count;
    at = start + count * PIXELS;
    return { pixels: whole.subarray(start, at), labels, count };
  };
  return { train: read(), test: read() };
}

/** Some servers send compressed files as such, and browsers open those by themselves. */
async function inflated(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Batches without end, each digit once before any comes again, in an order drawn from `random`. */
export function* batches(digits, size, random) {
  const order = Array.from({ length: digits.count }, (_, k) => k);
  for (let next = digits.count; ; ) {
    const images = new Float32Array(size * PIXELS);
    const labels = new Int32Array(size);
    for (let k = 0; k < size; k++) {
      if (next >= digits.count) {
        shuffle(order, random);
        next = 0;
      }
      const sample = order[next++];
      takeImage(digits, sample, images, k);
      labels[k] = digits.labels[sample];
    }
    yield { images, labels };
  }
}

/** Writes a digit to place `k` of a batch, in [0, 1]. */
function takeImage({ pixels }, sample, images, k) {
  for (let i = 0; i < PIXELS; i++) images[k * PIXELS + i] = pixels[sample * PIXELS + i] / 255;
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

function shuffle(list, random) {
  for (let k = list.length - 1; k > 0; k--) {
    const other = Math.floor(random() * (k + 1));
    [list[k], list[other]] = [list[other], list[k]];
  }
}

/** The place of the largest of `count` numbers from `start` on. */
export function largest(values, start, count) {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[start + k] > values[start + best]) best = k;
  return best;
}

/** The share of digits whose largest logit is their label's. */
export async function accuracy(session, digits, batch, classes) {
  const { labels, count } = digits;
  let right = 0;
  for (let start = 0; start < count; start += batch) {
    const image = new Float32Array(batch * PIXELS);
    for (let k = 0; k < Math.min(batch, count - start); k++) takeImage(digits, start + k, image, k);
    const { logits } = await session.run('predict', { image });
    for (let k = 0; k < Math.min(batch, count - start); k++)
      if (largest(logits, k * classes, classes) === labels[start + k]) right++;
  }
  return right / count;
}
