import { type Blocks, peakLiveBytes } from '../liveness/events.ts';
import { type AddressSpace, Packer, topOf, usableAddress } from './first-fit.ts';
import { measured, type Packing } from './packing.ts';
import { greedyOrders, preferences, sorted } from './packing-orders.ts';
import { repair } from './repair.ts';
import { packSkyline } from './skyline.ts';
import { tighten } from './tighten.ts';

// Dynamic storage allocation: give every block an address so that no two blocks that are live together overlap, and
// the highest address is low. NP-hard. Best fit on a skyline (skyline.ts); greedy by size, area, pressure, start and
// end with every gap tried, the gap before the first live block included (first-fit.ts; Pisarchyk and Lee, "Efficient
// Memory Management for Deep Neural Net Inference", 2020); then repair of the best (repair.ts); and where that leaves a
// gap, branch and bound for a bounded time (tighten.ts, canonical-search.ts).

/** When to stop, besides at an optimum. */
export interface PackOptions {
  /** Bytes above the reserved part, in one slab, that are few enough: a packing that takes no more is returned at once. */
  readonly capacity?: number | undefined;
  /** The search goes on until this says true, or to the optimum; without it until a count of work, the same on every machine. */
  readonly isExpired?: (() => boolean) | undefined;
  /** Whether any packing will do. */
  readonly isUseless?: boolean;
}

export interface BoundedPacking extends Packing {
  /** No packing takes less: the largest sum of live blocks, or more where a search has proved it. */
  readonly lowerBound: number;
}

// Work is bounded by counts, not by a clock, so that builds are reproducible: blocks looked at by all greedy
// methods together; one that has begun may take as many again, and the first one always runs to its end.
const GREEDY_VISITS = 100_000_000;
/** Those that are looked at even when the time is up. */
const QUICK_VISITS = 2_000_000;

/**
 * Addresses for `blocks` in `space`: the best of several greedy orders, of a repair of the best one and of a search. Stops
 * as soon as the bytes taken are at most `capacity`, or equal the largest sum of live blocks, which nothing can beat. Sizes keep
 * whatever alignment the blocks' sizes, the slab size and the reserved parts share. Every block must fit into a slab.
 */
export function packBlocks(
  blocks: Blocks,
  space: AddressSpace,
  { capacity = 0, isExpired, isUseless = false }: PackOptions = {},
): BoundedPacking {
  const count = blocks.bytes.length;
  if (count === 0)
    return { addresses: new Float64Array(), extents: [], bytes: 0, method: 'empty', lowerBound: 0 };
  const bound = peakLiveBytes(blocks);
  const slabs = (packing: Packing) => packing.extents.length;
  const reserved = space.reserved.reduce((sum, bytes) => sum + bytes, 0);
  const fewestSlabs = Math.ceil((reserved + bound) / space.slabBytes);
  const target = Math.max(bound, capacity);
  const isGood = (packing: Packing) =>
    packing.bytes <= (slabs(packing) <= 1 ? target : bound) && slabs(packing) <= fewestSlabs;
  const packer = new Packer(blocks, space);
  let best: Packing | undefined;
  for (const [method, pack] of strategies(packer)) {
    const mostVisits = isExpired?.() ? QUICK_VISITS : GREEDY_VISITS;
    if (best && (packer.visits > mostVisits || isGood(best))) break;
    const addresses = pack(best ? topOf(space, best) : Number.POSITIVE_INFINITY);
    if (!addresses) continue;
    const packing = measured(blocks, space, addresses, method);
    if (
      !best ||
      packing.bytes < best.bytes ||
      (packing.bytes === best.bytes && slabs(packing) < slabs(best))
    )
      best = packing;
    if (isUseless) break;
  }
  if (isUseless || isGood(best!)) return { ...best!, lowerBound: bound };
  const repaired = repair(
    packer,
    best!,
    slabs(best!) <= 1 ? target : bound,
    isExpired ?? (() => false),
  );
  if (isGood(repaired) || slabs(repaired) > 1) return { ...repaired, lowerBound: bound };
  return tighten(packer, repaired, { bound, capacity, isExpired });
}

function strategies(packer: Packer): (readonly [string, (top: number) => Float64Array | null])[] {
  const { blocks, space } = packer;
  const count = blocks.bytes.length;
  const place = (height: number, bytes: number) => usableAddress(space, height, bytes);
  const skylines = preferences(blocks).map(([name, preference]) => {
    const pack = () => {
      const { addresses, visits } = packSkyline(blocks, preference, place);
      packer.visits += visits;
      return addresses;
    };
    return [`skyline/${name}`, pack] as const;
  });
  const greedy = greedyOrders(blocks).map(
    ([name, fit, keys]) =>
      [
        `${name}/${fit}`,
        (top: number) =>
          packer.pack(sorted(count, keys), fit, { mostVisits: 2 * GREEDY_VISITS, top }),
      ] as const,
  );
  return [...skylines.slice(0, 2), ...greedy, ...skylines.slice(2)];
}
