import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import type { OpName } from '../../ir/ops.ts';
import { rewriteGraph } from '../rewrite.ts';
import { dropDead } from './index.ts';

const COMPARISONS: ReadonlySet<OpName> = new Set(['lt', 'le', 'gt', 'ge']);

/**
 * Products with a comparison of positions, as the weights of causal attention are, as selections: what is 0 by such a condition is so
 * whatever the other factor is, and kernels that compute tiles of it see which tiles they can do without.
 *
 * For graphs whose gradients are there: the gradient of a selection keeps its zeros, which a product does not need.
 */
export function selectByPosition(graph: Graph): Graph {
  const { nodes } = graph;
  const conditionOf = (value: ValueId): ValueId | null => {
    const node = nodes[value];
    if (node.op !== 'toF32') return null;
    const condition = nodes[node.operands[0]];
    const isPositional =
      COMPARISONS.has(condition.op) && condition.operands.every((one) => nodes[one].op === 'iota');
    return isPositional ? node.operands[0] : null;
  };
  const selected = (node: Node) => {
    if (node.op !== 'mul') return null;
    const [a, b] = node.operands;
    const [ofA, ofB] = [conditionOf(a), conditionOf(b)];
    if (ofB !== null) return { condition: ofB, kept: a };
    return ofA !== null ? { condition: ofA, kept: b } : null;
  };
  if (!nodes.some((node) => selected(node))) return graph;
  return dropDead(
    rewriteGraph(graph, (node, _, { image, append }) => {
      const found = selected(node);
      if (!found) return null;
      const zero = append('constant', [], { ...node.type, value: 0 }, node.source);
      const operands = [image[found.condition], image[found.kept], zero];
      return append('select', operands, {}, node.source);
    }),
  );
}
