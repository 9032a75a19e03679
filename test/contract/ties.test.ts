import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cappedTree } from '../../compiler/contract/capped.ts';
import { exactTree } from '../../compiler/contract/exact.ts';
import { heuristicTree } from '../../compiler/contract/heuristic.ts';
import { MACS } from '../../compiler/contract/objective.ts';
import { paretoTrees } from '../../compiler/contract/pareto.ts';
import {
  type ContractionTree,
  createProblem,
  keptLetters,
} from '../../compiler/contract/problem.ts';
import { postOrder } from '../../compiler/contract/steps.ts';
import { contractionOrder } from '../../compiler/contract/tree.ts';
import { orderWithin } from '../../compiler/contract/within.ts';
import { soaked } from '../support/soak.ts';

// Orders that cost the same in training are told apart by their forward pass, then by what they hold at once. The reference
// tries every tree and prices it from sets of letters.

interface Einsum {
  readonly operands: readonly string[];
  readonly output: string;
  readonly extents: ReadonlyMap<string, number>;
  readonly wanted: readonly boolean[];
}

type Price = readonly [training: number, forward: number, peak: number];

const worse = (a: Price, b: Price) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

/** Every tree over the parts. */
function* allTrees(parts: readonly ContractionTree[]): Generator<ContractionTree> {
  if (parts.length === 1) yield parts[0];
  for (let a = 0; a < parts.length; a++)
    for (let b = a + 1; b < parts.length; b++)
      yield* allTrees([...parts.filter((_, k) => k !== a && k !== b), [parts[a], parts[b]]]);
}

const leaves = (tree: ContractionTree): number[] =>
  typeof tree === 'number' ? [tree] : tree.flatMap(leaves);

function priceOf(tree: ContractionTree, { operands, output, extents, wanted }: Einsum): Price {
  const terms = keptLetters(operands, output);
  const size = (letters: Iterable<string>) =>
    [...letters].reduce((product, letter) => product * extents.get(letter)!, 1);
  const lettersOf = (subtree: ContractionTree): string[] => {
    const inside = leaves(subtree);
    const outside = output + terms.filter((_, k) => !inside.includes(k)).join('');
    const own = new Set(inside.map((k) => terms[k]).join(''));
    return [...own].filter((letter) => outside.includes(letter));
  };
  let [training, forward] = [0, 0];
  const peakOf = (subtree: ContractionTree): number => {
    if (typeof subtree === 'number') return 0;
    const [left, right] = subtree;
    const macs = size(new Set([...lettersOf(left), ...lettersOf(right)]));
    const needed = subtree.filter((side) => leaves(side).some((k) => wanted[k])).length;
    forward += macs;
    training += (1 + needed) * macs;
    const [l, r] = subtree.map((side) => (typeof side === 'number' ? 0 : size(lettersOf(side))));
    const [lPeak, rPeak] = [peakOf(left), peakOf(right)];
    const inOrder = Math.min(Math.max(lPeak, l + rPeak), Math.max(rPeak, r + lPeak));
    return Math.max(inOrder, l + r + size(lettersOf(subtree)));
  };
  const peak = peakOf(tree);
  return [training, forward, peak];
}

const hasOuterProduct = (tree: ContractionTree, { operands, output }: Einsum) => {
  const terms = keptLetters(operands, output);
  return postOrder(tree).some(([left, right]) => {
    const [a, b] = [left, right].map((side) => leaves(side));
    return !a.some((i) => b.some((j) => [...terms[i]].some((letter) => terms[j].includes(letter))));
  });
};

