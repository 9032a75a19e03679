import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import type { OpName } from '../../ir/ops.ts';
import { rewriteGraph } from '../rewrite.ts';
import { dropDead } from './index.ts';

const COMPARISONS: ReadonlySet<OpName> = new Set(['lt', 'le', 'gt', 'ge']);

/** What scores are at most for which a softmax gives 0: exp(-1e30 - m) for any finite m of a row. */
const MASKED = -1e30;

/**
 * Products with a comparison of positions, as the weights of causal attention are, as selections: what is 0 by such a condition is so
 * whatever the other factor is, and kernels that compute tiles of it see which tiles they can do without. That is done with conditions
 * that mask the scores of a softmax and are factors of what it gives too, there and in its gradient; all other products give NaN for
 * 0 times NaN.
 *
 * For graphs whose gradients are there: the gradient of a selection keeps its zeros, which a product does not need.
 */
export function selectByPosition(graph: Graph): Graph {
  const { nodes } = graph;
  const factors = positionalFactors(graph);
  if (factors.size === 0) return graph;
  return dropDead(
    rewriteGraph(graph, (node, _, { image, append }) => {
      if (node.op !== 'mul') return null;
      const [a, b] = node.operands;
      const [factor, kept] = factors.has(b) ? [b, a] : [a, b];
      if (!factors.has(factor)) return null;
      const zero = append('constant', [], { ...node.type, value: 0 }, node.source);
      const [condition] = nodes[factor].operands;
      return append('select', [image[condition], image[kept], zero], {}, node.source);
    }),
  );
}

/** Comparisons of positions as numbers, of which some softmax is masked and multiplied. */
function positionalFactors({ nodes }: Graph): ReadonlySet<ValueId> {
  const isPositional = ({ op, operands }: Node) =>
    COMPARISONS.has(op) && operands.every((one) => nodes[one].op === 'iota');
  const conditionOf = (value: ValueId): ValueId | null => {
    const { op, operands } = nodes[value];
    return op === 'toF32' && isPositional(nodes[operands[0]]) ? operands[0] : null;
  };
  const found = new Set<ValueId>();
  for (const { op, operands } of nodes) {
    if (op !== 'mul') continue;
    for (const [factor, other] of [operands, operands.toReversed()]) {
      const condition = conditionOf(factor);
      if (condition !== null && isMaskedBy(nodes, other, condition)) found.add(factor);
    }
  }
  return found;
}

/** Whether a value is what a softmax gives whose scores are masked by a condition, at times multiplied, as by dropout. */
function isMaskedBy(nodes: readonly Node[], value: ValueId, condition: ValueId): boolean {
  // A set is walked through with what is added on the way, each value once.
  const found = new Set([value]);
  for (const one of found) {
    const { op, operands } = nodes[one];
    if (op === 'mul') for (const factor of operands) found.add(factor);
    else if (op === 'div') found.add(operands[0]);
    else if (op === 'exp') {
      const shifted = nodes[operands[0]];
      const scores = shifted.op === 'sub' ? nodes[shifted.operands[0]] : null;
      if (scores?.op !== 'select' || scores.operands[0] !== condition) continue;
      const otherwise = nodes[scores.operands[2]];
      if (otherwise.op === 'constant' && otherwise.attributes.value <= MASKED) return true;
    }
  }
  return false;
}
