import type { Graph, Node, ValueId } from '../../ir/graph.ts';
import { isScalarOp } from '../../ir/ops.ts';
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
  const kinds = new Kinds();
  let current = dropDead(graph);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { graph: next, isSimple } = rewriteOnce(current, options, kinds);
    current = dropDead(next);
    if (isSimple) break;
  }
  return current;
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}

/**
 * One walk. The graph is simple where no rule has appended a node: each node was then looked at over the operands that it has, and another
 * walk finds nothing. What rules append, and what reads it, may still be simpler.
 */
function rewriteOnce(
  graph: Graph,
  options: SimplifyOptions,
  kinds: Kinds,
): { readonly graph: Graph; readonly isSimple: boolean } {
  const known = new Map<string, ValueId>();
  let isSimple = true;
  const rewritten = rewriteGraph(graph, (node, _, rewriter) => {
    const operands = node.operands.map((operand) => rewriter.image[operand]);
    if (node.op === 'stopGradient' && options.differentiated) return operands[0];
    const { length } = rewriter.builder.nodes;
    const simpler = simplifyNode(node, operands, rewriter);
    if (rewriter.builder.nodes.length > length) isSimple = false;
    if (simpler !== null) return simpler;
    const key = kinds.keyOf(node, operands);
    const twin = known.get(key);
    if (twin !== undefined) return twin;
    const value = sameNumbers(operands, node.operands)
      ? rewriter.builder.nodes.push(node) - 1
      : rewriter.builder.append(node.op, operands, node.attributes, node.type, node.source);
    known.set(key, value);
    return value;
  });
  return { graph: rewritten, isSimple };
}

/** What tells values apart beside their operands: their types follow from both. */
class Kinds {
  private readonly byObject = new Map<Node['attributes'], number>();
  private readonly byText = new Map<string, number>();

  /** Equal keys, equal values. */
  keyOf(node: Node, operands: readonly ValueId[]): string {
    // Scalar ops have no attributes.
    const attributes = isScalarOp(node.op) ? '' : this.numberOf(node.attributes);
    return `${node.op}${attributes} ${operands.join()}`;
  }

  /** Nodes keep their attributes from one round to the next; equal texts are the same thing. */
  private numberOf(attributes: Node['attributes']): number {
    let number = this.byObject.get(attributes);
    if (number === undefined) {
      const text = attributesText(attributes);
      number = this.byText.get(text) ?? this.byText.size;
      this.byText.set(text, number);
      this.byObject.set(attributes, number);
    }
    return number;
  }
}

/** Attributes are plain data. Unlike JSON this tells infinities and -0 apart. */
function attributesText(attributes: Node['attributes']): string {
  let text = '';
  for (const [name, value] of Object.entries(attributes)) text += `${name}:${valueText(value)};`;
  return text;
}

function valueText(value: unknown): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join()}]`;
  return typeof value === 'object' && value !== null
    ? `{${attributesText(value as Node['attributes'])}}`
    : JSON.stringify(value);
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
