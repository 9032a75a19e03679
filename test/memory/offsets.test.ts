import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Blocks, liveBytes, peakLiveBytes } from '../../compiler/liveness/events.ts';
import { CanonicalSearch } from '../../compiler/memory/canonical-search.ts';
import { overMaximalCliques } from '../../compiler/memory/cliques.ts';
import { Packer } from '../../compiler/memory/first-fit.ts';
import { infeasibleSubset } from '../../compiler/memory/infeasible-subset.ts';
import { IntervalIndex } from '../../compiler/memory/interval-index.ts';
import { packBlocks } from '../../compiler/memory/offsets.ts';
import { conflictOf } from '../bench/pack-check.mjs';
import { soaked } from '../support/soak.ts';
import {
  cutRectangle,
  filledBlocks,
  leastTop,
  lowestFree,
  only,
  randomBlocks,
  trainingBlocks,
} from './random-blocks.ts';

const SPACE = { slabBytes: 2 ** 50, reserved: [] };
const seeds = fc.nat();

/** Whether every pair that lives together is apart, and the top. */
function checked({ bytes, first, last }: Blocks, addresses: Float64Array): number {
  let top = 0;
  for (let a = 0; a < bytes.length; a++) {
    expect(addresses[a]).toBeGreaterThanOrEqual(0);
    top = Math.max(top, addresses[a] + bytes[a]);
    for (let b = 0; b < a; b++)
      if (first[a] <= last[b] && first[b] <= last[a])
        expect(
          addresses[a] >= addresses[b] + bytes[b] || addresses[b] >= addresses[a] + bytes[a],
        ).toBe(true);
  }
  return top;
}

describe('offsets', () => {
  it('are the least there are on tiny instances, and the lower bound says so', () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), (seed, isFilled) => {
        const blocks = isFilled
          ? filledBlocks(seed)
          : randomBlocks(seed, { count: 6, steps: 7, most: 7 });
        const least = leastTop(blocks);
        const packing = packBlocks(blocks, SPACE);
        expect(packing.bytes).toBe(least);
        expect(checked(blocks, packing.addresses)).toBe(least);
        expect(packing.lowerBound).toBeLessThanOrEqual(least);
        expect(packing.lowerBound).toBeGreaterThanOrEqual(peakLiveBytes(blocks));
        const search = new CanonicalSearch(blocks);
        expect(search.search(least - 1, [1e6])).toBe('infeasible');
        expect(checked(blocks, search.search(least, [1e6]) as Float64Array)).toBe(least);
      }),
      soaked(150),
    );
  });

  it('fill a rectangle that was cut into pieces, as the instances of MiniMalloc are', () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const { blocks, height } = cutRectangle(seed, 40 + 20 * seed);
      const packing = packBlocks(blocks, SPACE, { capacity: height });
      expect(checked(blocks, packing.addresses)).toBe(packing.bytes);
      expect(packing.bytes, `seed ${seed}`).toBe(height);
      expect(packing.lowerBound).toBe(height);
    }
  });

  it('stop at a capacity: never worse than without one where that is met, and always the same', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 4 }), (seed, quarter) => {
        const blocks = randomBlocks(seed, { count: 60, steps: 40, most: 30 });
        const bound = peakLiveBytes(blocks);
        const free = packBlocks(blocks, SPACE);
        const capacity = free.bytes + Math.round(((free.bytes - bound) * quarter) / 4);
        const within = packBlocks(blocks, SPACE, { capacity });
        expect(checked(blocks, within.addresses)).toBe(within.bytes);
        expect(within.bytes).toBeLessThanOrEqual(capacity);
        const again = packBlocks(blocks, SPACE, { capacity });
        expect(again).toEqual(within);
        // Too little changes nothing.
        expect(packBlocks(blocks, SPACE, { capacity: bound - 1 }).bytes).toBe(free.bytes);
      }),
      soaked(25),
    );
  });

  it('are packed quickly and well however little time there is', () => {
    const blocks = randomBlocks(7, { count: 300, steps: 200, most: 50 });
    const { addresses, bytes } = packBlocks(blocks, SPACE, { isExpired: () => true });
    expect(checked(blocks, addresses)).toBe(bytes);
    expect(bytes).toBeLessThan(1.2 * peakLiveBytes(blocks));
  });

  it('of very many nested lives reach the bound', () => {
    const blocks = trainingBlocks(3, 50_000);
    const { addresses, bytes } = packBlocks(blocks, SPACE);
    expect(bytes).toBeLessThanOrEqual(1.001 * peakLiveBytes(blocks));
    expect(conflictOf(blocks, addresses, bytes)).toBe(null);
  });
});

