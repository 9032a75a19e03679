import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import { rewriteGraph } from '../rewrite.ts';
import { simplifyNode } from './rules.ts';

/** Rounds until nothing changes any more; more are not worth their time. */
const MAX_ROUNDS = 4;

export interface SimplifyOptions {
  /** Gradients have been taken: what stops them may go. */
  readonly differentiated?: boolean;
}

/**
 * Makes a graph smaller without changing what it computes: algebraic identities, constants, common subexpressions, dead
 * values. Near-linear: each round is one walk.
 */
export function simplify(graph: Graph, options: SimplifyOptions = {}): Graph {
  let current = dropDead(graph);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = dropDead(rewriteOnce(current, options));
    const unchanged =
      next.nodes.length === current.nodes.length &&
      next.nodes.every(
        (node, k) => node.op === current.nodes[k].op && sameOperands(node, current.nodes[k]),
      );
    current = next;
    if (unchanged) break;
  }
  return current;
}

function sameOperands(a: Node, b: Node): boolean {
  return (
    a.operands.length === b.operands.length &&
    a.operands.every((operand, k) => operand === b.operands[k])
  );
}

function rewriteOnce(graph: Graph, options: SimplifyOptions): Graph {
  const known = new Map<string, ValueId>();
  return rewriteGraph(graph, (node, _, rewriter) => {
    const operands = node.operands.map((operand) => rewriter.image[operand]);
    if (node.op === 'stopGradient' && options.differentiated) return operands[0];
    const simpler = simplifyNode(node, operands, rewriter);
    if (simpler !== null) return simpler;
    const key = keyOf(node, operands);
    const twin = known.get(key);
    if (twin !== undefined) return twin;
    const value = rewriter.builder.append(
      node.op,
      operands,
      node.attributes,
      node.type,
      node.source,
    );
    known.set(key, value);
    return value;
  });
}

/** Equal keys, equal values: the op, its operands, attributes and type . */
function keyOf(node: Node, operands: readonly ValueId[]): string {
  const { dtype, shape } = node.type;
  return `${node.op}(${operands.join()}) ${attributesKey(node.attributes)} ${dtype}[${shape.join()}]`;
}

/** Nodes keep their attributes from one round and pass to the next. */
const attributeKeys = new WeakMap<object, string>();

function attributesKey(attributes: Node['attributes']): string {
  let key = attributeKeys.get(attributes);
  if (key === undefined) {
    // JSON has neither infinities nor -0.
    key = JSON.stringify(attributes, (_, value) =>
      typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
        ? `${1 / value} ${value}`
        : value,
    );
    attributeKeys.set(attributes, key);
  }
  return key;
}

/** Keeps the values that outputs and updates need. */
export function dropDead(graph: Graph): Graph {
  const alive = new Uint8Array(graph.nodes.length);
  for (const { value } of [...graph.outputs, ...graph.updates]) alive[value] = 1;
  for (let value = graph.nodes.length - 1; value >= 0; value--) {
    if (alive[value]) for (const operand of graph.nodes[value].operands) alive[operand] = 1;
  }
  if (alive.every((flag) => flag === 1)) return graph;
  // Dead nodes are not copied; no live node refers to the placeholder.
  return rewriteGraph(graph, (_, value) => (alive[value] ? null : -1));
}
