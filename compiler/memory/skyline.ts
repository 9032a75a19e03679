import type { Blocks } from '../liveness/events.ts';

// Best fit on a skyline: Sekiyama, Imai, Negishi, Kawachiya, "Profile-guided memory optimization for deep neural
// networks", 2018, after Burke et al., "A new placement heuristic for the orthogonal stock-cutting problem", 2004. The
// skyline is the height of what is placed, per step. Its lowest stretch takes the block that fits best between
// its ends; where none fits, the stretch rises to its lower neighbour.

/** Larger is better; compared among the blocks that fit into the lowest stretch. */
export type Preference = (block: number, stretch: { first: number; last: number }) => number;

interface Stretch {
  first: number;
  last: number;
  height: number;
}

/**
 * Addresses of all blocks, and how many blocks were looked at; `place` moves a height up to where a block of that size
 * may start.
 */
export function packSkyline(
  blocks: Blocks,
  preference: Preference,
  place: (height: number, bytes: number) => number,
): { readonly addresses: Float64Array; readonly visits: number } {
  const count = blocks.bytes.length;
  const addresses = new Float64Array(count);
  const remaining = Array.from({ length: count }, (_, block) => block).sort(
    (a, b) => blocks.first[a] - blocks.first[b] || a - b,
  );
  const end = blocks.last.reduce((most, last) => Math.max(most, last), 0);
  const skyline: Stretch[] = [{ first: 0, last: end, height: 0 }];
  let visits = 0;
  while (remaining.length > 0) {
    const lowest = lowestStretch(skyline);
    const stretch = skyline[lowest];
    const { position, looked } = bestBlock(blocks, remaining, stretch, preference);
    visits += looked + skyline.length;
    if (position < 0) {
      rise(skyline, lowest);
      continue;
    }
    const [block] = remaining.splice(position, 1);
    const address = place(stretch.height, blocks.bytes[block]);
    addresses[block] = address;
    cover(skyline, lowest, blocks.first[block], blocks.last[block], address + blocks.bytes[block]);
  }
  return { addresses, visits };
}

function lowestStretch(skyline: readonly Stretch[]): number {
  let lowest = 0;
  for (let i = 1; i < skyline.length; i++) {
    if (skyline[i].height < skyline[lowest].height) lowest = i;
  }
  return lowest;
}

/** The best block's position in `remaining`, which is sorted by first step, or -1. */
function bestBlock(
  blocks: Blocks,
  remaining: readonly number[],
  stretch: Stretch,
  preference: Preference,
): { position: number; looked: number } {
  let low = 0;
  let high = remaining.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blocks.first[remaining[middle]] < stretch.first) low = middle + 1;
    else high = middle;
  }
  let best = -1;
  let bestValue = Number.NEGATIVE_INFINITY;
  let i = low;
  for (; i < remaining.length && blocks.first[remaining[i]] <= stretch.last; i++) {
    if (blocks.last[remaining[i]] > stretch.last) continue;
    const value = preference(remaining[i], stretch);
    if (value <= bestValue) continue;
    best = i;
    bestValue = value;
  }
  return { position: best, looked: i - low };
}

/** Lifts a stretch to its lower neighbour and joins what is then level. */
function rise(skyline: Stretch[], index: number): void {
  const left = skyline[index - 1]?.height ?? Number.POSITIVE_INFINITY;
  const right = skyline[index + 1]?.height ?? Number.POSITIVE_INFINITY;
  skyline[index].height = Math.min(left, right);
  if (right === skyline[index].height) {
    skyline[index].last = skyline[index + 1].last;
    skyline.splice(index + 1, 1);
  }
  if (left === skyline[index].height) {
    skyline[index - 1].last = skyline[index].last;
    skyline.splice(index, 1);
  }
}

/** Raises the steps `first` to `last` of a stretch to `height`. */
function cover(
  skyline: Stretch[],
  index: number,
  first: number,
  last: number,
  height: number,
): void {
  const stretch = skyline[index];
  const parts: Stretch[] = [{ first, last, height }];
  if (first > stretch.first) parts.unshift({ ...stretch, last: first - 1 });
  if (last < stretch.last) parts.push({ ...stretch, first: last + 1 });
  skyline.splice(index, 1, ...parts);
}
