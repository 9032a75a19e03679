import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../compiler/gradient/index.ts';
import { extendGraph } from '../../compiler/rewrite.ts';
import { type SimplifyOptions, simplify } from '../../compiler/simplify/index.ts';
import type { Graph, ValueId } from '../../ir/graph.ts';
import { printGraph } from '../../ir/graph-text.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { type GraphCase, graphCases, typedBuilder, weightedSum } from '../support/random-graph.ts';
import { soaked } from '../support/soak.ts';

const RELATIVE_ERROR = 1e-12;
/** Where constants are folded: the sine of one is rounded to float32, and so is the logarithm in the gradient of its power. */
const RELATIVE_ERROR_OF_FOLDING = 1e-6;

const constantsOf = ({ nodes }: Graph) =>
  nodes.flatMap((node) => (node.op === 'constant' ? [node.attributes.value] : []));

/** Whether simplification has made constants that were not there. */
function hasFolded(graph: Graph, simple: Graph): boolean {
  const known = new Set(constantsOf(graph));
  return constantsOf(simple).some((value) => !known.has(value));
}

function expectSameValues({ graph, inputs, parameters }: GraphCase, simple: Graph) {
  const relativeError = hasFolded(graph, simple) ? RELATIVE_ERROR_OF_FOLDING : RELATIVE_ERROR;
  const wanted = interpretGraph(graph, inputs, parameters);
  const got = interpretGraph(simple, inputs, parameters);
  for (const kind of ['outputs', 'updates'] as const) {
    expect(Object.keys(got[kind])).toEqual(Object.keys(wanted[kind]));
    for (const [name, values] of Object.entries(wanted[kind]))
      values.forEach((value, i) => {
        const error = Math.abs(got[kind][name][i] - value) / Math.max(1, Math.abs(value));
        expect(error, `${name}[${i}]`).toBeLessThan(relativeError);
      });
  }
}

function check(cased: GraphCase, options: SimplifyOptions = {}) {
  const simple = simplify(cased.graph, options);
  expect(verifyGraph(simple, cased.module)).toEqual([]);
  expect(simple.nodes.length).toBeLessThanOrEqual(cased.graph.nodes.length);
  expectSameValues(cased, simple);
}

/** The graph with gradients of its outputs with respect to all that is f32 and given. */
function differentiated({ graph, ...given }: GraphCase): GraphCase {
  const typed = typedBuilder(extendGraph(graph));
  const { builder } = typed;
  const isFloat = (value: ValueId) => builder.typeOf(value).dtype === 'f32';
  const loss = weightedSum(typed, graph.outputs.map(({ value }) => value).filter(isFloat));
  const wrt = graph.nodes.flatMap(({ op }, value) =>
    (op === 'input' || op === 'parameter') && isFloat(value) ? [value] : [],
  );
  differentiate(builder, loss, wrt).forEach((value, k) => {
    if (value !== null) builder.outputs.push({ name: `gradient ${k}`, value });
  });
  return { graph: builder.finish(), ...given };
}

describe('random graphs', () => {
  it('keep their values and do not grow', () => {
    fc.assert(
      fc.property(graphCases, (cased) => check(cased)),
      soaked(1500),
    );
  });

  it('keep their gradients, also when nothing must be kept from flowing', () => {
    fc.assert(
      fc.property(graphCases, (cased) => check(differentiated(cased), { differentiated: true })),
      soaked(700),
    );
  });
});

describe('rounds', () => {
  /** Whether one more simplification, of a graph that the rounds have sufficed for, finds nothing. */
  const isSettled = (graph: Graph, options: SimplifyOptions) => {
    const simple = simplify(graph, options);
    expect(printGraph(simplify(simple, options))).toBe(printGraph(simple));
  };

  it('end where nothing is left to be found', () => {
    fc.assert(
      fc.property(graphCases, (cased) => {
        isSettled(cased.graph, {});
        isSettled(differentiated(cased).graph, { differentiated: true });
      }),
      soaked(300),
    );
  });

  it('go on where what a rule has made can be made simpler', () => {
    const { builder, add, input } = typedBuilder();
    const x = input('x', [2, 3]);
    const reshaped = (value: ValueId, shape: number[]) =>
      builder.append('reshape', [value], { shape }, { dtype: 'f32', shape }, -1);
    // The reshape of a reshape that the first walk appends is the same as the one that stands beside it.
    const once = reshaped(reshaped(x, [6]), [3, 2]);
    builder.outputs.push({ name: 'y', value: add('add', [once, reshaped(x, [3, 2])]) });
    const simple = simplify(builder.finish());
    expect(simple.nodes.map(({ op }) => op)).toEqual(['input', 'reshape', 'add']);
  });

  it('tell values of one op apart by their attributes', () => {
    const { builder, add, input } = typedBuilder();
    const x = input('x', [2, 2]);
    const summed = (axes: number[]) =>
      builder.append('reduceSum', [x], { axes }, { dtype: 'f32', shape: [2] }, -1);
    builder.outputs.push({ name: 'y', value: add('add', [summed([0]), summed([1])]) });
    builder.outputs.push({ name: 'z', value: summed([1]) });
    const simple = simplify(builder.finish());
    expect(simple.nodes.map(({ op }) => op)).toEqual(['input', 'reduceSum', 'reduceSum', 'add']);
  });
});

describe('dead code', () => {
  const { builder, add, input } = typedBuilder();
  const x = input('x', [2]);
  const unused = input('unused', [2]);
  const w = builder.append('parameter', [], { name: 'w' }, { dtype: 'f32', shape: [2] }, -1);
  add('exp', [add('mul', [unused, w])]);
  const span = { file: 'model.ts', line: 7, column: 3 };
  const sine = builder.append('sin', [x], {}, builder.typeOf(x), builder.source(span));
  const next = add('sub', [w, sine]);
  builder.outputs.push({ name: 'b', value: sine }, { name: 'a', value: x });
  builder.updates.push({ parameter: 'w', value: next });
  const simple = simplify(builder.finish());

  it('goes, with inputs that nothing else reads', () => {
    expect(simple.nodes.map(({ op }) => op)).toEqual(['input', 'parameter', 'sin', 'sub']);
  });

  it('does not take results, their names or their places along', () => {
    expect(simple.name).toBe('test');
    expect(simple.outputs.map(({ name, value }) => [name, simple.nodes[value].op])).toEqual([
      ['b', 'sin'],
      ['a', 'input'],
    ]);
    expect(
      simple.updates.map(({ parameter, value }) => [parameter, simple.nodes[value].op]),
    ).toEqual([['w', 'sub']]);
    const { source } = simple.nodes[simple.outputs[0].value];
    expect(simple.sources[source].span).toEqual(span);
  });

  it('stays away from the graph that was given', () => {
    expect(builder.nodes).toHaveLength(7);
    expect(builder.outputs.map(({ value }) => value)).toEqual([sine, x]);
  });
});
