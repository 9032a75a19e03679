import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../compiler/gradient/index.ts';
import { extendGraph } from '../../compiler/rewrite.ts';
import { type SimplifyOptions, simplify } from '../../compiler/simplify/index.ts';
import type { Graph, ValueId } from '../../ir/graph.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { type GraphCase, graphCases, typedBuilder, weightedSum } from '../support/random-graph.ts';
import { becomes, stays } from './becomes.ts';

const RELATIVE_ERROR = 1e-12;
/** The gradient of a power of a constant takes the constant's logarithm, which folding rounds to float32. */
const RELATIVE_ERROR_OF_GRADIENTS = 1e-6;

function expectSameValues(
  { graph, inputs, parameters }: GraphCase,
  simple: Graph,
  relativeError: number,
) {
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

function check(cased: GraphCase, relativeError: number, options: SimplifyOptions = {}) {
  const simple = simplify(cased.graph, options);
  expect(verifyGraph(simple, cased.module)).toEqual([]);
  expect(simple.nodes.length).toBeLessThanOrEqual(cased.graph.nodes.length);
  expectSameValues(cased, simple, relativeError);
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
      fc.property(graphCases, (cased) => check(cased, RELATIVE_ERROR)),
      { numRuns: 1500 },
    );
  });

  it('keep their gradients, also when nothing must be kept from flowing', () => {
    fc.assert(
      fc.property(graphCases, (cased) =>
        check(differentiated(cased), RELATIVE_ERROR_OF_GRADIENTS, { differentiated: true }),
      ),
      { numRuns: 700 },
    );
  });
});

describe('common subexpressions', () => {
  it('are computed once', () => {
    becomes(
      ({ add, x }) => {
        const left = add('exp', [add('neg', [x])]);
        const right = add('exp', [add('neg', [x])]);
        return add('mul', [left, right]);
      },
      ({ add, x }) => {
        const both = add('exp', [add('neg', [x])]);
        return add('mul', [both, both]);
      },
    );
  });

  it('are those that other rules make', () => {
    becomes(
      ({ add, constant, x }) => {
        const shifted = add('add', [x, constant(0, [2, 3])]);
        return add('mul', [add('exp', [x]), add('exp', [shifted])]);
      },
      ({ add, x }) => {
        const both = add('exp', [x]);
        return add('mul', [both, both]);
      },
    );
  });

  it('are random numbers of one seed, stream and step', () => {
    const draw =
      (...streams: [number, number]) =>
      ({ add, constant }: Parameters<Parameters<typeof stays>[0]>[0]) => {
        const step = constant(1, [], 'i32');
        const [a, b] = streams.map((stream) =>
          add('random', [step], { shape: [2], seed: 3, stream }),
        );
        return add('sub', [a, b]);
      };
    becomes(draw(1, 1), ({ add, constant }) => {
      const drawn = add('random', [constant(1, [], 'i32')], { shape: [2], seed: 3, stream: 1 });
      return add('sub', [drawn, drawn]);
    });
    stays(draw(1, 2));
  });

  it('are not values that differ in an attribute', () => {
    stays(({ add, x }) => {
      const [first, second] = [0, 1].map((start) =>
        add('slice', [x], { starts: [0, start], sizes: [2, 2] }),
      );
      return add('sub', [first, second]);
    });
    stays(({ add }) => {
      const [first, second] = [0, 1].map((axis) => add('iota', [], { shape: [2, 2], axis }));
      return add('sub', [first, second]);
    });
  });

  it.each([
    [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
    [0, -0],
    [Number.NaN, Number.POSITIVE_INFINITY],
  ])('are not paddings or constants of %s and %s', (one, other) => {
    stays(({ add, x }) => {
      const [a, b] = [one, other].map((value) =>
        add('pad', [x], { low: [1, 0], high: [0, 0], value }),
      );
      return add('concat', [a, b], { axis: 0 });
    });
    stays(({ add, constant }) =>
      add('concat', [constant(one, [2]), constant(other, [2])], { axis: 0 }),
    );
  });
});

describe('what stops gradients', () => {
  it('stays until they are taken', () => {
    stays(({ add, x }) => add('exp', [add('stopGradient', [x])]));
    becomes(
      ({ add, x }) => add('exp', [add('stopGradient', [x])]),
      ({ add, x }) => add('exp', [x]),
      { differentiated: true },
    );
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
