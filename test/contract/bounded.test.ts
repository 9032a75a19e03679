import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MACS } from '../../compiler/contract/objective.ts';
import { lowPeakOrder, paretoTrees } from '../../compiler/contract/pareto.ts';
import {
  type ContractionTree,
  createProblem,
  keptLetters,
} from '../../compiler/contract/problem.ts';
import { sliceContractions } from '../../compiler/contract/sliced-graph.ts';
import { findSlices, slicedPeak } from '../../compiler/contract/slicing.ts';
import { pairwiseSteps } from '../../compiler/contract/steps.ts';
import { contractionOrder } from '../../compiler/contract/tree.ts';
import { orderWithin } from '../../compiler/contract/within.ts';
import { simplify } from '../../compiler/simplify/index.ts';
import { type Graph, GraphBuilder } from '../../ir/graph.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { inferType } from '../../ir/ops.ts';
import { elementCount } from '../../ir/tensor.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { soaked } from '../support/soak.ts';

interface Einsum {
  readonly operands: readonly string[];
  readonly output: string;
  readonly extents: ReadonlyMap<string, number>;
  readonly wanted: readonly boolean[];
}

const einsums = (count: { min: number; max: number }) =>
  fc
    .record({
      operands: fc.array(
        fc
          .uniqueArray(fc.constantFrom(...'abcdefg'), { minLength: 1, maxLength: 4 })
          .map((term) => term.join('')),
        { minLength: count.min, maxLength: count.max },
      ),
      sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 7, maxLength: 7 }),
      kept: fc.uniqueArray(fc.constantFrom(...'abcdefg'), { maxLength: 4 }),
      wanted: fc.array(fc.boolean(), { minLength: count.max, maxLength: count.max }),
    })
    .map(({ operands, sizes, kept, wanted }): Einsum => {
      const output = kept.filter((letter) => operands.join('').includes(letter)).join('');
      const extents = new Map([...'abcdefg'].map((letter, k) => [letter, sizes[k]]));
      const used = new Map([...extents].filter(([letter]) => operands.join('').includes(letter)));
      return { operands, output, extents: used, wanted: wanted.slice(0, operands.length) };
    });

const sizeOf = (letters: string, { extents }: Einsum) =>
  elementCount([...letters].map((letter) => extents.get(letter)!));

/** Every tree over the operands, each pair both ways round. */
function* allTrees(parts: readonly ContractionTree[]): Generator<ContractionTree> {
  if (parts.length === 1) yield parts[0];
  for (let a = 0; a < parts.length; a++)
    for (let b = 0; b < parts.length; b++) {
      if (a === b) continue;
      const rest = parts.filter((_, k) => k !== a && k !== b);
      yield* allTrees([...rest, [parts[a], parts[b]]]);
    }
}

const backwardPeaks = new WeakMap<Einsum, Map<string, number>>();

/** What a tree takes, by running it and its gradients. */
function runTree(tree: ContractionTree, einsum: Einsum) {
  const taken = runForward(tree, einsum);
  // Gradients may go through two subtrees in either order, whichever was contracted first.
  const known = backwardPeaks.get(einsum) ?? new Map<string, number>();
  backwardPeaks.set(einsum, known);
  const name = unorderedName(tree);
  if (!known.has(name))
    known.set(name, Math.min(...bothWays(tree).map((way) => backwardPeak(way, einsum))));
  return { ...taken, peak: Math.max(taken.peak, known.get(name)!) };
}

const unorderedName = (tree: ContractionTree): string =>
  typeof tree === 'number' ? `${tree}` : `(${tree.map(unorderedName).sort().join()})`;

