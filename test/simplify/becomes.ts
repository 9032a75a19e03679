import { expect } from 'vitest';
import { dropDead, type SimplifyOptions, simplify } from '../../compiler/simplify/index.ts';
import type { Graph, NodeOf, ValueId } from '../../ir/graph.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { verifyGraph } from '../../ir/verify.ts';
import { type TypedBuilder, typedBuilder } from '../support/random-graph.ts';

/** Builds a value over an input x, f32 [2, 3], and an input n, i32 [2, 3]. */
export type Build = (typed: TypedBuilder & { readonly x: ValueId; readonly n: ValueId }) => ValueId;

const GIVEN = { x: [1.5, -2, 0.25, 3, -0.5, 7], n: [0, 3, -2, 1, 5, 0] };

function graphOf(build: Build): Graph {
  const typed = typedBuilder();
  const x = typed.input('x', [2, 3]);
  const n = typed.input('n', [2, 3], 'i32');
  typed.builder.outputs.push({ name: 'y', value: build({ ...typed, x, n }) });
  return typed.builder.finish();
}

/** The value as one expression. */
function expression(graph: Graph, value: ValueId): string {
  const { op, operands, attributes, type } = graph.nodes[value];
  const inner = operands.map((operand) => expression(graph, operand)).join(', ');
  // JSON has neither infinities nor -0.
  const text = JSON.stringify(attributes, (_, part) =>
    typeof part === 'number' ? `${Object.is(part, -0) ? '-' : ''}${part}` : part,
  );
  return `${op} ${text} ${type.dtype}[${type.shape}] (${inner})`;
}

const outputExpression = (graph: Graph) => expression(graph, graph.outputs[0].value);
const outputValue = (graph: Graph) => Array.from(interpretGraph(graph, GIVEN, {}).outputs.y);

/** Simplifies a value and expects the other one, over as few nodes. */
export function becomes(before: Build, after: Build, options: SimplifyOptions = {}) {
  const original = graphOf(before);
  const simple = simplify(original, options);
  const wanted = dropDead(graphOf(after));
  expect(verifyGraph(simple)).toEqual([]);
  expect(outputExpression(simple)).toBe(outputExpression(wanted));
  expect(simple.nodes).toHaveLength(wanted.nodes.length);
  expect(outputValue(simple)).toEqual(outputValue(original));
}

/** The number of the constant that a value becomes. */
export function folded(build: Build): number {
  const { nodes } = simplify(graphOf(build));
  expect(nodes.map(({ op }) => op)).toEqual(['constant']);
  return (nodes[0] as NodeOf<'constant'>).attributes.value;
}