/** Small sizes, so that many orders cost the same. */
const einsums = (most: number) =>
  fc
    .record({
      operands: fc.array(
        fc
          .uniqueArray(fc.constantFrom(...'abcdef'), { minLength: 1, maxLength: 3 })
          .map((term) => term.join('')),
        { minLength: 3, maxLength: most },
      ),
      sizes: fc.array(fc.constantFrom(1, 2, 2, 3), { minLength: 6, maxLength: 6 }),
      kept: fc.uniqueArray(fc.constantFrom(...'abcdef'), { maxLength: 3 }),
      wanted: fc.array(fc.boolean(), { minLength: most, maxLength: most }),
    })
    .map(({ operands, sizes, kept, wanted }): Einsum => {
      const all = operands.join('');
      return {
        operands,
        output: kept.filter((letter) => all.includes(letter)).join(''),
        extents: new Map([...'abcdef'].map((letter, k) => [letter, sizes[k]] as const)),
        wanted: wanted.slice(0, operands.length),
      };
    });

const problemOf = ({ operands, output, extents, wanted }: Einsum) =>
  createProblem(operands, output, extents, { wanted });

const bestOf = (einsum: Einsum, trees: Iterable<ContractionTree>) =>
  [...trees].map((tree) => priceOf(tree, einsum)).sort(worse)[0];

const treesOf = ({ operands }: Einsum) => [...allTrees(operands.map((_, k) => k))];

describe('of orders with the same training cost', () => {
  test('the one with 16 multiply-adds forward is taken, not one with 18', () => {
    const einsum: Einsum = {
      operands: ['cd', 'dcb', 'ac', 'b'],
      output: 'a',
      extents: new Map(Object.entries({ a: 5, b: 2, c: 2, d: 1 })),
      wanted: [false, false, true, true],
    };
    const prices = treesOf(einsum).map((tree) => priceOf(tree, einsum));
    const ties = prices.filter(([training]) => training === 42).map(([, forward]) => forward);
    expect([...new Set(ties)].sort()).toEqual([16, 18]);
    const { operands, output, extents, wanted } = einsum;
    expect(contractionOrder(operands, output, extents, { wanted })).toMatchObject({
      macs: 16,
      trainMacs: 42,
    });
  });

  test('the exact search takes the cheapest forward, then the lowest peak, of all trees', () => {
    fc.assert(
      fc.property(einsums(5), (einsum) => {
        const best = bestOf(einsum, treesOf(einsum));
        const tree = exactTree(problemOf(einsum), MACS);
        expect(priceOf(tree, einsum)).toEqual(best);
        // So few operands are one neighbourhood of the heuristic search.
        expect(priceOf(heuristicTree(problemOf(einsum), MACS), einsum)).toEqual(best);
      }),
      soaked(150),
    );
  });

  test('the capped search does so among trees without outer products', () => {
    fc.assert(
      fc.property(einsums(5), (einsum) => {
        const trees = treesOf(einsum).filter((tree) => !hasOuterProduct(tree, einsum));
        fc.pre(trees.length > 0);
        const none = { cost: 1e9, forward: 0, peak: 0 };
        const tree = cappedTree(problemOf(einsum), MACS, none);
        const best = bestOf(einsum, trees);
        expect(priceOf(tree!, einsum)).toEqual(best);
        const [cost, forward, peak] = best;
        expect(cappedTree(problemOf(einsum), MACS, { cost, forward, peak })).toBeNull();
        const dearer = { cost, forward: forward + 1, peak };
        expect(cappedTree(problemOf(einsum), MACS, dearer)).not.toBeNull();
      }),
      soaked(100),
    );
  });

  test('so does the front of cost and memory, and the search within a bound', () => {
    fc.assert(
      fc.property(einsums(5), (einsum) => {
        const { operands, output, extents, wanted } = einsum;
        const [training, forward] = bestOf(einsum, treesOf(einsum));
        const front = paretoTrees(problemOf(einsum), MACS);
        expect([front[0].cost, front[0].forward]).toEqual([training, forward]);
        for (const point of front)
          expect(priceOf(point.tree, einsum).slice(0, 2)).toEqual([point.cost, point.forward]);
        const bounded = orderWithin(operands, output, extents, 1e9, { wanted });
        expect([bounded.trainMacs, bounded.macs]).toEqual([training, forward]);
      }),
      soaked(60),
    );
  });
});
