import type { Graph, Module } from '../../ir/graph.ts';

/** A module with one program and what it declares. */
export function moduleOf(graph: Graph): Module {
  const declared = (op: 'input' | 'parameter') =>
    new Map(
      graph.nodes.flatMap((node) =>
        node.op === op ? [[node.attributes.name, node.type] as const] : [],
      ),
    );
  return {
    name: 'module',
    inputs: [...declared('input')].map(([name, type]) => ({
      name,
      type,
      default: null,
      counter: false,
    })),
    parameters: [...declared('parameter')].map(([name, type]) => ({
      name,
      type,
      role: 'parameter',
      source: null,
    })),
    programs: [graph],
  };
}
