import { expect, it } from 'vitest';
import { joinLogarithms } from '../../compiler/simplify/logarithms.ts';
import type { ValueId } from '../../ir/graph.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { type TypedBuilder, typedBuilder } from '../support/random-graph.ts';

const { POSITIVE_INFINITY: INFINITY, NaN: NAN } = Number;
const X = [-3, 0, 2, INFINITY, -INFINITY, NAN];

type Build = (typed: TypedBuilder, x: ValueId) => ValueId;

/** The operations that are left, and the values at X. */
function joined(build: Build): { ops: string[]; values: number[] } {
  const typed = typedBuilder();
  const x = typed.input('x', [X.length]);
  typed.builder.outputs.push({ name: 'y', value: build(typed, x) });
  const graph = typed.builder.finish();
  const result = joinLogarithms(graph);
  expect(verifyGraph(result)).toEqual([]);
  const values = Array.from(interpretGraph(result, { x: X }, {}).outputs.y);
  const before = interpretGraph(graph, { x: X }, {}).outputs.y;
  values.forEach((value, i) => {
    if (Number.isNaN(before[i])) expect(value).toBeNaN();
    else if (Number.isFinite(before[i])) expect(value).toBeCloseTo(before[i], 12);
    else expect(value).toBe(before[i]);
  });
  return { ops: result.nodes.map(({ op }) => op), values };
}

const one = ({ constant }: TypedBuilder) => constant(1, [X.length]);

it.each<[string, Build, string[]]>([
  ['log(exp(x))', ({ add }, x) => add('log', [add('exp', [x])]), ['input']],
  [
    'log(sigmoid(x))',
    ({ add }, x) => add('log', [add('sigmoid', [x])]),
    ['input', 'neg', 'softplus', 'neg'],
  ],
  [
    'log(1 - sigmoid(x))',
    (typed, x) => typed.add('log', [typed.add('sub', [one(typed), typed.add('sigmoid', [x])])]),
    ['input', 'softplus', 'neg'],
  ],
  [
    'log(exp(x) + 1)',
    (typed, x) => typed.add('log', [typed.add('add', [typed.add('exp', [x]), one(typed)])]),
    ['input', 'softplus'],
  ],
])('%s is one function, also at infinities and NaN', (_, build, ops) => {
  expect(joined(build).ops).toEqual(ops);
});

it('the logarithm of a softmax takes one logarithm per row', () => {
  const { add, input, builder } = typedBuilder();
  const x = input('x', [2, 3]);
  const powers = add('exp', [x]);
  const sums = add('reduceSum', [powers], { axes: [1] });
  const rows = add('broadcast', [sums], { shape: [2, 3], axes: [0] });
  builder.outputs.push({ name: 'y', value: add('log', [add('div', [powers, rows])]) });
  const result = joinLogarithms(builder.finish());
  const logs = result.nodes.filter(({ op }) => op === 'log');
  expect(logs.map(({ type }) => type.shape)).toEqual([[2]]);
  expect(result.nodes.map(({ op }) => op)).not.toContain('div');
  const { y } = interpretGraph(result, { x: [0, 1, 2, -3, 0, 3] }, {}).outputs;
  const total = Math.log(1 + Math.E + Math.E ** 2);
  expect(y[0]).toBeCloseTo(-total, 12);
  expect(y[2]).toBeCloseTo(2 - total, 12);
});

it('other sums, differences and logarithms stay', () => {
  const stays: Build[] = [
    ({ add, constant }, x) => add('log', [add('add', [constant(2, [X.length]), add('exp', [x])])]),
    (typed, x) => typed.add('log', [typed.add('sub', [typed.add('sigmoid', [x]), one(typed)])]),
    ({ add }, x) => add('log', [add('tanh', [x])]),
  ];
  for (const build of stays) expect(joined(build).ops).toContain('log');
});
