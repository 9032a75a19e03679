import { expect } from 'vitest';
import { differentiate } from '../../compiler/gradient/index.ts';
import type { Graph, GraphBuilder, Node, ValueId } from '../../ir/graph.ts';
import { interpretGraph, type Values } from '../../ir/interpret.ts';
import { verifyGraph } from '../../ir/verify.ts';

const STEP = 1e-5;
const RELATIVE_ERROR = 1e-5;

export interface Gradients {
  readonly graph: Graph;
  readonly values: readonly (number[] | null)[];
}

/** Appends the gradients of `loss` and evaluates them; checks that the graph is valid and that they have the right types. */
export function gradientsOf(
  builder: GraphBuilder,
  loss: ValueId,
  wrt: readonly ValueId[],
  given: Values,
): Gradients {
  const gradients = differentiate(builder, loss, wrt);
  gradients.forEach((gradient, k) => {
    if (gradient === null) return;
    expect(builder.typeOf(gradient)).toEqual(builder.typeOf(wrt[k]));
  });
  const graph = builder.finish();
  expect(verifyGraph(graph)).toEqual([]);
  const { values } = interpretGraph(graph, given, given);
  return {
    graph,
    values: gradients.map((gradient) => (gradient === null ? null : Array.from(values[gradient]))),
  };
}

/** The graph up to `loss`, with what stops gradients held at its value: an input of its own. */
function withHeldValues(graph: Graph, loss: ValueId, given: Values): [Graph, Values] {
  const held: Record<string, ArrayLike<number>> = { ...given };
  const { values } = interpretGraph(graph, given, given);
  const nodes = graph.nodes.slice(0, loss + 1).map((node, value): Node => {
    if (node.op !== 'stopGradient') return node;
    const name = `held ${value}`;
    held[name] = values[value];
    return { op: 'input', operands: [], attributes: { name }, type: node.type, source: -1 };
  });
  return [{ ...graph, nodes, outputs: [{ name: 'loss', value: loss }], updates: [] }, held];
}

/** Central differences of a value in every element of the named inputs and parameters. */
function differences(graph: Graph, loss: ValueId, given: Values, names: readonly string[]) {
  const lossAt = (name: string, i: number, step: number) => {
    const moved = Float64Array.from(given[name]);
    moved[i] += step;
    const values = { ...given, [name]: moved };
    return interpretGraph(graph, values, values).values[loss][0];
  };
  return names.map((name) =>
    Array.from(
      given[name],
      (_, i) => (lossAt(name, i, STEP) - lossAt(name, i, -STEP)) / (2 * STEP),
    ),
  );
}

/** Compares all gradients with finite differences; no gradient counts as zero. */
export function expectGradients(
  builder: GraphBuilder,
  loss: ValueId,
  wrt: readonly ValueId[],
  given: Values,
): Gradients {
  const [forward, held] = withHeldValues(builder.finish(), loss, given);
  const names = wrt.map((value) => {
    const node = builder.nodes[value];
    if (node.op !== 'input' && node.op !== 'parameter') throw new Error('nothing to move');
    return node.attributes.name;
  });
  const wanted = differences(forward, loss, held, names);
  const gradients = gradientsOf(builder, loss, wrt, given);
  wanted.forEach((want, k) => {
    const got = gradients.values[k] ?? want.map(() => 0);
    want.forEach((number, i) => {
      const error = Math.abs(got[i] - number) / Math.max(1, Math.abs(number));
      expect(error, `${names[k]}[${i}] is ${got[i]}, not ${number}`).toBeLessThan(RELATIVE_ERROR);
    });
  });
  return gradients;
}