/** The steps backwards: the gradients of both sides are allocated, then that of the result is freed, and what was saved for them. */
function backwardPeak(tree: ContractionTree, einsum: Einsum): number {
  const { operands, output, wanted } = einsum;
  const steps = pairwiseSteps(keptLetters(operands, output), output, tree);
  const needs = [...wanted];
  for (const { left, right } of steps) needs.push(needs[left] || needs[right]);
  if (!needs[needs.length - 1]) return 0;
  const isInner = (part: number) => part >= operands.length;
  const sizeOfPart = (part: number) => sizeOf(steps[part - operands.length].result, einsum);
  const live = new Map<string, number>([['gradient', sizeOf(output, einsum)]]);
  const total = () => [...live.values()].reduce((a, b) => a + b, 0);
  const pairs = steps.map(({ left, right }) => [
    [left, right],
    [right, left],
  ]);
  for (const [side, other] of pairs.flat())
    if (isInner(side) && needs[other]) live.set(`${side}`, sizeOfPart(side));
  let peak = total();
  for (const [k, both] of [...pairs.entries()].reverse()) {
    const part = operands.length + k;
    if (!needs[part]) continue;
    for (const [side] of both)
      if (isInner(side) && needs[side]) live.set(`${side} gradient`, sizeOfPart(side));
    peak = Math.max(peak, total());
    live.delete(k === steps.length - 1 ? 'gradient' : `${part} gradient`);
    for (const [side] of both) live.delete(`${side}`);
  }
  return peak;
}

/** Every result is allocated, and freed when it is read for the last time. */
function runForward(tree: ContractionTree, einsum: Einsum) {
  const { operands, output, wanted } = einsum;
  const steps = pairwiseSteps(keptLetters(operands, output), output, tree);
  const needs = [...wanted];
  const live = new Map<number, number>();
  const saved = new Set<number>();
  let cost = 0;
  let forward = 0;
  let peak = 0;
  steps.forEach(({ left, right, terms, result }, k) => {
    const part = operands.length + k;
    const joint = [...new Set(terms.join(''))].join('');
    forward += sizeOf(joint, einsum);
    cost += (1 + Number(needs[left]) + Number(needs[right])) * sizeOf(joint, einsum);
    live.set(part, sizeOf(result, einsum));
    peak = Math.max(
      peak,
      [...live.values()].reduce((a, b) => a + b, 0),
    );
    if (needs[right] && left >= operands.length) saved.add(left);
    if (needs[left] && right >= operands.length) saved.add(right);
    for (const side of [left, right]) if (!saved.has(side)) live.delete(side);
    needs.push(needs[left] || needs[right]);
  });
  const savedElements = [...saved].reduce((sum, part) => sum + live.get(part)!, 0);
  return { cost, forward, peak, saved: savedElements };
}

type Taken = ReturnType<typeof runTree>;
/** Of the same training cost the one with the cheaper forward pass is cheaper. */
const isNoDearer = (a: Taken, b: Taken) =>
  a.cost < b.cost || (a.cost === b.cost && a.forward <= b.forward);
const isAsGood = (a: Taken, b: Taken) => isNoDearer(a, b) && a.peak <= b.peak && a.saved <= b.saved;
const key = ({ cost, forward, peak, saved }: Taken) => `${cost} ${forward} ${peak} ${saved}`;

describe('the Pareto front of cost, peak and saved elements', () => {
  test('is that of all trees', () => {
    fc.assert(
      fc.property(einsums({ min: 2, max: 5 }), (einsum) => {
        const { operands, output, extents, wanted } = einsum;
        const all = [...allTrees(operands.map((_, k) => k))].map((tree) => runTree(tree, einsum));
        const best = all.filter((one) => !all.some((b) => isAsGood(b, one) && !isAsGood(one, b)));
        const front = paretoTrees(createProblem(operands, output, extents, { wanted }), MACS);
        expect(front.map(key)).toEqual([...new Set(best.map(key))].sort(byCost));
        for (const { tree, ...taken } of front) expect(runTree(tree, einsum)).toEqual(taken);
      }),
      soaked(60),
    );
  });

  test('starts with the cheapest tree', () => {
    fc.assert(
      fc.property(einsums({ min: 2, max: 9 }), ({ operands, output, extents, wanted }) => {
        const [first] = paretoTrees(createProblem(operands, output, extents, { wanted }), MACS);
        const order = contractionOrder(operands, output, extents, { wanted });
        expect(first.cost).toBe(order.trainMacs);
      }),
      soaked(40),
    );
  });

  test('the order of subtrees with the lowest peak is found for a given tree', () => {
    fc.assert(
      fc.property(einsums({ min: 3, max: 4 }), (einsum) => {
        const { operands, output, extents, wanted } = einsum;
        const problem = createProblem(operands, output, extents, { wanted });
        const { tree } = contractionOrder(operands, output, extents, { wanted });
        const ways = bothWays(tree).map((one) => runForward(one, einsum).peak);
        expect(runForward(lowPeakOrder(problem, tree), einsum).peak).toBe(Math.min(...ways));
      }),
      soaked(100),
    );
  });
});

