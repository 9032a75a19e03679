import { type Graph, GraphBuilder, type Node, type ValueId } from '../ir/graph.ts';
import { append } from '../ir/lists.ts';
import { inferType, type OpAttributes, type OpName } from '../ir/ops.ts';
import { endIfInterrupted } from './interruption.ts';

/** Copies a graph node by node; a pass may append something else for a node. */
export interface Rewriter {
  readonly builder: GraphBuilder;
  /** Value in the new graph of a value in the old one. */
  readonly image: ValueId[];
  /** Appends a node of inferred type. */
  append<Op extends OpName>(
    op: Op,
    operands: readonly ValueId[],
    attributes: OpAttributes[Op],
    source: number,
  ): ValueId;
}

/**
 * Builds a new graph from an old one in one walk. `rewrite` returns the new value for a node, or null for a plain copy
 * over the operands' images. Outputs, updates and sources follow.
 */
export function rewriteGraph(
  graph: Graph,
  rewrite: (node: Node, value: ValueId, rewriter: Rewriter) => ValueId | null,
): Graph {
  const builder = builderFor(graph);
  const image: ValueId[] = new Array(graph.nodes.length);
  const rewriter: Rewriter = {
    builder,
    image,
    append: (op, operands, attributes, source) => {
      const type = inferType(
        op,
        operands.map((operand) => builder.typeOf(operand)),
        attributes,
      );
      if ('reason' in type) throw new Error(`a pass made an ill-typed ${op}: ${type.reason}`);
      return builder.append(op, operands, attributes, type, source);
    },
  };
  graph.nodes.forEach((node, value) => {
    endIfInterrupted();
    const before = builder.nodes.length;
    image[value] = rewrite(node, value, rewriter) ?? copyOf(node, image, builder);
    nameParts(builder, before, image[value], node.source);
  });
  for (const { name, value } of graph.outputs) builder.outputs.push({ name, value: image[value] });
  for (const { parameter, value } of graph.updates)
    builder.updates.push({ parameter, value: image[value] });
  return builder.finish();
}

/** Nodes do not change: one whose operands have their old numbers is the copy itself. */
function copyOf(node: Node, image: readonly ValueId[], builder: GraphBuilder): ValueId {
  let isSame = true;
  for (const operand of node.operands) if (image[operand] !== operand) isSame = false;
  if (isSame) return builder.nodes.push(node) - 1;
  const operands = node.operands.map((operand) => image[operand]);
  return builder.append(node.op, operands, node.attributes, node.type, node.source);
}

const PART = '.part';

/** Of the nodes that stand for one, the result keeps its name; those on the way are parts of it. */
function nameParts(builder: GraphBuilder, before: number, result: ValueId, source: number): void {
  if (source < 0) return;
  for (let value = before; value < builder.nodes.length; value++) {
    const node = builder.nodes[value];
    if (value === result || node.source !== source) continue;
    const origin = builder.sources[source];
    if (origin.name === '' || origin.name.endsWith(PART)) return;
    const part = builder.source(origin.span, { ...origin, name: origin.name + PART });
    builder.nodes[value] = { ...node, source: part };
  }
}

/** An empty builder with the sources of a graph, so that its source indices stay valid. */
export function builderFor(graph: Graph): GraphBuilder {
  return new GraphBuilder(graph.name, graph.sources);
}

/** A builder that goes on where a graph ends. */
export function extendGraph(graph: Graph): GraphBuilder {
  const builder = builderFor(graph);
  append(builder.nodes, graph.nodes);
  append(builder.outputs, graph.outputs);
  append(builder.updates, graph.updates);
  return builder;
}
