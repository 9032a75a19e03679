import type { Graph, ValueId } from '../../../ir/graph.ts';
import { isScalarOp, type StructuralOp } from '../../../ir/ops.ts';
import { neededValues } from '../graph/needed.ts';
import type { Arranged, Arranger } from './arranged.ts';
import type { Stored } from './builder.ts';
import { isConv } from './convolution.ts';
import { elementwise, like, SCALARS } from './scalars.ts';
import { ELEMENTS, type Site, STRUCTURAL } from './structural.ts';
import { isPool } from './windows.ts';

/** Ops that read truth values alone. */
const LOGICAL: ReadonlySet<string> = new Set(['and', 'or', 'not']);
const REDUCTIONS: Readonly<Record<string, string>> = {
  reduceSum: 'ReduceSum',
  reduceMax: 'ReduceMax',
  reduceMin: 'ReduceMin',
};

/** Writes the ops of a graph. Gives the value of each node that outputs read, as numbers. */
export function writeGraph(
  arranger: Arranger,
  graph: Graph,
  given: Pick<Site, 'input' | 'parameter'>,
): (value: ValueId) => Arranged {
  const { builder } = arranger;
  const needed = neededValues(graph, {
    convolution: isConv,
    pooling: (found, { op, type }) => isPool(REDUCTIONS[op], ELEMENTS[type.dtype], found),
  });
  const made = new Map<ValueId, Arranged>();
  const read = (value: ValueId): Arranged => {
    const one = made.get(value)!;
    return arranger.convert(one, ELEMENTS[graph.nodes[value].type.dtype]);
  };
  /** Operands of an elementwise op in one order: that of the first which is not in rows. */
  const scalar = (value: ValueId): Arranged => {
    const node = graph.nodes[value];
    if (!isScalarOp(node.op)) throw new Error(`'${node.op}' is not elementwise`);
    const { op, operands } = node;
    const isTruth = (k: number) => LOGICAL.has(op) || (op === 'select' && k === 0);
    const values = operands.map((operand, k) => (isTruth(k) ? made.get(operand)! : read(operand)));
    const { order } =
      values.find((one) => one.order.some((axis, k) => axis !== k)) ?? values[values.length - 1];
    const stored = values.map((one) => arranger.ordered(one, order));
    const predicate = (k: number): Stored =>
      stored[k].element === 'bool'
        ? stored[k]
        : elementwise(
            builder,
            'Not',
            [elementwise(builder, 'Equal', [stored[k], like(builder, stored[k], 0)], 'bool')],
            'bool',
          );
    return {
      stored: SCALARS[op]({ builder, values: stored, predicate }),
      order,
      shape: node.type.shape,
    };
  };
  graph.nodes.forEach((node, value) => {
    if (!needed.values[value]) return;
    const { scope, name } = graph.sources[node.source] ?? { scope: '', name: '' };
    builder.place = scope || name;
    if (isScalarOp(node.op)) {
      made.set(value, scalar(value));
      return;
    }
    const rule = STRUCTURAL[node.op] as (site: Site<StructuralOp>) => Arranged;
    made.set(
      value,
      rule({
        ...{ arranger, graph, node: node as Site['node'], read, ...given },
        convolution: needed.convolutions.get(value) ?? null,
        pooling: needed.poolings.get(value) ?? null,
      }),
    );
  });
  return read;
}
