import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderContractions } from '../../compiler/contract/index.ts';
import { type ContractionTree, contractionOrder } from '../../compiler/contract/tree.ts';
import { letterExtents, parseEquation } from '../../ir/einsum.ts';
import { type Graph, GraphBuilder } from '../../ir/graph.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { inferType } from '../../ir/ops.ts';
import { elementCount } from '../../ir/tensor.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { soaked } from '../support/soak.ts';

interface Einsum {
  readonly operands: readonly string[];
  readonly output: string;
  readonly sizes: ReadonlyMap<string, number>;
}

interface Fixture {
  readonly name: string;
  readonly equation: string;
  readonly sizes: Readonly<Record<string, number>>;
  readonly optimalMacs: number;
}

const FIXTURES: readonly Fixture[] = JSON.parse(
  readFileSync(new URL('../fixtures/contraction.json', import.meta.url), 'utf8'),
);

function einsumOf({ equation, sizes }: Fixture): Einsum {
  const [terms, output] = equation.split('->');
  return { operands: terms.split(','), output, sizes: new Map(Object.entries(sizes)) };
}

/** A graph whose only output is the einsum over inputs `x0`, `x1`, … */
function graphOf({ operands, output, sizes }: Einsum): Graph {
  const builder = new GraphBuilder('main');
  const inputs = operands.map((term, k) => {
    const type = { dtype: 'f32', shape: [...term].map((letter) => sizes.get(letter)!) } as const;
    return builder.append('input', [], { name: `x${k}` }, type, -1);
  });
  const attributes = { equation: `${operands.join()}->${output}` };
  const type = inferType(
    'contract',
    inputs.map((input) => builder.typeOf(input)),
    attributes,
  );
  if ('reason' in type) throw new Error(type.reason);
  builder.outputs.push({
    name: 'y',
    value: builder.append('contract', inputs, attributes, type, -1),
  });
  return builder.finish();
}

interface Emitted {
  readonly terms: readonly string[];
  readonly result: string;
  /** Multiply-adds when all letters are looped over. */
  readonly points: number;
}

/** The contractions of a graph, with the number of index combinations each visits. */
function contractionsOf(graph: Graph): Emitted[] {
  return graph.nodes.flatMap((node) => {
    if (node.op !== 'contract') return [];
    const equation = parseEquation(node.attributes.equation);
    if ('reason' in equation) throw new Error(equation.reason);
    const extents = letterExtents(
      equation,
      node.operands.map((operand) => graph.nodes[operand].type.shape),
    ) as Map<string, number>;
    const points = elementCount([...extents.values()]);
    return [{ terms: equation.operands, result: equation.output, points }];
  });
}

const pairs = (graph: Graph) => contractionsOf(graph).filter(({ terms }) => terms.length === 2);
const macsOf = (graph: Graph) => pairs(graph).reduce((macs, { points }) => macs + points, 0);

const pointsOf = (letters: Iterable<string>, { sizes }: Einsum) =>
  elementCount([...letters].map((letter) => sizes.get(letter)!));

/** What is left of a set of letters when it is summed as far as the output and the other parts allow. */
const kept = (letters: Iterable<string>, others: readonly Set<string>[], { output }: Einsum) =>
  new Set(
    [...letters].filter(
      (letter) => output.includes(letter) || others.some((other) => other.has(letter)),
    ),
  );

/** The least multiply-adds of all orders, by trying each pair next, whatever it costs. */
function bruteForce(einsum: Einsum): number {
  const terms = einsum.operands.map((term) => new Set(term));
  const cheapest = (parts: readonly Set<string>[]): number => {
    if (parts.length < 2) return 0;
    let best = Number.POSITIVE_INFINITY;
    for (let a = 0; a < parts.length; a++)
      for (let b = a + 1; b < parts.length; b++) {
        const rest = parts.filter((_, k) => k !== a && k !== b);
        const joint = new Set([...parts[a], ...parts[b]]);
        const total = pointsOf(joint, einsum) + cheapest([...rest, kept(joint, rest, einsum)]);
        best = Math.min(best, total);
      }
    return best;
  };
  return cheapest(terms.map((term, k) => kept(term, terms.toSpliced(k, 1), einsum)));
}