const byCost = (a: string, b: string) => {
  const [x, y] = [a, b].map((text) => text.split(' ').map(Number));
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || x[3] - y[3];
};

/** The tree with the sides of every pair both ways round. */
function bothWays(tree: ContractionTree): ContractionTree[] {
  if (typeof tree === 'number') return [tree];
  return bothWays(tree[0]).flatMap((left) =>
    bothWays(tree[1]).flatMap((right): ContractionTree[] => [
      [left, right],
      [right, left],
    ]),
  );
}

/** A program of the pairwise contractions of a tree over inputs `x0`, `x1`, … */
function graphOf(einsum: Einsum, tree: ContractionTree): Graph {
  const { operands, output, extents } = einsum;
  const builder = new GraphBuilder('main');
  const append = (op: 'contract', values: number[], equation: string) => {
    const types = values.map((value) => builder.typeOf(value));
    const type = inferType(op, types, { equation });
    if ('reason' in type) throw new Error(type.reason);
    return builder.append(op, values, { equation }, type, -1);
  };
  const terms = keptLetters(operands, output);
  const values = terms.map((term, k) => {
    const shape = [...term].map((letter) => extents.get(letter)!);
    return builder.append('input', [], { name: `x${k}` }, { dtype: 'f32', shape }, -1);
  });
  for (const { left, right, terms: pair, result } of pairwiseSteps(terms, output, tree))
    values.push(append('contract', [values[left], values[right]], `${pair.join()}->${result}`));
  builder.outputs.push({ name: 'y', value: values[values.length - 1] });
  return builder.finish();
}

const valuesFor = (graph: Graph) =>
  Object.fromEntries(
    graph.nodes.flatMap((node, k) =>
      node.op === 'input'
        ? [
            [
              node.attributes.name,
              Float64Array.from({ length: elementCount(node.type.shape) }, (_, i) =>
                Math.sin(1 + 3.7 * i + 0.9 * k),
              ),
            ],
          ]
        : [],
    ),
  );

const macsOf = ({ nodes }: Graph) =>
  nodes.reduce((sum, node) => {
    if (node.op !== 'contract') return sum;
    const [terms] = node.attributes.equation.split('->');
    const extents = new Map(
      terms
        .split(',')
        .flatMap((term, k) =>
          [...term].map(
            (letter, axis) => [letter, nodes[node.operands[k]].type.shape[axis]] as const,
          ),
        ),
    );
    return sum + elementCount([...extents.values()]);
  }, 0);

