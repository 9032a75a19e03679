import type { Graph, ValueId } from '../../../ir/graph.ts';
import { isScalarOp, type StructuralOp } from '../../../ir/ops.ts';
import { neededValues } from '../graph/needed.ts';
import type { Body, Value } from './body.ts';
import { SCALARS } from './scalars.ts';
import { type Site, STRUCTURAL } from './structural.ts';
import { ELEMENTS } from './types.ts';

/**
 * Writes the ops of a graph into a body.
 *
 * @param argument the argument that an input or a parameter is, by its name
 * @returns the text's value of each output and update of the graph
 */
export function writeGraph(
  body: Body,
  graph: Graph,
  argument: Site['argument'],
): (value: ValueId) => Value {
  const { values: needed, convolutions, poolings } = neededValues(graph);
  const made = new Map<ValueId, Value>();
  /** Truth values as the numbers that the graph has. */
  const numbers = new Map<ValueId, Value>();
  const read = (value: ValueId): Value => {
    const one = made.get(value)!;
    const element = ELEMENTS[graph.nodes[value].type.dtype];
    if (one.type.element === element) return one;
    let number = numbers.get(value);
    if (!number) {
      number = body.convert(one, element);
      numbers.set(value, number);
    }
    return number;
  };
  const predicateOf = (value: ValueId): Value => {
    const one = made.get(value)!;
    return one.type.element === 'i1' ? one : body.compare('NE', one, body.like(one, 0));
  };
  graph.nodes.forEach((node, value) => {
    if (!needed[value]) return;
    if (isScalarOp(node.op)) {
      const { operands } = node;
      const isLogical = LOGICAL.has(node.op);
      made.set(
        value,
        SCALARS[node.op](body, {
          values: operands.map((operand, k) =>
            isLogical || (node.op === 'select' && k === 0) ? made.get(operand)! : read(operand),
          ),
          predicate: (k) => predicateOf(operands[k]),
        }),
      );
      return;
    }
    const rule = STRUCTURAL[node.op] as (site: Site<StructuralOp>) => Value;
    const convolution = convolutions.get(value) ?? null;
    const pooling = poolings.get(value) ?? null;
    made.set(
      value,
      rule({ body, node: node as Site['node'], read, argument, convolution, pooling }),
    );
  });
  return read;
}

/** Ops that read truth values alone. */
const LOGICAL: ReadonlySet<string> = new Set(['and', 'or', 'not']);
