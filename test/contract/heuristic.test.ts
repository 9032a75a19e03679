import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { greedyTree } from '../../compiler/contract/heuristic.ts';
import { MACS } from '../../compiler/contract/objective.ts';
import { createProblem } from '../../compiler/contract/problem.ts';
import { contractionOrder, treeWork } from '../../compiler/contract/tree.ts';
import { soaked } from '../support/soak.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Multiply-adds of the cheapest product of a chain of matrices (Cormen et al., "Introduction to Algorithms"). */
function chainOptimum(sizes: readonly number[]): number {
  const count = sizes.length - 1;
  const cost = Array.from({ length: count }, () => new Array<number>(count).fill(0));
  for (let length = 2; length <= count; length++)
    for (let first = 0; first + length <= count; first++) {
      const last = first + length - 1;
      const splits = Array.from({ length: length - 1 }, (_, k) => {
        const middle = first + k;
        const own = sizes[first] * sizes[middle + 1] * sizes[last + 1];
        return cost[first][middle] + cost[middle + 1][last] + own;
      });
      cost[first][last] = Math.min(...splits);
    }
  return cost[0][count - 1];
}

describe('above sixteen operands', () => {
  test('a chain of matrices is multiplied in the cheapest order', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 18, maxLength: 31 });
    fc.assert(
      fc.property(sizes, (extents) => {
        const operands = extents.slice(1).map((_, k) => LETTERS[k] + LETTERS[k + 1]);
        const output = LETTERS[0] + LETTERS[operands.length];
        const map = new Map(extents.map((extent, k) => [LETTERS[k], extent]));
        const order = contractionOrder(operands, output, map);
        expect(order.method).toBe('heuristic');
        // The cost-capped search is exact where the network is sparse: no outer product helps a chain.
        expect(order.macs).toBe(chainOptimum(extents));
      }),
      soaked(6),
    );
  });

  test('no order is worse than the greedy one, and the same einsum gets the same order', () => {
    const operand = fc.uniqueArray(fc.constantFrom(...LETTERS.slice(0, 20)), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        fc.array(operand, { minLength: 17, maxLength: 22 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 20, maxLength: 20 }),
        (terms, extents) => {
          const operands = terms.map((letters) => letters.join(''));
          const used = [...new Set(operands.join(''))];
          const map = new Map(used.map((letter) => [letter, extents[LETTERS.indexOf(letter)]]));
          const order = contractionOrder(operands, used.slice(0, 2).join(''), map);
          const problem = createProblem(operands, used.slice(0, 2).join(''), map);
          const greedy = treeWork(problem, greedyTree(problem, MACS));
          expect(order.macs).toBeLessThanOrEqual(greedy.macs);
          const again = contractionOrder(operands, used.slice(0, 2).join(''), map);
          expect(again.tree).toEqual(order.tree);
        },
      ),
      soaked(4),
    );
  });
});

describe('the objective', () => {
  const operands = ['zabcd', 'yaAn', 'ybBo', 'ycCp', 'ydDq', 'ynopq'];
  const extents = new Map(
    Object.entries({
      ...{ z: 16, y: 2, a: 8, b: 20, c: 20, d: 18 },
      ...{ A: 16, B: 4, C: 4, D: 4, n: 4, o: 4, p: 4, q: 4 },
    }),
  );
  const elementsMoved = { name: 'time', perElement: 1e6, perContraction: 0 } as const;

  test('of bytes gives a tree that is no cheaper in multiply-adds, and moves no more', () => {
    const plain = contractionOrder(operands, 'zABCD', extents);
    const moving = contractionOrder(operands, 'zABCD', extents, { objective: elementsMoved });
    expect(moving.macs).toBeGreaterThanOrEqual(plain.macs);
    expect(moving.largestIntermediate).toBeLessThanOrEqual(plain.largestIntermediate);
  });
});
