import { generator } from './digits.mjs';

export const WIDTH = 160;
export const HEIGHT = 120;
const CHANNELS = 3;
const SIDE = 28;
/** Each pixel of a digit becomes a square of so many. */
const SCALE = 3;

/**
 * Short videos of the real handwritten digits in synthetic motion: an enlarged digit of a colour of its own glides across
 * the frame. `seed` decides digits, colours, places and directions.
 *
 * @returns {{ video: Float32Array, labels: Int32Array }} [count, frames, height, width, channels] and [count]
 */
export function renderVideos(digits, count, frames, seed) {
  const random = generator(seed);
  const frameSize = HEIGHT * WIDTH * CHANNELS;
  const video = new Float32Array(count * frames * frameSize);
  const labels = new Int32Array(count);
  const between = (low, high) => low + (high - low) * random();
  for (let k = 0; k < count; k++) {
    const sample = Math.floor(random() * digits.count);
    const image = digits.images.subarray(sample * SIDE * SIDE, (sample + 1) * SIDE * SIDE);
    const colour = Array.from({ length: CHANNELS }, () => between(0.4, 1));
    const start = { x: between(0.3, 0.7), y: between(0.3, 0.7) };
    const step = { x: between(-0.08, 0.08), y: between(-0.08, 0.08) };
    for (let frame = 0; frame < frames; frame++) {
      const left = Math.round((start.x + frame * step.x) * (WIDTH - SCALE * SIDE));
      const top = Math.round((start.y + frame * step.y) * (HEIGHT - SCALE * SIDE));
      const at = (k * frames + frame) * frameSize;
      draw(video.subarray(at, at + frameSize), image, left, top, colour);
    }
    labels[k] = digits.labels[sample];
  }
  return { video, labels };
}

function draw(frame, image, left, top, colour) {
  for (let y = Math.max(0, -top); y < Math.min(SCALE * SIDE, HEIGHT - top); y++) {
    const row = Math.floor(y / SCALE) * SIDE;
    for (let x = Math.max(0, -left); x < Math.min(SCALE * SIDE, WIDTH - left); x++) {
      const value = image[row + Math.floor(x / SCALE)];
      if (value === 0) continue;
      const at = ((top + y) * WIDTH + left + x) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++)
        frame[at + channel] = value * colour[channel];
    }
  }
}
