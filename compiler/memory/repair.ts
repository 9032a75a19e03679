import { type Packer, topOf } from './first-fit.ts';
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
  let known: Float64Array = quietly(packer, () => packer.pack(current, 'first-fit')!);
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
    let same = below(from + 1);
    next.splice(from, 1);
    next.splice(same, 0, moved);
    if (attempt % 2 === 1) {
      const other = below(next.length);
      const to = below(other + 1);
      const [block] = next.splice(other, 1);
      next.splice(to, 0, block);
      same = Math.min(same, to);
    }
    const candidate = Int32Array.from(next);
    const addresses = packer.pack(candidate, 'first-fit', {
      mostVisits: end + OVERRUN_VISITS,
      top: topOf(space, best),
      from: { addresses: known, count: same },
    });
    if (!addresses && packer.visits > end + OVERRUN_VISITS) return best;
    const packing = addresses && measured(blocks, space, addresses, `${start.method}+repair`);
    if (!packing || packing.bytes > best.bytes) continue;
    current = candidate;
    known = packing.addresses;
    best = packing;
  }
  return best;
}

/** Does work that does not count. */
function quietly<T>(packer: Packer, work: () => T): T {
  const { visits } = packer;
  const result = work();
  packer.visits = visits;
  return result;
}
