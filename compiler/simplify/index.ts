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
  const kinds = new Kinds();
  let current = dropDead(graph);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = dropDead(rewriteOnce(current, options, kinds));
    const unchanged =
      next.nodes.length === current.nodes.length &&
      next.nodes.every(
        (node, k) =>
          node === current.nodes[k] ||
          (node.op === current.nodes[k].op &&
            sameNumbers(node.operands, current.nodes[k].operands)),
      );
    current = next;
    if (unchanged) break;
  }
  return current;
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, k) => number === b[k]);
}

function rewriteOnce(graph: Graph, options: SimplifyOptions, kinds: Kinds): Graph {
  const known = new Map<string, ValueId>();
  return rewriteGraph(graph, (node, _, rewriter) => {
    const operands = node.operands.map((operand) => rewriter.image[operand]);
    if (node.op === 'stopGradient' && options.differentiated) return operands[0];
    const simpler = simplifyNode(node, operands, rewriter);
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
}

/** Numbers for objects of which equal texts are the same thing. Nodes keep their attributes and types from one round to the next. */
class Numbers<Thing extends object> {
  private readonly byObject = new Map<Thing, number>();
  private readonly byText = new Map<string, number>();
  private readonly textOf: (thing: Thing) => string;

  constructor(textOf: (thing: Thing) => string) {
    this.textOf = textOf;
  }

  of(thing: Thing): number {
    let number = this.byObject.get(thing);
    if (number === undefined) {
      const text = this.textOf(thing);
      number = this.byText.get(text) ?? this.byText.size;
      this.byText.set(text, number);
      this.byObject.set(thing, number);
    }
    return number;
  }
}

/** What tells values apart beside their ops and operands. */
class Kinds {
  private readonly attributes = new Numbers<Node['attributes']>(attributesText);
  private readonly types = new Numbers<Node['type']>(
    ({ dtype, shape }) => `${dtype}[${shape.join()}]`,
  );

  /** Equal keys, equal values. */
  keyOf(node: Node, operands: readonly ValueId[]): string {
    return `${node.op} ${this.attributes.of(node.attributes)} ${this.types.of(node.type)} ${operands.join()}`;
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