describe('contractions in slices', () => {
  test('have the same value and the same multiply-adds', () => {
    let sliced = 0;
    fc.assert(
      fc.property(einsums({ min: 3, max: 6 }), fc.integer({ min: 0, max: 60 }), (einsum, most) => {
        const { tree } = contractionOrder(einsum.operands, einsum.output, einsum.extents);
        const graph = graphOf(einsum, tree);
        const after = simplify(sliceContractions(graph, most), { differentiated: true });
        expect(verifyGraph(after)).toEqual([]);
        if (after.nodes.length > graph.nodes.length) sliced++;
        expect(macsOf(after)).toBe(macsOf(graph));
        const values = valuesFor(graph);
        const wanted = interpretGraph(graph, values, {}).outputs.y;
        const given = interpretGraph(after, values, {}).outputs.y;
        const scale = Math.max(1, ...wanted.map(Math.abs));
        wanted.forEach((value, i) => {
          expect(Math.abs(given[i] - value) / scale).toBeLessThan(1e-12);
        });
      }),
      soaked(150),
    );
    expect(sliced).toBeGreaterThan(20);
  });

  test('without slices take what the tree takes, and never more with them than is claimed', () => {
    fc.assert(
      fc.property(einsums({ min: 2, max: 5 }), fc.integer({ min: 1, max: 200 }), (einsum, most) => {
        const { operands, output, wanted } = einsum;
        const { tree } = contractionOrder(operands, output, einsum.extents, { wanted });
        const prepared = { ...einsum, operands: keptLetters(operands, output), tree };
        const whole = runTree(tree, einsum).peak;
        expect(slicedPeak(prepared, [])).toBe(whole);
        const { slices, peak } = findSlices(prepared, most);
        expect(peak).toBe(slicedPeak(prepared, slices));
        expect(peak).toBeLessThanOrEqual(Math.max(whole, most));
        if (whole <= most) expect(slices).toEqual([]);
      }),
      soaked(150),
    );
  });

  test('slices of the batch come before a dearer order', () => {
    const operands = ['zab', 'aAr', 'bBr'];
    const extents = new Map(Object.entries({ z: 64, a: 16, b: 16, A: 16, B: 16, r: 8 }));
    const free = contractionOrder(operands, 'zAB', extents);
    const result = 64 * 16 * 16;
    // An eighth of the intermediate and of the result on the way into its place.
    const most = result + (free.largestIntermediate + result) / 8;
    const within = orderWithin(operands, 'zAB', extents, most);
    expect(within).toMatchObject({ macs: free.macs, tree: free.tree, method: 'bounded' });
    expect(within.slices).toEqual([{ letter: 'z', chunks: 8 }]);
    expect(orderWithin(operands, 'zAB', extents, Number.POSITIVE_INFINITY)).toMatchObject({
      macs: free.macs,
      method: 'exact',
      slices: [],
    });
  });

  test('a dearer order is taken where the gradients keep what slices would spare', () => {
    // The cheapest tree saves the tall product of x and u; the other one only the small matrix u·v.
    const operands = ['zi', 'ir', 'ro'];
    const extents = new Map(Object.entries({ z: 4096, i: 64, r: 8, o: 64 }));
    const wanted = [false, true, true];
    const free = contractionOrder(operands, 'zo', extents, { wanted });
    expect(free.tree).toEqual([[0, 1], 2]);
    const bound = 4096 * 64 + 64 * 64;
    const within = orderWithin(operands, 'zo', extents, bound, { wanted });
    expect(within).toMatchObject({ tree: [0, [1, 2]], method: 'bounded', peak: bound });
    expect(within.trainMacs).toBeGreaterThan(free.trainMacs);
  });

  test('slices spare no gradient: an order that makes a dense weight is not taken for a narrow bound', () => {
    // A block-term weight of a recurrent network for video (CVPR 2018): dense, it has 3,686,400 elements.
    const operands = ['zZabcd', 'iaAj', 'ibBk', 'icCl', 'idDm', 'ijklm'];
    const sizes = { z: 4, Z: 4, a: 8, b: 20, c: 20, d: 18, i: 2, A: 16, B: 4, C: 4, D: 4 };
    const extents = new Map(Object.entries({ ...sizes, j: 4, k: 4, l: 4, m: 4 }));
    const wanted = operands.map((_, k) => k > 0);
    const einsum = { operands, output: 'zZABCD', extents, wanted };
    const least = Math.min(
      ...paretoTrees(createProblem(operands, 'zZABCD', extents, { wanted }), MACS).map(
        ({ peak }) => peak,
      ),
    );
    for (const most of [1_400_000, 700_000, 60_000]) {
      const { tree, peak } = orderWithin(operands, 'zZABCD', extents, most, { wanted });
      expect(backwardPeak(tree, einsum)).toBeLessThanOrEqual(peak);
      expect(peak).toBe(least);
    }
  });

  test('what no order can keep gets the least that was met', () => {
    const extents = new Map(Object.entries({ a: 4, b: 4, c: 4 }));
    const order = orderWithin(['ab', 'bc', 'ca'], 'abc', extents, 10);
    expect(order.peak).toBeGreaterThan(10);
    expect(orderWithin(['ab', 'bc', 'ca'], 'abc', extents, order.peak).peak).toBeLessThanOrEqual(
      order.peak,
    );
  });
});