/** Multiply-adds and largest intermediate of one given tree, part by part. */
function costOfTree(tree: ContractionTree, einsum: Einsum) {
  const terms = einsum.operands.map((term) => new Set(term));
  const leaves = (subtree: ContractionTree): number[] =>
    typeof subtree === 'number' ? [subtree] : subtree.flatMap(leaves);
  let macs = 0;
  let largestIntermediate = 0;
  const walk = (subtree: ContractionTree): Set<string> => {
    const inside = leaves(subtree);
    const outside = terms.filter((_, k) => !inside.includes(k));
    if (typeof subtree === 'number') return kept(terms[subtree], outside, einsum);
    const joint = new Set([...walk(subtree[0]), ...walk(subtree[1])]);
    macs += pointsOf(joint, einsum);
    const result = kept(joint, outside, einsum);
    if (outside.length > 0)
      largestIntermediate = Math.max(largestIntermediate, pointsOf(result, einsum));
    return result;
  };
  walk(tree);
  return { macs, largestIntermediate, leaves: leaves(tree).sort((a, b) => a - b) };
}

/** Few letters for many places: hyperedges, batch letters, diagonals and disconnected operands all occur. */
function randomEinsums(alphabet: string, counts: { min: number; max: number }, rank: number) {
  return fc
    .record({
      operands: fc.array(
        fc.array(fc.constantFrom(...alphabet), { maxLength: rank }).map((term) => term.join('')),
        { minLength: counts.min, maxLength: counts.max },
      ),
      sizes: fc.array(fc.constantFrom(1, 1, 2, 3, 4), {
        minLength: alphabet.length,
        maxLength: alphabet.length,
      }),
      shuffled: fc.shuffledSubarray([...alphabet]),
    })
    .map(
      ({ operands, sizes, shuffled }): Einsum => ({
        operands,
        output: shuffled
          .filter((letter) => operands.some((term) => term.includes(letter)))
          .join(''),
        sizes: new Map([...alphabet].map((letter, k) => [letter, sizes[k]])),
      }),
    );
}

/** Values without symmetries, the same for every run. */
function valuesFor(graph: Graph): Record<string, Float64Array> {
  return Object.fromEntries(
    graph.nodes.flatMap((node, k) =>
      node.op === 'input'
        ? [
            [
              node.attributes.name,
              Float64Array.from(
                { length: elementCount(node.type.shape) },
                (_, i) => Math.sin(1 + 3.7 * i + 0.9 * k) + 0.1,
              ),
            ],
          ]
        : [],
    ),
  );
}

function expectSameValue(before: Graph, after: Graph): void {
  const values = valuesFor(before);
  const wanted = interpretGraph(before, values, {}).outputs.y;
  const given = interpretGraph(after, values, {}).outputs.y;
  expect(after.nodes[after.outputs[0].value].type).toEqual(
    before.nodes[before.outputs[0].value].type,
  );
  expect(given.length).toBe(wanted.length);
  const scale = Math.max(1, ...wanted.map(Math.abs));
  wanted.forEach((value, i) => {
    expect(Math.abs(given[i] - value) / scale).toBeLessThan(1e-12);
  });
}

describe('the order of a contraction', () => {
  it.each(FIXTURES)('of $name has $optimalMacs multiply-adds', (fixture) => {
    const einsum = einsumOf(fixture);
    const { operands, output, sizes } = einsum;
    const order = contractionOrder(operands, output, sizes);
    expect(order.macs).toBe(fixture.optimalMacs);
    expect(order.method).toBe('exact');
    expect(macsOf(orderContractions(graphOf(einsum)))).toBe(fixture.optimalMacs);
  });

  it('is as cheap as the cheapest of all binary trees', () => {
    fc.assert(
      fc.property(randomEinsums('abcdefgh', { min: 2, max: 6 }, 4), (einsum) => {
        const { operands, output, sizes } = einsum;
        const best = bruteForce(einsum);
        const order = contractionOrder(operands, output, sizes);
        expect(order.macs).toBe(best);
        expect(macsOf(orderContractions(graphOf(einsum)))).toBe(best);
      }),
      soaked(300),
    );
  });

  it('is as cheap as the cheapest of all binary trees when there are more than thirty letters', () => {
    const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS';
    fc.assert(
      fc.property(randomEinsums(alphabet, { min: 4, max: 5 }, 12), (einsum) => {
        const { operands, output, sizes } = einsum;
        expect(contractionOrder(operands, output, sizes).macs).toBe(bruteForce(einsum));
      }),
      soaked(100),
    );
  });

  it('comes with a tree over every operand once that costs what it says', () => {
    fc.assert(
      fc.property(randomEinsums('abcdefghij', { min: 2, max: 16 }, 4), (einsum) => {
        const { operands, output, sizes } = einsum;
        // The greedy search takes terms as they are, so it is given none that still has something to sum.
        const terms = operands.map((term) => new Set(term));
        const prepared = terms.map((term, k) =>
          [...kept(term, terms.toSpliced(k, 1), einsum)].join(''),
        );
        const order = contractionOrder(prepared, output, sizes);
        const cost = costOfTree(order.tree, einsum);
        expect(order.macs).toBe(cost.macs);
        expect(order.largestIntermediate).toBe(cost.largestIntermediate);
        expect(cost.leaves).toEqual(operands.map((_, k) => k));
      }),
      soaked(60),
    );
  });

  it('takes an outer product first where that is cheapest', () => {
    // One vector after the other onto the large tensor would be 4000 + 2000.
    const einsum = einsumOf({
      name: '',
      equation: 'a,b,abz->z',
      sizes: { a: 2, b: 2, z: 1000 },
      optimalMacs: 4 + 4000,
    });
    const { operands, output, sizes } = einsum;
    const order = contractionOrder(operands, output, sizes);
    expect(order).toMatchObject({ tree: [[0, 1], 2], macs: 4004, largestIntermediate: 4 });
  });

  it('is the same for the same einsum', () => {
    const tied: Einsum = {
      operands: ['ab', 'bc', 'ca', 'ab', 'bc'],
      output: '',
      sizes: new Map([...'abc'].map((letter) => [letter, 2])),
    };
    const { operands, output, sizes } = tied;
    const first = contractionOrder(operands, output, sizes);
    expect(contractionOrder(operands, output, new Map([...sizes].reverse()))).toEqual(first);
  });

  it('of a single operand is that operand', () => {
    expect(contractionOrder(['ab'], 'b', new Map(Object.entries({ a: 2, b: 3 })))).toMatchObject({
      tree: 0,
      macs: 0,
    });
  });
});

