import { describe, expect, it } from 'vitest';
import { GRADIENT_RULES, passesGradient } from '../../compiler/gradient/rules.ts';
import { extendGraph } from '../../compiler/rewrite.ts';
import type { Graph } from '../../ir/graph.ts';
import { printGraph } from '../../ir/graph-text.ts';
import type { OpName } from '../../ir/ops.ts';
import { type Case, readCases, testCases } from '../support/cases.ts';
import { graphOf, valuesFor } from '../support/graph-cases.ts';
import { rowsThatGive } from '../support/table-rows.ts';
import { expectGradients } from './finite-differences.ts';

/**
 * What differentiation appends for the gradients of `loss` with respect to all f32 inputs and parameters but `w`, which weighs the
 * elements of a result. The gradients are held against finite differences.
 */
function differentiated({ input, options }: Case): string {
  const graph = graphOf(input);
  const given = valuesFor(graph);
  if (options.values === 'positive')
    for (const values of Object.values(given))
      values.forEach((value, i) => {
        values[i] = Math.abs(value);
      });
  const wrt = graph.nodes.flatMap(({ op, attributes, type }, value) =>
    (op === 'input' || op === 'parameter') && type.dtype === 'f32' && attributes.name !== 'w'
      ? [{ value, name: attributes.name }]
      : [],
  );
  const result = expectGradients(
    extendGraph(graph),
    graph.outputs[0].value,
    wrt.map(({ value }) => value),
    given,
  );
  return appended(
    result.graph,
    graph.nodes.length,
    wrt.map(({ name }) => name),
  );
}

/** The lines behind the forward pass, outputs named after what they are the gradients of. */
function appended(graph: Graph, forward: number, names: readonly string[]): string {
  const given = new Set(graph.outputs.map(({ name }) => name));
  const missing = names.filter((_, k) => !given.has(`gradient ${k}`));
  const outputs = graph.outputs.slice(1).map(({ name, value }) => {
    return { name: names[Number(name.slice('gradient '.length))], value };
  });
  const lines = printGraph({ ...graph, outputs })
    .trimEnd()
    .split('\n');
  return [
    ...lines.slice(1 + forward, -1).map((line) => line.slice(2)),
    ...missing.map((name) => `no gradient of ${JSON.stringify(name)}`),
  ].join('\n');
}

describe('gradients', () => testCases('gradient', 'gradient', differentiated));

it('every row of the rules is reached by a case', () => {
  const cases = readCases('gradient', 'gradient');
  const reached = rowsThatGive(GRADIENT_RULES, () => {
    for (const example of cases) differentiated(example);
  });
  const ops = Object.keys(GRADIENT_RULES) as OpName[];
  const present = new Set(
    cases.flatMap(({ input }) => graphOf(input).nodes.map(({ op }) => op as string)),
  );
  // A row that passes no gradient is reached where its op stands in a case.
  const missing = ops.filter((op) => !(passesGradient(op) ? reached : present).has(op));
  expect(missing).toEqual([]);
});
