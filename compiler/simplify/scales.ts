import { scaleName } from '../../ir/dtypes.ts';
import type { Graph, ValueId } from '../../ir/graph.ts';
import { type Rewriter, rewriteGraph } from '../rewrite.ts';
import { dropDead } from './index.ts';

/** A parameter that is held as bytes, and the scales of its last axis. */
interface Scaled {
  readonly held: ValueId;
  readonly scales: ValueId;
}

/**
 * Lets bytes be read as they are. A parameter that is held as bytes, q, is q · s with a scale s for each index of its last axis; as a
 * tensor that would be as large as if it had never been held as bytes. In a contraction s becomes an operand of its own, whose place the
 * order of contractions finds: (x · q) · s forwards, (g · s) · q backwards. Rows are taken of q, and multiplied by s then.
 *
 * For graphs whose contractions are not in order yet.
 */
export function applyScalesApart(graph: Graph): Graph {
  if (!graph.nodes.some((_, value) => scaledOf(graph, value))) return graph;
  return dropDead(
    rewriteGraph(graph, (node, _, rewriter) => {
      const { op, operands, source } = node;
      if (op === 'gather') {
        const table = scaledOf(graph, operands[0]);
        return table && gathered(table, operands[1], source, rewriter);
      }
      if (op !== 'contract') return null;
      const [inputs, output] = node.attributes.equation.split('->');
      const terms = inputs.split(',');
      const scaled = operands.map((operand) => scaledOf(graph, operand));
      if (scaled.every((one) => one === null)) return null;
      const image = (value: ValueId) => rewriter.image[value];
      const factors = operands.map((operand, k) => image(scaled[k]?.held ?? operand));
      const scales = scaled.flatMap((one, k) =>
        one ? [{ term: terms[k].slice(-1), value: image(one.scales) }] : [],
      );
      const equation = `${[...terms, ...scales.map(({ term }) => term)].join(',')}->${output}`;
      const all = [...factors, ...scales.map(({ value }) => value)];
      return rewriter.append('contract', all, { ...node.attributes, equation }, source);
    }),
  );
}

function gathered(
  { held, scales }: Scaled,
  indices: ValueId,
  source: number,
  { image, append, builder }: Rewriter,
): ValueId {
  const rows = append('gather', [image[held], image[indices]], {}, source);
  const { shape } = builder.typeOf(rows);
  const last = append('broadcast', [image[scales]], { shape, axes: [shape.length - 1] }, source);
  return append('mul', [rows, last], {}, source);
}

/** What a product is of, where it is of bytes and their scales; null for anything else. */
function scaledOf({ nodes }: Graph, value: ValueId): Scaled | null {
  const { op, operands } = nodes[value];
  if (op !== 'mul') return null;
  for (const [held, view] of [operands, [operands[1], operands[0]]]) {
    const [parameter, broadcast] = [nodes[held], nodes[view]];
    if (parameter.op !== 'parameter' || broadcast.op !== 'broadcast') continue;
    const [scales] = broadcast.operands;
    const scale = nodes[scales];
    const isScale =
      scale.op === 'parameter' &&
      scale.attributes.name === scaleName(parameter.attributes.name) &&
      broadcast.attributes.axes[0] === parameter.type.shape.length - 1;
    if (isScale) return { held, scales };
  }
  return null;
}
