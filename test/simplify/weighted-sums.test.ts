import fc from 'fast-check';
import { expect, it } from 'vitest';
import { reuseWeightedSums } from '../../compiler/simplify/weighted-sums.ts';
import type { Graph, ValueId } from '../../ir/graph.ts';
import { sameMeaning } from '../support/graph-cases.ts';
import { type TypedBuilder, typedBuilder } from '../support/random-graph.ts';

/** How the gradient of softmax(scores) times values looks, in some layout. */
interface Layout {
  /** Of the scores, of what is attended to, and of the result; `k` is what scores are summed along. */
  readonly scores: string;
  readonly values: string;
  readonly result: string;
  readonly valuesFirst: boolean;
}

const EXTENTS: Readonly<Record<string, number>> = { b: 2, h: 3, q: 5, k: 7, d: 2 };
const shapeOf = (letters: string) => [...letters].map((letter) => EXTENTS[letter]);

/** Finishes a graph over the weights `z`, their contraction, and the gradient `c` that flows into `z`. */
type Finish = (
  typed: TypedBuilder,
  parts: { readonly z: ValueId; readonly c: ValueId; readonly sums: ValueId },
) => ValueId;

function attention({ scores, values, result, valuesFirst }: Layout, finish: Finish): Graph {
  const typed = typedBuilder();
  const { add, input, builder } = typed;
  const powers = add('exp', [input('s', shapeOf(scores))]);
  const v = input('v', shapeOf(values));
  const g = input('g', shapeOf(result));
  const sums = add('broadcast', [add('reduceSum', [powers], { axes: [scores.indexOf('k')] })], {
    shape: shapeOf(scores),
    axes: [...scores].flatMap((letter, axis) => (letter === 'k' ? [] : [axis])),
  });
  const z = add('div', [powers, sums]);
  const terms = valuesFirst ? `${values},${scores}` : `${scores},${values}`;
  const o = add('contract', valuesFirst ? [v, z] : [z, v], { equation: `${terms}->${result}` });
  const c = add('contract', [g, v], { equation: `${result},${values}->${scores}` });
  builder.outputs.push({ name: 'o', value: o });
  builder.outputs.push({ name: 'y', value: finish(typed, { z, c, sums }) });
  return builder.finish();
}

const PLAIN: Layout = { scores: 'bhqk', values: 'bkhd', result: 'bqhd', valuesFirst: false };
const along = ({ scores }: Layout) => ({ axes: [scores.indexOf('k')] });

/** Sums over `k` that are left in what is made of a graph, which computes the same. */
function sumsOver({ scores }: Layout, graph: Graph): number {
  const made = reuseWeightedSums(graph);
  sameMeaning(graph, made);
  return made.nodes.filter(
    ({ op, operands }) =>
      op === 'reduceSum' && made.nodes[operands[0]].type.shape.length === scores.length,
  ).length;
}

it('rows of weighted gradients are summed by way of the result, in any layout', () => {
  const shuffled = (letters: string) =>
    fc.shuffledSubarray([...letters], { minLength: letters.length }).map((all) => all.join(''));
  const layouts = fc.record({
    scores: shuffled('bhqk'),
    values: shuffled('bhkd'),
    result: shuffled('bhqd'),
    valuesFirst: fc.boolean(),
  });
  fc.assert(
    fc.property(layouts, (layout) => {
      const graph = attention(layout, ({ add }, { z, c }) =>
        add('reduceSum', [add('mul', [c, z])], along(layout)),
      );
      // The sum that makes the weights stays.
      expect(sumsOver(layout, graph)).toBe(1);
    }),
    { seed: 8, numRuns: 60 },
  );
});

it.each<[string, Finish]>([
  [
    'divided by a row',
    ({ add }, { z, c, sums }) =>
      add('reduceSum', [add('neg', [add('div', [add('mul', [c, z]), sums])])], along(PLAIN)),
  ],
  [
    'times a number',
    ({ add, constant }, { z, c }) =>
      add(
        'reduceSum',
        [add('mul', [add('mul', [z, constant(0.5, shapeOf('bhqk'))]), c])],
        along(PLAIN),
      ),
  ],
  [
    'times a row that has the axis with extent 1',
    ({ add, input }, { z, c }) => {
      const row = add('broadcast', [input('r', [2, 3, 5, 1])], {
        shape: shapeOf('bhqk'),
        axes: [0, 1, 2, 3],
      });
      return add('reduceSum', [add('mul', [row, add('mul', [c, z])])], along(PLAIN));
    },
  ],
  [
    'times a number for each head',
    ({ add, input }, { z, c }) => {
      const head = add('broadcast', [input('r', [3])], { shape: shapeOf('bhqk'), axes: [1] });
      return add('reduceSum', [add('div', [add('mul', [c, z]), head])], along(PLAIN));
    },
  ],
])('so are those that are %s', (_, finish) => {
  expect(sumsOver(PLAIN, attention(PLAIN, finish))).toBe(1);
});

it('a mask is part of the weights', () => {
  const typed = typedBuilder();
  const { add, input, builder } = typed;
  const shape = shapeOf('bhqk');
  const z = add('mul', [input('p', shape), input('m', shape)]);
  const v = input('v', shapeOf('bkhd'));
  const o = add('contract', [z, v], { equation: 'bhqk,bkhd->bqhd' });
  const c = add('contract', [input('g', shapeOf('bqhd')), v], { equation: 'bqhd,bkhd->bhqk' });
  const [p, m] = builder.nodes[z].operands;
  const y = add('reduceSum', [add('mul', [add('mul', [c, m]), p])], { axes: [3] });
  builder.outputs.push({ name: 'o', value: o }, { name: 'y', value: y });
  expect(sumsOver(PLAIN, builder.finish())).toBe(0);
});

it.each<[string, Finish]>([
  [
    'of other weights',
    ({ add, input }, { c }) =>
      add('reduceSum', [add('mul', [c, input('w', shapeOf('bhqk'))])], along(PLAIN)),
  ],
  [
    'along another axis',
    ({ add }, { z, c }) => add('reduceSum', [add('mul', [c, z])], { axes: [2] }),
  ],
  [
    'along more axes',
    ({ add }, { z, c }) => add('reduceSum', [add('mul', [c, z])], { axes: [2, 3] }),
  ],
  [
    'with a factor that changes along them',
    ({ add, input }, { z, c }) => {
      const column = add('broadcast', [input('r', [7])], { shape: shapeOf('bhqk'), axes: [3] });
      return add('reduceSum', [add('mul', [add('mul', [c, z]), column])], along(PLAIN));
    },
  ],
  [
    'of squares',
    ({ add }, { z, c }) => add('reduceSum', [add('mul', [add('mul', [c, c]), z])], along(PLAIN)),
  ],
])('sums %s stay', (_, finish) => {
  expect(sumsOver(PLAIN, attention(PLAIN, finish))).toBe(2);
});

it('a contraction whose results are fewer than its operands is summed itself', () => {
  const typed = typedBuilder();
  const { add, input, builder } = typed;
  const v = input('v', [7, 9]);
  const z = input('z', [5, 7]);
  const o = add('contract', [z, v], { equation: 'qk,kd->qd' });
  const c = add('contract', [input('g', [5, 9]), v], { equation: 'qd,kd->qk' });
  const y = add('reduceSum', [add('mul', [c, z])], { axes: [1] });
  builder.outputs.push({ name: 'o', value: o }, { name: 'y', value: y });
  const graph = builder.finish();
  expect(reuseWeightedSums(graph)).toBe(graph);
});
