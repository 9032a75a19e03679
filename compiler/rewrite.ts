import { type Graph, GraphBuilder, type Node, type ValueId } from '../ir/graph.ts';
import { inferType, type OpAttributes, type OpName } from '../ir/ops.ts';

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
    image[value] =
      rewrite(node, value, rewriter) ??
      builder.append(
        node.op,
        node.operands.map((operand) => image[operand]),
        node.attributes,
        node.type,
        node.source,
      );
  });
  for (const { name, value } of graph.outputs) builder.outputs.push({ name, value: image[value] });
  for (const { parameter, value } of graph.updates)
    builder.updates.push({ parameter, value: image[value] });
  return builder.finish();
}

/** An empty builder with the sources of a graph, so that its source indices stay valid. */
export function builderFor(graph: Graph): GraphBuilder {
  const builder = new GraphBuilder(graph.name);
  for (const source of graph.sources) builder.source(source);
  return builder;
}

/** A builder that goes on where a graph ends. */
export function extendGraph(graph: Graph): GraphBuilder {
  const builder = builderFor(graph);
  builder.nodes.push(...graph.nodes);
  builder.outputs.push(...graph.outputs);
  builder.updates.push(...graph.updates);
  return builder;
}