describe('overMaximalCliques', () => {
  it('keeps who lives with whom, and the largest sum', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const given = randomBlocks(seed, { count: 30, steps: 25, most: 9 });
        const { blocks, cliqueCount } = overMaximalCliques(given);
        const meet = ({ first, last }: Blocks, a: number, b: number) =>
          first[a] <= last[b] && first[b] <= last[a];
        for (let a = 0; a < 30; a++) {
          expect(blocks.first[a]).toBeLessThanOrEqual(blocks.last[a]);
          expect(blocks.last[a]).toBeLessThan(cliqueCount);
          for (let b = 0; b < a; b++) expect(meet(blocks, a, b)).toBe(meet(given, a, b));
        }
        expect(peakLiveBytes(blocks)).toBe(peakLiveBytes(given));
        expect(liveBytes(blocks).length).toBe(cliqueCount);
      }),
    );
  });
});

describe('IntervalIndex', () => {
  it('finds the added blocks that live with one', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const blocks = randomBlocks(seed, { count: 40, steps: 30, most: 9 });
        const index = new IntervalIndex(blocks);
        const found = new Int32Array(40);
        const added: number[] = [];
        for (let block = 39; block >= 0; block--) {
          const { first, last } = blocks;
          const expected = added.filter(
            (other) => first[other] <= last[block] && first[block] <= last[other],
          );
          const count = index.find(block, found);
          expect([...found.subarray(0, count)].sort((a, b) => a - b)).toEqual(
            expected.sort((a, b) => a - b),
          );
          if (block % 3 === 0) continue;
          index.add(block);
          added.push(block);
        }
      }),
    );
  });

  it('serves first fit where pairs are too many to list', () => {
    const blocks = randomBlocks(5, { count: 21_000, steps: 21_000, most: 60, longest: 2400 });
    const order = Int32Array.from(blocks.bytes.keys());
    const addresses = new Packer(blocks, SPACE).pack(order, 'first-fit')!;
    const before = new Float64Array(addresses.length).fill(-1);
    for (const block of order.subarray(0, 60)) {
      expect(addresses[block]).toBe(lowestFree(blocks, before, block));
      before[block] = addresses[block];
    }
    expect(conflictOf(blocks, addresses, Number.POSITIVE_INFINITY)).toBe(null);
    expect(new Packer(blocks, SPACE).pack(order, 'first-fit', { mostVisits: 1000 })).toBe(null);
  });
});

describe('infeasibleSubset', () => {
  function expectIrreducible(blocks: Blocks, subset: readonly number[], capacity: number) {
    expect(leastTop(only(blocks, subset), capacity + 1)).toBe(capacity + 1);
    for (const left of subset) {
      const rest = subset.filter((block) => block !== left);
      expect(leastTop(only(blocks, rest), capacity + 1)).toBeLessThanOrEqual(capacity);
    }
  }

  it('cannot be packed, but can without any one of it', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 3 }), (seed, less) => {
        const blocks = randomBlocks(seed, { count: 6, steps: 6, most: 6 });
        const least = leastTop(blocks);
        expect(infeasibleSubset(blocks, least)).toBe(null);
        const subset = infeasibleSubset(blocks, least - less) as number[];
        expectIrreducible(blocks, subset, least - less);
      }),
      soaked(100),
    );
  });

  it('is found where every step has room for what lives in it', () => {
    const blocks = {
      bytes: Float64Array.of(5, 2, 1, 3, 4, 3, 1, 4),
      first: Int32Array.of(4, 2, 1, 0, 0, 1, 2, 3),
      last: Int32Array.of(4, 4, 3, 2, 0, 1, 2, 3),
    };
    expect(peakLiveBytes(blocks)).toBe(7);
    const subset = infeasibleSubset(blocks, 7) as number[];
    expect(subset).toEqual([0, 1, 2, 3, 4, 5, 7]);
    expectIrreducible(blocks, subset, 7);
    expect(packBlocks(blocks, SPACE)).toMatchObject({ bytes: 8, lowerBound: 8 });
  });

  it('is not known where the search may not look', () => {
    const { blocks, height } = cutRectangle(9, 80);
    expect(infeasibleSubset(blocks, height, { isExpired: () => true })).toBe('unknown');
  });
});
