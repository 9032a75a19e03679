import { expect } from 'vitest';
import type { Graph } from '../../ir/graph.ts';
import { parseGraph, printGraph } from '../../ir/graph-text.ts';
import { interpretGraph } from '../../ir/interpret.ts';
import { elementCount } from '../../ir/tensor.ts';
import { verifyGraph } from '../../ir/verify.ts';

/** The graph of a case. Its text is what the printer makes of it. */
export function graphOf(input: string): Graph {
  const graph = parseGraph(input);
  expect(printGraph(graph)).toBe(input);
  expect(verifyGraph(graph)).toEqual([]);
  return graph;
}

/** Values of all inputs and parameters, without symmetries and between ±2.3; indices are whole. */
export function valuesFor({ nodes }: Graph): Record<string, number[]> {
  const values: Record<string, number[]> = {};
  nodes.forEach(({ op, attributes, type }, seed) => {
    if (op !== 'input' && op !== 'parameter') return;
    values[(attributes as { name: string }).name] = Array.from(
      { length: elementCount(type.shape) },
      (_, i) => (type.dtype === 'i32' ? (3 * i + seed) % 4 : 2.3 * Math.sin(1.7 * i + seed + 0.4)),
    );
  });
  return values;
}

/** Constants that are folded are rounded to float32. */
const RELATIVE_ERROR = 1e-7;

/** The text of a graph that a pass has made of another one; it must be valid and compute the same. */
export function sameMeaning(before: Graph, after: Graph): string {
  expect(verifyGraph(after)).toEqual([]);
  const values = valuesFor(before);
  const wanted = interpretGraph(before, values, values);
  const given = interpretGraph(after, values, values);
  for (const kind of ['outputs', 'updates'] as const) {
    expect(Object.keys(given[kind])).toEqual(Object.keys(wanted[kind]));
    for (const [name, elements] of Object.entries(wanted[kind]))
      elements.forEach((value, i) => {
        const other = given[kind][name][i];
        if (Object.is(other, value) || other === value) return;
        const error = Math.abs(other - value) / Math.max(1, Math.abs(value));
        expect(error, `${name}[${i}]`).toBeLessThan(RELATIVE_ERROR);
      });
  }
  return printGraph(after);
}
