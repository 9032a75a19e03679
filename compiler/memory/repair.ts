import type { Packer } from './first-fit.ts';
import { measured, type Packing, reachesTop } from './packing.ts';
import { sorted } from './packing-orders.ts';

const REPAIR_VISITS = 6_000_000;
const REPAIR_ATTEMPTS = 400;
/** An attempt that takes so many more is left. */
const OVERRUN_VISITS = 20_000_000;

/**
 * Squeaky wheel: the blocks that reach the top, and what is live with them at random, move forward in the order
 * and everything is repacked; a result that is no worse is kept. Stops at `target` bytes.
 */
export function repair(
  packer: Packer,
  start: Packing,
  target: number,
  isExpired: () => boolean,
): Packing {
  const { blocks, space } = packer;
  const count = blocks.bytes.length;
  let best = start;
  // First fit by rising address gives the same packing, or a lower one.
  let current = sorted(count, [(block) => -start.addresses[block]]);
  let random = 1;
  const below = (limit: number) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * limit);
  };
  const end = packer.visits + REPAIR_VISITS;
  // One attempt looks at every block at least once besides its neighbours.
  for (
    let attempt = 0;
    attempt < REPAIR_ATTEMPTS && packer.visits < end && best.bytes > target && !isExpired();
    attempt++
  ) {
    packer.visits += count;
    const next = Array.from(current);
    const top = next.filter((block) => reachesTop(best, blocks, space, block));
    const moved = top[below(top.length)];
    const from = next.indexOf(moved);
    next.splice(from, 1);
    next.splice(below(from + 1), 0, moved);
    if (attempt % 2 === 1) {
      const other = below(next.length);
      const [block] = next.splice(other, 1);
      next.splice(below(other + 1), 0, block);
    }
    const candidate = Int32Array.from(next);
    const addresses = packer.pack(candidate, 'first-fit', end + OVERRUN_VISITS);
    if (!addresses) return best;
    const packing = measured(blocks, space, addresses, `${start.method}+repair`);
    if (packing.bytes > best.bytes) continue;
    current = candidate;
    best = packing;
  }
  return best;
}
