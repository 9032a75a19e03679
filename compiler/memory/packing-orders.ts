import { type Blocks, liveBytes } from '../liveness/events.ts';
import type { Fit } from './first-fit.ts';
import type { Preference } from './remaining-blocks.ts';

type Key = (block: number) => number;

/** Greedy orders, each by falling keys and then by index. */
export function greedyOrders(blocks: Blocks): readonly (readonly [string, Fit, readonly Key[]])[] {
  const { bytes, first, last } = blocks;
  const size: Key = (block) => bytes[block];
  const duration: Key = (block) => last[block] - first[block] + 1;
  const area: Key = (block) => size(block) * duration(block);
  const pressure = pressureOf(blocks);
  return [
    ['size', 'first-fit', [size, duration]],
    ['start', 'best-fit', [(block) => -first[block], size]],
    ['area', 'first-fit', [area, size]],
    ['pressure', 'first-fit', [(block) => pressure[block], size, duration]],
    ['end', 'best-fit', [(block) => last[block], size]],
  ];
}

/** What a skyline may prefer: see `packSkyline`. */
export function preferences({
  bytes,
  first,
  last,
}: Blocks): readonly (readonly [string, Preference])[] {
  const duration = Float64Array.from(bytes, (_, block) => last[block] - first[block] + 1);
  const area = duration.map((steps, block) => steps * bytes[block]);
  return [
    // Blocks that touch an end of the stretch leave it in fewer pieces.
    ['edge', { values: duration, edges: true }],
    ['area', { values: area, edges: false }],
    ['duration', { values: duration, edges: false }],
    ['size', { values: bytes, edges: false }],
  ];
}

/** For each block the peak live bytes over its steps, itself included, by a sparse table of maxima. */
function pressureOf(blocks: Blocks): Float64Array {
  const levels = [liveBytes(blocks)];
  for (let width = 1; 2 * width <= levels[0].length; width *= 2) {
    const below = levels.at(-1)!;
    levels.push(
      Float64Array.from({ length: below.length - width }, (_, i) =>
        Math.max(below[i], below[i + width]),
      ),
    );
  }
  return Float64Array.from(blocks.bytes, (_, block) => {
    const length = blocks.last[block] - blocks.first[block] + 1;
    const level = 31 - Math.clz32(length);
    const row = levels[level];
    return Math.max(row[blocks.first[block]], row[blocks.last[block] - (1 << level) + 1]);
  });
}

export function sorted(count: number, keys: readonly Key[]): Int32Array {
  const columns = keys.map((key) => Float64Array.from({ length: count }, (_, block) => key(block)));
  return Int32Array.from({ length: count }, (_, block) => block).sort((a, b) => {
    for (const column of columns) if (column[a] !== column[b]) return column[b] - column[a];
    return a - b;
  });
}