describe('the pairwise contractions of a graph', () => {
  it('give the value of the n-ary einsum', () => {
    fc.assert(
      fc.property(randomEinsums('abcdefg', { min: 1, max: 6 }, 4), (einsum) => {
        const graph = graphOf(einsum);
        const ordered = orderContractions(graph);
        expect(verifyGraph(ordered)).toEqual([]);
        expectSameValue(graph, ordered);
      }),
      soaked(200),
    );
  });

  it('give the value of the n-ary einsum when there are too many operands for the exact search', () => {
    fc.assert(
      fc.property(randomEinsums('abcdef', { min: 14, max: 18 }, 3), (einsum) => {
        const graph = graphOf(einsum);
        expectSameValue(graph, orderContractions(graph));
      }),
      soaked(30),
    );
  });

  it('have two operands of distinct letters, and sum a letter only where both or neither need it', () => {
    fc.assert(
      fc.property(randomEinsums('abcdefgh', { min: 2, max: 7 }, 4), (einsum) => {
        const ordered = orderContractions(graphOf(einsum));
        expect(pairs(ordered)).toHaveLength(einsum.operands.length - 1);
        for (const { terms, result } of contractionsOf(ordered)) {
          expect(terms.length).toBeLessThanOrEqual(2);
          if (terms.length === 1) continue;
          for (const term of terms) expect(new Set(term).size).toBe(term.length);
          // What one side alone carries was summed beforehand, so it is still wanted.
          for (const letter of terms.join(''))
            if (!terms.every((term) => term.includes(letter))) expect(result).toContain(letter);
        }
      }),
      soaked(200),
    );
  });

  it('sum what one operand alone carries before the search', () => {
    const [before, ...rest] = contractionsOf(
      orderContractions(
        graphOf({
          operands: ['ijk', 'kl'],
          output: 'l',
          sizes: new Map(Object.entries({ i: 5, j: 7, k: 3, l: 2 })),
        }),
      ),
    );
    expect(before).toEqual({ terms: ['ijk'], result: 'k', points: 105 });
    expect(rest).toEqual([{ terms: ['k', 'kl'], result: 'l', points: 6 }]);
  });

  it('keep the expression that they came from', () => {
    const graph = graphOf(einsumOf(FIXTURES[0]));
    const source = { file: 'model.ts', line: 3, column: 5 };
    const marked: Graph = {
      ...graph,
      sources: [{ span: source, scope: '', name: '' }],
      nodes: graph.nodes.map((node) => (node.op === 'contract' ? { ...node, source: 0 } : node)),
    };
    const ordered = orderContractions(marked);
    const emitted = ordered.nodes.filter(({ op }) => op === 'contract');
    expect(emitted.map((node) => ordered.sources[node.source])).toMatchObject([
      { span: source },
      { span: source },
    ]);
  });
});
