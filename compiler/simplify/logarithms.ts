import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import type { OpName } from '../../ir/ops.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { dropDead } from './index.ts';

/**
 * Takes the logarithm of an exponential as one function: without the way there and back it neither overflows nor vanishes, and
 * has a finite gradient wherever the model does. Equal at infinities and NaN:
 *
 * - log(exp(u)) = u, log(exp(u) / b) = u - log(b), which is what a softmax under a logarithm comes to;
 * - log(sigmoid(u)) = -softplus(-u), log(1 - sigmoid(u)) = -softplus(u), log(1 + exp(u)) = softplus(u).
 *
 * For graphs without gradients.
 */
export function joinLogarithms(graph: Graph): Graph {
  if (!graph.nodes.some(({ op }) => op === 'log')) return graph;
  return dropDead(
    rewriteGraph(graph, (node, _, rewriter) =>
      node.op === 'log'
        ? logarithmOf(rewriter.image[node.operands[0]], node.source, rewriter)
        : null,
    ),
  );
}

interface Logarithm {
  /** What the logarithm is taken of. */
  readonly node: Node;
  readonly source: number;
  readonly r: Rewriter;
  apply(op: 'neg' | 'softplus' | 'sub', ...operands: ValueId[]): ValueId;
}

/** The logarithm of a value in another form, by the op that makes the value; null where there is none. */
export const LOGARITHM_RULES: {
  readonly [Op in OpName]?: (logarithm: Logarithm) => ValueId | null;
} = {
  exp: ({ node }) => node.operands[0],
  div: ({ node, r, source, apply }) => {
    const [a, b] = node.operands;
    return opOf(r, a) === 'exp'
      ? apply('sub', r.builder.nodes[a].operands[0], logarithmBelowViews(b, source, r))
      : null;
  },
  sigmoid: ({ node, apply }) => apply('neg', apply('softplus', apply('neg', node.operands[0]))),
  sub: ({ node, r, apply }) => {
    const [a, b] = node.operands;
    return isOne(r, a) && opOf(r, b) === 'sigmoid'
      ? apply('neg', apply('softplus', r.builder.nodes[b].operands[0]))
      : null;
  },
  add: ({ node, r, apply }) => {
    const [a, b] = node.operands;
    const power = isOne(r, a) ? b : isOne(r, b) ? a : null;
    return power !== null && opOf(r, power) === 'exp'
      ? apply('softplus', r.builder.nodes[power].operands[0])
      : null;
  },
};

function logarithmOf(value: ValueId, source: number, r: Rewriter): ValueId | null {
  const node = r.builder.nodes[value];
  const apply: Logarithm['apply'] = (op, ...operands) => r.append(op, operands, {}, source);
  return LOGARITHM_RULES[node.op]?.({ node, source, r, apply }) ?? null;
}

const opOf = (r: Rewriter, value: ValueId) => r.builder.nodes[value].op;

function isOne(r: Rewriter, value: ValueId): boolean {
  const node = r.builder.nodes[value];
  return node.op === 'constant' && node.attributes.value === 1;
}

/** The logarithm of a sum that was repeated along rows is taken of the sum. */
function logarithmBelowViews(value: ValueId, source: number, r: Rewriter): ValueId {
  const node = r.builder.nodes[value];
  if (node.op === 'broadcast')
    return r.append(
      'broadcast',
      [logarithmBelowViews(node.operands[0], source, r)],
      node.attributes,
      source,
    );
  if (node.op === 'reshape')
    return r.append(
      'reshape',
      [logarithmBelowViews(node.operands[0], source, r)],
      node.attributes,
      source,
    );
  return r.append('log', [value], {}, source);
}
